"""Windows' functions and who may call them: one call of the contract, so each function asks for itself."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import AccessDenied, FabricError, InvalidHandle, Overloaded
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import winspool_service_pb2 as winspool_pb
from spooler.api.winspool.servicer import WinspoolServicer
from tests.fabric.spooler_rig import SpoolerRig, access_of_people, spooler_running

# Callers: ben looks, ann prints, olga operates, ada administers.
SEE, PRINT, ADMINISTER = "ben ann olga ada", "ann olga ada", "ada"

# What each function needs, and arguments with which it comes to that; H is the handle of a printer.
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "AddJob": (PRINT, {"handle": "H"}),
    "AddMonitor": (ADMINISTER, {"info": {"name": "mine", "environment": "Windows x64", "dll": "tcpmon.dll"}}),
    "AddPort": (ADMINISTER, {"monitor": "Local Port"}),
    "AddPortEx": (ADMINISTER, {"monitor": "Local Port", "info": {"name": "P9:"}}),
    "AddPrinter": (ADMINISTER, {"info": {"name": "another", "ports": "edge/P1:"}}),
    "ClosePrinter": (SEE, {"handle": "H"}),
    "ConfigurePort": (ADMINISTER, {"port": "P1:"}),
    "DeleteMonitor": (ADMINISTER, {"name": "mine"}),
    "DeletePort": (ADMINISTER, {"port": "P1:"}),
    "DeletePrinter": (ADMINISTER, {"handle": "H"}),
    "EndDocPrinter": (SEE, {"handle": "H"}),  # there is no document without StartDocPrinter
    "EnumForms": (SEE, {"handle": "H"}),
    "EnumJobs": (SEE, {"handle": "H"}),
    "EnumMonitors": (SEE, {}),
    "EnumPorts": (SEE, {}),
    "EnumPrintProcessors": (SEE, {}),
    "EnumPrinterDrivers": (SEE, {}),
    "EnumPrinters": (SEE, {}),
    "GetDefaultPrinter": (SEE, {}),
    "GetPrintProcessorDirectory": (SEE, {}),
    "GetPrinter": (SEE, {"handle": "H"}),
    "GetPrinterData": (SEE, {"handle": "H", "value": "Name"}),
    "GetPrinterDataEx": (SEE, {"handle": "H", "value": "Name"}),
    "GetPrinterDriver": (SEE, {"handle": "H"}),
    "GetPrinterDriverDirectory": (SEE, {}),
    "OpenPrinter": (SEE, {"name": "labels"}),
    "ScheduleJob": (SEE, {"handle": "H", "job": 1}),  # nor a job without AddJob
    "SetDefaultPrinter": (SEE, {"name": "labels"}),
    "SetJob": (PRINT, {"handle": "H", "job": "J", "command": 1}),  # ann's job
    "SetPrinter": (ADMINISTER, {"handle": "H", "command": 1}),
    "SetPrinterData": (ADMINISTER, {"handle": "H", "value": "x", "data": {"data": 1}}),
    "SetPrinterDataEx": (ADMINISTER, {"handle": "H", "value": "x", "data": {"data": 1}}),
    "StartDocPrinter": (PRINT, {"handle": "H", "doc": {"name": "x"}}),
    "WritePrinter": (SEE, {"handle": "H", "data": ""}),
    "XcvData": (SEE, {"handle": "H", "command": "MonitorUI"}),  # a session has the access it was opened with
}


async def call(rig: SpoolerRig, function: str, **given: Any) -> dict[str, Any]:
    request = winspool_pb.CallRequest(function=function, arguments_json=json.dumps(given).encode())
    return dict(json.loads((await rig.winspool.Call(request)).output_json))


def functions_of(rig: SpoolerRig) -> set[str]:
    servicers = [servicer for _, servicer, _ in rig.services.servicers]
    return next(set(one.calls) for one in servicers if isinstance(one, WinspoolServicer))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[SpoolerRig]:
    """A spooler in which people see, and print only if they are told to."""
    access = access_of_people(tmp_path)
    access = access.model_copy(update={"roles": {**access.roles, "user": ("token:ann",)}})
    (tmp_path / "state").mkdir()
    async with spooler_running(tmp_path / "state", access=access, everybody_is="viewer") as rig:
        await rig.add_printer("labels")
        yield rig


async def held_job(rig: SpoolerRig, folder: Path) -> Any:
    """Return a job of ann's that waits."""
    steering = rig.parts["printers"]
    await steering.pause_printer("labels", "test")
    async with rig.as_caller("ann", folder) as ann:
        return (await ann.submit(b"^XA^XZ")).job


@pytest.mark.parametrize("person", ["ben", "ann", "olga", "ada"])
async def test_each_function_asks_for_its_right(scene: SpoolerRig, tmp_path: Path, person: str):
    assert set(FUNCTIONS) == functions_of(scene)
    number = (await held_job(scene, tmp_path)).number
    refused = set()
    async with scene.as_caller(person, tmp_path) as caller:
        for function in sorted(FUNCTIONS, key=lambda name: name == "DeletePrinter"):  # the others need it
            given = dict(FUNCTIONS[function][1])
            if "handle" in given:
                given["handle"] = (await call(caller, "OpenPrinter", name="labels"))["handle"]
            if "job" in given:
                given["job"] = number
            try:
                await call(caller, function, **given)
            except AccessDenied:
                refused.add(function)
            except FabricError:
                pass  # the right was there, something else was not
    assert refused == {name for name, (people, _) in FUNCTIONS.items() if person not in people.split()}


async def test_who_may_print_no_more_has_no_say_about_their_jobs_either(tmp_path: Path):
    access, state = access_of_people(tmp_path), tmp_path / "state"
    state.mkdir()
    async with spooler_running(state, access=access) as rig:
        await rig.add_printer("labels")
        job = await held_job(rig, tmp_path)
    async with spooler_running(state, access=access, everybody_is="viewer") as rig:
        async with rig.as_caller("ann", tmp_path) as ann:
            handle = (await call(ann, "OpenPrinter", name="labels"))["handle"]
            for command in (1, 2, 3, 4, 5, 8, 9):
                with pytest.raises(AccessDenied, match="though it is theirs: the role user is missing"):
                    await call(ann, "SetJob", handle=handle, job=job.number, command=command)
            left = (await ann.print.GetJob(print_pb.GetJobRequest(name=job.name))).job
        assert left.state == job.state


async def test_what_one_caller_writes_is_bounded_and_takes_nothing_from_others(
    scene: SpoolerRig, tmp_path: Path
):
    piece = base64.b64encode(bytes(1 << 20)).decode()
    async with scene.as_caller("ann", tmp_path) as ann, scene.as_caller("olga", tmp_path) as olga:
        hers = (await call(olga, "OpenPrinter", name="labels"))["handle"]
        handles = [(await call(ann, "OpenPrinter", name="labels"))["handle"] for _ in range(17)]
        for handle in handles:
            await call(ann, "StartDocPrinter", handle=handle, doc={"name": "x"})
        for handle in handles[:16]:
            await call(ann, "WritePrinter", handle=handle, data=piece)
        with pytest.raises(Overloaded, match="bytes of documents under way"):
            await call(ann, "WritePrinter", handle=handles[16], data=piece)
        for _ in range(300):
            await call(ann, "OpenPrinter", name="labels")
        await call(olga, "StartDocPrinter", handle=hers, doc={"name": "y"})
        await call(olga, "WritePrinter", handle=hers, data=piece)
        with pytest.raises(InvalidHandle):  # the oldest of ann's own had to go
            await call(ann, "EndDocPrinter", handle=handles[0])
