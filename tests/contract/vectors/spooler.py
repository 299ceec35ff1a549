"""Windows' spooler calls, replayed on WinspoolService."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from printfabric.spooler.v1 import port_service_pb2 as ports
from printfabric.spooler.v1 import print_service_pb2 as jobs
from printfabric.spooler.v1 import printer_service_pb2 as printers
from printfabric.types.v1 import job_pb2
from tests.contract.vectors.monitor import DEAD
from tests.contract.vectors.names import port_named
from tests.contract.vectors.rows import Got, Row, size_of
from tests.contract.vectors.world import HOST, PRINTER, World, outcome

_RIGHTS = {
    "USE": 8, "PRINTER_ACCESS_USE": 8, "ADMIN": 12, "ADMINISTER": 12, "PRINTER_ACCESS_ADMINISTER": 4, "ALL": 0xF000C,
    "PRINTER_ALL_ACCESS": 0xF000C, "SERVER_ALL_ACCESS": 0xF0003, "SERVER_ACCESS_ADMINISTER": 1, "READ": 0x20008,
    "SERVER_ACCESS_ENUMERATE": 2, "ENUMERATE": 2,
}  # fmt: skip
_HANDLES = {
    "printer": PRINTER,
    "valid": PRINTER,
    "from OpenPrinter": PRINTER,
    "server": None,
    "xcv": ",XcvMonitor Local Port",
}
_COMMANDS = (
    "",
    "PAUSE",
    "RESUME",
    "CANCEL",
    "RESTART",
    "DELETE",
    "SENT_TO_PRINTER",
    "LAST_PAGE_EJECTED",
    "RETAIN",
    "RELEASE",
)
_LAYERS = {"provider": "provider", "NT4": "monitor", "API": "api"}
_WITH_HANDLE = {
    "AddJob", "ClosePrinter", "DeletePrinter", "EndDocPrinter", "EnumForms", "EnumJobs", "GetPrinter", "GetPrinterData",
    "GetPrinterDataEx", "GetPrinterDriver", "ScheduleJob", "SetJob", "SetPrinter", "SetPrinterData", "SetPrinterDataEx",
    "StartDocPrinter", "WritePrinter",
}  # fmt: skip


async def any_call(world: World, row: Row) -> Got:
    """Make the call that the row names, with its own arguments; sizes are asked for first."""
    arguments = await _arguments(world, row)
    if "size" in row.input and row.input["size"] is not None:
        asked = {name: value for name, value in arguments.items() if value is not None} | {"size": 1 << 20}
        _, probe = await outcome(world.call(row.base, **asked))
        arguments["size"] = size_of(row.input["size"], probe["needed"] if probe else 0)
    got, answer = await outcome(world.call(row.base, **arguments))
    got.out["needed"] = _needed(got, answer)
    if answer is not None:
        got.out["type"] = answer.get("type")
    return got


def _needed(got: Got, answer: Any) -> int:
    if answer is not None:
        return int(answer["needed"])
    return int(got.text.split(": ")[1].split(" ")[0]) if got.win32 in (122, 234) else 0


async def _arguments(world: World, row: Row) -> dict[str, Any]:
    given = dict(row.input)
    if row.base in _WITH_HANDLE:
        given["handle"] = await _handle(world, given.get("handle", "printer"))
    if row.base in ("AddPortEx", "AddPort", "ConfigurePort", "DeletePort"):
        given["as"] = _LAYERS.get(row.flavour, "api")
        for name in ("name", "port"):
            if name in given:
                given[name] = port_named(world, given[name])
        if row.says("port exists"):
            await _add_port(world, given["name"])
    return given


async def _handle(world: World, words: Any) -> Any:
    """Return a handle of a printer, the server or a monitor, NULL, a closed one; other words name none that there is."""
    if words is None:
        return None
    name = _HANDLES.get("printer" if any(word in words for word in DEAD) else words, "")
    if name == "":
        return "garbage"
    handle = (await world.call("OpenPrinter", name=name))["handle"]
    if any(word in words for word in DEAD):
        await world.call("ClosePrinter", handle=handle)
    return handle


async def _add_port(world: World, name: str) -> None:
    await world.ports.AddPort(
        ports.AddPortRequest(parent=f"hosts/{HOST}", port_id=name, monitor="Local Port")
    )


def with_given(row: Row, **given: Any) -> Row:
    return replace(row, input={**row.input, **given})


async def open_printer(world: World, row: Row) -> Got:
    """OpenPrinter."""
    given = dict(row.input)
    given["name"] = port_named(world, given.get("name"))
    access = given.get("access", 0)
    given["access"] = _RIGHTS.get(access, 2) if isinstance(access, str) else access or 0
    got, answer = await outcome(world.call("OpenPrinter", **given))
    if answer is not None:
        await world.call("ClosePrinter", handle=answer["handle"])
    return got


async def monitors(world: World, row: Row) -> Got:
    """AddMonitor, DeleteMonitor; what must be there is added first, what must not be is taken away."""
    given = dict(row.input)
    name = given.get("name") or "m"
    await outcome(world.call("DeleteMonitor", name=name))
    good = {"name": name, "environment": "Windows x64", "dll": "raw"}
    if row.says("already added") or (row.says("installed") and not row.says("not installed")):
        await world.call("AddMonitor", level=2, info=good)
    arguments: dict[str, Any] = {name: given[name] for name in ("level", "server") if name in given}
    if row.base == "DeleteMonitor":
        arguments |= {key: _environment(given[key]) for key in ("name", "environment") if key in given}
    elif "all zero" in str(given.get("info", "")):
        arguments["info"] = {"name": None, "environment": None, "dll": None}
    else:
        info = {key: given[key] for key in ("name", "environment", "dll") if key in given}
        dll = str(info.get("dll", ""))
        if dll.startswith("valid"):
            info["dll"] = "raw"
        elif any(word in dll for word in ("no entry", "not a monitor", "no monitor", "without", "kernel32")):
            info["dll"] = "PJL"  # it is there, and no port monitor
        info = {key: _environment(value) for key, value in info.items()}
        arguments["info"] = {"name": name, "dll": "raw", **info} if row.input.get("level") != 1 else info
    got, _ = await outcome(world.call(row.base, **arguments))
    return got


def _environment(value: Any) -> Any:
    return "Windows x64" if value in ("valid", "native") else value


async def get_printer(world: World, row: Row) -> Got:
    """GetPrinter, for a span of levels: a probe, then the size that it told."""
    levels = str(row.input.get("level", 2))
    low, _, high = levels.partition("..")
    handle = await _handle(world, row.input.get("handle", "printer"))
    got = Got(122)
    for level in range(int(low), int(high or low) + 1):
        got, answer = await outcome(
            world.call("GetPrinter", handle=handle, level=level, size=row.input.get("size", 0))
        )
        if answer is not None or got.win32 != 122:
            return got
        size = _needed(got, None)
        filled = await world.call("GetPrinter", handle=handle, level=level, size=size)
        assert filled["needed"] == size, (level, filled)
    return got


async def jobs_of_api(world: World, row: Row) -> Got:
    """AddJob, ScheduleJob, StartDocPrinter, WritePrinter, EndDocPrinter."""
    given = dict(row.input)
    handle = await _handle(world, given.get("handle", "printer"))
    if row.base == "ScheduleJob":
        number = 424242
        if "AddJob" in str(given.get("job", "")) and "not from" not in str(given["job"]):
            number = (await world.call("AddJob", handle=handle, level=1))["job"]
        got, answer = await outcome(world.call("ScheduleJob", handle=handle, job=number))
        if answer is not None and answer["job"] == 0:
            got.out["job"] = "deleted"
        return got
    if row.base == "StartDocPrinter" and given.get("doc") is not None:
        given["doc"] = {"name": "vector", "datatype": given.get("datatype", "RAW")}
    given["handle"] = handle
    if given.pop("again", None) and handle is not None:
        await world.call(row.base, **given)
    got, _ = await outcome(world.call(row.base, **given))
    return got


async def set_job(world: World, row: Row) -> Got:
    """SetJob. A monitor's SENT_TO_PRINTER is the end of a document on its stream: without a language monitor the job ends with it.

    LAST_PAGE_EJECTED, which no vector has, is shown by tests/contract/test_last_page_ejected.py.
    """
    given = dict(row.input)
    if given.get("command") == "SENT_TO_PRINTER":
        return await _sent(world)
    given["handle"] = await _handle(world, given.get("handle", "printer"))
    await world.printers.PausePrinter(printers.PausePrinterRequest(name=PRINTER))
    try:
        submitted = await submit(world)
        given.setdefault("job", submitted.number)
        if isinstance(given.get("command"), str):
            given["command"] = _COMMANDS.index(given["command"])
        got, _ = await outcome(world.call("SetJob", **given))
    finally:
        await outcome(world.jobs.CancelJob(jobs.CancelJobRequest(name=submitted.name)))
        await world.printers.ResumePrinter(printers.ResumePrinterRequest(name=PRINTER))
    return got


async def submit(world: World) -> job_pb2.Job:
    spec = jobs.JobSpec(printer=f"printers/{PRINTER}")
    answer = await world.jobs.SubmitJob(jobs.SubmitJobRequest(spec=spec, document=b"^XA^FDvector^FS^XZ"))
    found: job_pb2.Job = answer.job
    return found


async def _sent(world: World) -> Got:
    job = await submit(world)
    deadline = time.monotonic() + 30
    while job.state != job_pb2.JOB_STATE_COMPLETED and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        job = (await world.jobs.GetJob(jobs.GetJobRequest(name=job.name))).job
    straight = not (
        await world.printers.GetPrinter(printers.GetPrinterRequest(name=PRINTER))
    ).printer.language_monitor
    ended = straight and job.state == job_pb2.JOB_STATE_COMPLETED
    return Got(0 if ended else 1460, out={"job": "ends; removed without LM unless kept"} if ended else {})


async def printer_data(world: World, row: Row) -> Got:
    """SetPrinterDataEx with a number, as the row does not say which."""
    return await any_call(world, with_given(row, data={"type": "REG_DWORD", "data": 1}))


async def add_printer(world: World, row: Row) -> Got:
    """AddPrinter."""
    info = {
        "name": port_named(world, row.input.get("name", world.new_name())),
        "ports": f"{HOST}/{row.input.get('port', 'IP_1')}",
    }
    got, _ = await outcome(world.call("AddPrinter", level=row.input.get("level", 2), info=info))
    return got


async def printer_life(world: World, _row: Row) -> Got:
    """Add, enumerate, change, pause, resume, delete, enumerate."""
    name = world.new_name()

    async def there() -> bool:
        found = await world.call("EnumPrinters", level=2)
        return name in [one["name"] for one in found["printers"]]

    handle = (await world.call("AddPrinter", level=2, info={"name": name, "ports": f"{HOST}/IP_1"}))["handle"]
    present = await there()
    for command in (0, 1, 2):
        await world.call("SetPrinter", handle=handle, level=0, command=command)
    await world.call("DeletePrinter", handle=handle)
    gone = not await there()
    return Got(0, out={"enum": "present then absent" if present and gone else "not so"})
