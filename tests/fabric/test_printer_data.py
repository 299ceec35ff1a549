"""GetPrinterData: the spooler asks what hangs on a printer's port, through the hold that documents use."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.client import Channels
from chassis.errors import FabricError, HostUnreachable
from printfabric.spooler.v1 import printer_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.spooler.v1 import winspool_service_pb2 as winspool
from printfabric.spooler.v1.winspool_service_pb2_grpc import WinspoolServiceStub
from printfabric.types.v1 import port_pb2
from spooler.job_state import JobState
from spooler.port import DataQuestion
from tests.fabric.dispatch_rig import running
from tests.fabric.spooler_rig import SpoolerRig, access_of_people, spooler_running
from tests.fakes.host import FakeHost

MEMORY = "Installed Memory"
SOFT_RESET, DEVICE_ID = 0x220040, 0x220034
OPENINGS = ("OpenPort", "OpenPortEx ZPL", "OpenPortEx PJL", "ClosePort")


@pytest.fixture
def host() -> FakeHost:
    found = FakeHost("edge", "P1:", "P2:")
    found.ports["P1:"].data = {
        MEMORY: (33554432).to_bytes(4, "little"),
        DEVICE_ID: b"\0\x08MFG:A;",
        SOFT_RESET: b"",
    }
    return found


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[SpoolerRig]:
    async with spooler_running(tmp_path, host) as found:
        await found.add_printer("office", "P1:", "P2:", language_monitor="PJL")
        await found.add_printer("raw")
        yield found


async def ask(rig: SpoolerRig, printer: str = "office", value: str = MEMORY, **more: Any) -> Any:
    return await rig.printers.GetPrinterData(pb.GetPrinterDataRequest(name=printer, value_name=value, **more))


async def refused(answer: Any) -> tuple[int, str]:
    with pytest.raises(FabricError) as error:
        await answer
    return error.value.win32, error.value.reason


def openings(host: FakeHost, port: str = "P1:") -> list[str]:
    return [call for call in host.ports[port].calls if call in OPENINGS]


async def test_a_value_is_asked_through_the_printers_language_monitor_and_the_port_stays_open(
    rig: SpoolerRig, host: FakeHost
) -> None:
    answer = await ask(rig)
    assert int.from_bytes(answer.output, "little") == 33554432
    assert not answer.HasField("kept_time")
    assert (await ask(rig)).output == answer.output
    assert openings(host) == ["OpenPortEx PJL"]


async def test_a_port_that_another_path_has_open_is_closed_before_it_is_opened(
    rig: SpoolerRig, host: FakeHost
) -> None:
    await ask(rig)
    await ask(rig, "raw", "", control_id=DEVICE_ID)
    assert openings(host) == ["OpenPortEx PJL", "ClosePort", "OpenPort"]


async def test_the_hold_of_documents_is_asked_while_they_print_and_another_path_is_refused(
    tmp_path: Path, host: FakeHost
) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("office", "P1:", language_monitor="PJL")
        await rig.printer("raw", "P1:")
        port = host.ports["P1:"]
        port.paused.clear()
        job = await rig.submit("office", b"page")
        await rig.until(job.number, JobState.PROCESSING)
        office, raw = (rig.dispatcher.printers[name] for name in ("office", "raw"))
        question = DataQuestion(MEMORY)
        assert await rig.dispatcher.printer_data(office, office.ports[0], question)
        error = await refused(rig.dispatcher.printer_data(raw, raw.ports[0], question))
        assert error == (170, "PORT_BUSY")
        port.paused.set()
        await rig.until(job.number, JobState.COMPLETED)
        assert openings(host) == ["OpenPortEx PJL"]


async def test_a_document_behind_a_question_uses_its_hold(rig: SpoolerRig, host: FakeHost) -> None:
    await ask(rig, "raw", "", control_id=DEVICE_ID)
    await rig.submit(printer="raw")
    await ask(rig, "raw", "", control_id=DEVICE_ID)
    assert openings(host) == ["OpenPort"]


async def test_another_port_of_the_printer_may_be_named_and_one_of_nobodys_may_not(
    rig: SpoolerRig, host: FakeHost
) -> None:
    host.ports["P2:"].data[MEMORY] = b"\1\0\0\0"
    second = port_pb2.PortName(host="EDGE", port="p2:")
    assert (await ask(rig, port=second)).output == b"\1\0\0\0"
    assert await refused(ask(rig, port=port_pb2.PortName(host="edge", port="P3:"))) == (
        1796,
        "PORT_NOT_FOUND",
    )


async def test_a_value_is_kept_for_when_the_printer_cannot_be_asked(rig: SpoolerRig, host: FakeHost) -> None:
    before = await ask(rig)
    lane = next(iter(rig.dispatcher.lanes.values()))
    lane.pause(HostUnreachable("the host is away"))
    kept = await ask(rig)
    assert kept.output == before.output
    assert kept.HasField("kept_time")
    assert await refused(ask(rig, value="Price")) == (1722, "HOST_UNREACHABLE")
    assert await refused(ask(rig, value="", control_id=DEVICE_ID)) == (1722, "HOST_UNREACHABLE")


async def test_what_nobody_there_can_answer_is_refused(rig: SpoolerRig) -> None:
    assert await refused(ask(rig, value="Price")) == (87, "INVALID_ARGUMENT")
    assert await refused(ask(rig, value="")) == (87, "INVALID_ARGUMENT")
    assert await refused(ask(rig, "raw")) == (87, "INVALID_ARGUMENT"), "no language monitor, no values"
    assert await refused(ask(rig, "nobody")) == (1801, "PRINTER_NOT_FOUND")
    assert (await refused(ask(rig, max_output_bytes=3)))[0] == 122


async def test_to_look_takes_the_right_to_print_and_to_change_an_administrators(
    tmp_path: Path, host: FakeHost
) -> None:
    (tmp_path / "state").mkdir()
    access = access_of_people(tmp_path)
    async with spooler_running(tmp_path / "state", host, access) as rig:
        await rig.add_printer("office", language_monitor="PJL")
        async with rig.as_caller("ben", tmp_path) as ben:
            assert (await ask(ben)).output
            assert (await ask(ben, value="", control_id=DEVICE_ID)).output
            assert await refused(ask(ben, value="", control_id=SOFT_RESET)) == (5, "ACCESS_DENIED")
        async with rig.as_caller("ada", tmp_path) as ada:
            await ask(ada, value="", control_id=SOFT_RESET, request_id="r-1")
            request = watch_pb.ListHistoryRequest(parent="-", page_size=1)
            line = (await ada.watch.ListHistory(request)).entries[0]
            assert (line.kind, line.actor) == ("device-control", "token:ada")
            assert host.ports["P1:"].asked[-1].request_id.endswith(" r-1")
    async with (
        spooler_running(tmp_path / "state", host, access, everybody_is="viewer") as rig,
        rig.as_caller("ben", tmp_path) as ben,
    ):
        assert await refused(ask(ben)) == (5, "ACCESS_DENIED")


async def test_windows_own_call_reaches_the_printer_and_says_what_it_lacks(
    rig: SpoolerRig, host: FakeHost
) -> None:
    async with Channels() as channels:
        stub: Any = WinspoolServiceStub(channels.get(rig.address))

        async def call(function: str, **given: Any) -> Any:
            data = json.dumps(given).encode()
            answer = await stub.Call(winspool.CallRequest(function=function, arguments_json=data))
            return json.loads(answer.output_json)

        host.ports["P1:"].data["Serial"] = b"\xffX"
        office = (await call("OpenPrinter", name="office"))["handle"]
        raw = (await call("OpenPrinter", name="raw"))["handle"]
        found = await call("GetPrinterData", handle=office, value=MEMORY, size=4)
        assert found == {"type": "REG_DWORD", "data": 33554432}
        serial = await call("GetPrinterData", handle=office, value="Serial")
        assert serial == {"type": "REG_BINARY", "data": base64.b64encode(b"\xffX").decode()}
        assert (await refused(call("GetPrinterData", handle=office, value=MEMORY, size=3)))[0] == 234
        assert (await refused(call("GetPrinterData", handle=office, value="Price")))[0] == 2
        assert (await refused(call("GetPrinterData", handle=raw, value=MEMORY)))[0] == 2
        host.ports["P1:"].asked.clear()
        assert (await call("GetPrinterData", handle=office, value="Name"))["data"] == "office"
        assert not host.ports["P1:"].asked, "what the spooler knows itself is not asked of the printer"
