"""The monitor's own functions, replayed on MonitorService."""

from __future__ import annotations

import time
import uuid

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xcv_pb
from printfabric.spooler.v1 import port_service_pb2 as port_pb
from tests.contract.vectors.names import FILE_PORT, NULL, PORTS, port_named
from tests.contract.vectors.rows import Got, Row, size_of
from tests.contract.vectors.world import World, outcome

MONITOREX = (
    "EnumPorts", "OpenPort", "OpenPortEx", "StartDocPort", "WritePort", "ReadPort", "EndDocPort", "ClosePort", "AddPort",
    "AddPortEx", "ConfigurePort", "DeletePort", "GetPrinterDataFromPort", "SetPortTimeOuts", "XcvOpenPort", "XcvDataPort",
    "XcvClosePort",
)  # fmt: skip
_PORT = "IP_1"
DEAD = ("closed", "twice", "double", "again")  # words for a handle that was good once


async def initialize(world: World, row: Row) -> Got:
    """InitializePrintMonitor2: the handshake, twice, since the answer must be the same."""
    root = row.input.get("registry_root", "the host's own")
    request = pb.InitializeRequest(
        owner=world.owner(), contract_version="1.0", config_root=root or "", legacy_root_required=True
    )
    host = await world.host_without_ports() if row.says("store empty") else world.monitor
    got, first = await outcome(host.Initialize(request))
    if first is None:
        return got
    if host is not world.monitor:
        listed = (await host.EnumPorts(pb.EnumPortsRequest())).ports
        return got if not listed else Got(183, "OK", {}, f"{len(listed)} ports, where there are none")
    again = await world.monitor.Initialize(request)
    if first.monitors == again.monitors and first.monitor_handle == again.monitor_handle:
        got.out["table"] = "same pointer on every call"
    got.out["functions"] = len(_table())
    return got


def _table() -> set[str]:
    """Return the functions of Windows 2000's MONITOREX that the contract has: by MonitorService, XcvService, PortService."""
    served = [pb.DESCRIPTOR, xcv_pb.DESCRIPTOR, port_pb.DESCRIPTOR]
    calls = {
        call.name for one in served for service in one.services_by_name.values() for call in service.methods
    }
    return {
        name for name in MONITOREX if name in calls or name == "AddPortEx"
    }  # AddPortEx is one of WinspoolService's


async def enum_ports(world: World, row: Row) -> Got:
    """EnumPorts of the monitor, with the size protocol."""
    given = row.input
    request = pb.EnumPortsRequest()
    if given.get("level") is not None:
        request.level = int(given["level"]) & 0xFFFFFFFF
    if "monitor_handle" in given:
        request.monitor_handle = b"" if given["monitor_handle"] is None else b"garbage"
    if any(given.get(name, "") is None for name in ("needed", "returned")):
        request.null_output, request.max_output_bytes = True, 1
    whole = 0
    if "size" in given:
        probe, answer = await outcome(world.monitor.EnumPorts(request))
        if answer is None and probe.win32 != 122:
            probe.out |= {"needed": 0, "returned": 0}
            return probe
        whole = answer.needed_bytes if answer is not None else 0
        size = size_of(given["size"], whole)
        request.max_output_bytes = size or 0
        request.null_output |= bool("buffer" in given and given["buffer"] is None and size)
    got, answer = await outcome(world.monitor.EnumPorts(request))
    needed = answer.needed_bytes if answer is not None else whole if got.win32 == 122 else 0
    got.out |= {"needed": needed, "returned": len(answer.ports) if answer is not None else 0}
    return got


async def open_port(world: World, row: Row) -> Got:
    """OpenPort; once more is another path's, another fabric."""
    given = row.input
    name = given.get("name", "COM1:")
    name = port_named(world, name) if name is not None else None
    if given.get("handle", "") is None or given.get("handle_out", "") is None:
        got, _ = await outcome(world.monitor.OpenPort(pb.OpenPortRequest(port=name, fence=1)))
        return got  # nobody to give a handle to
    first = await world.open(name) if given.get("again") or row.says("already open") else None
    got, opened = await outcome(world.open(name, "another" if first is not None else "vectors"))
    if opened is None:
        got.out["handle"] = "unchanged"
    elif first is None:
        got.out["handle"] = "new"
    else:
        differs = first.handle.token != opened.handle.token
        got.out["handle"] = "different from the first" if differs else "the same"
    return got


async def close_port(world: World, row: Row) -> Got:
    """ClosePort of a good handle, of none, of garbage, of one that was closed."""
    given = row.input
    words = given.get("handle", "from OpenPort")
    handle = pb.PortHandle()
    if words and any(word in words for word in ("OpenPort", "second", "first", *DEAD)):
        port = port_named(world, given.get("port", "COM1:"))
        handle = (await world.open(port)).handle
        if "second" in words or row.says("two opens"):
            handle = (await world.open(port)).handle
        if any(word in words for word in DEAD) or row.says("closed"):
            await world.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    elif words is not None and words not in NULL:
        handle = pb.PortHandle(token=b"garbage", fence=1)
    got, _ = await outcome(world.monitor.ClosePort(pb.ClosePortRequest(handle=handle)))
    return got


async def start_doc(world: World, row: Row) -> Got:
    """StartDocPort: levels, documents begun twice, FILE: without a name."""
    given = row.input
    handle = await _handle(world, row, port_named(world, given.get("port") or _PORT))
    request = new_document(handle)
    request.info.level = given.get("level", 1)
    if "output_file" in given or given.get("port") == "FILE:":
        request.info.output_file = port_named(world, given.get("output_file")) or ""
    if row.says("document") or given.get("again"):
        await world.monitor.StartDocPort(request)
    if "another" in str(given.get("again")) or "other" in str(given.get("job")):
        request = new_document(handle)
    got, _ = await outcome(world.monitor.StartDocPort(request))
    return got


async def write_port(world: World, row: Row) -> Got:
    """WritePort: outside a document, nothing, and to a device that takes nothing."""
    given = row.input
    stalled = "0 bytes" in str(given.get("device", ""))
    if stalled:
        world.peers["stalled"].reads = False
    handle = await _handle(
        world, row, "IP_STALLED" if stalled else port_named(world, given.get("port") or _PORT)
    )
    request = new_document(handle)
    if "no document" not in str(given.get("state", "")) and given.get("handle", "valid") == "valid":
        request.info.output_file = world.new_name()
        await world.monitor.StartDocPort(request)
    if "ended" in str(given.get("state", "")):
        await world.monitor.EndDocPort(pb.EndDocPortRequest(handle=handle, document=request.document))
        request = new_document(handle)
    data = b"x" * int(given.get("bytes", 10))
    pieces = [b"\0" * (1 << 20)] * 24 if stalled else [data]
    got, _ = await outcome(write_all(world, request, pieces))
    return got


async def write_all(world: World, start: pb.StartDocPortRequest, pieces: list[bytes]) -> int:
    """Write pieces one after the other and read every answer."""
    call = world.monitor.WritePort()
    offset = 0
    for piece in pieces:
        await call.write(
            pb.WritePortRequest(handle=start.handle, document=start.document, offset=offset, data=piece)
        )
        offset += len(piece)
        answer = await call.read()
        if not isinstance(answer, pb.WritePortResponse):
            break
    await call.done_writing()
    while isinstance(await call.read(), pb.WritePortResponse):
        continue
    return offset


async def read_port(world: World, row: Row) -> Got:
    """ReadPort."""
    handle = await _handle(world, row, port_named(world, row.input.get("port") or "COM1:"))
    request = pb.ReadPortRequest(handle=handle)
    request.timeout.FromMilliseconds(10)
    got, _ = await outcome(world.monitor.ReadPort(request))
    return got


async def end_doc(world: World, row: Row) -> Got:
    """EndDocPort: harmless without a document."""
    handle = await _handle(world, row, port_named(world, row.input.get("port") or _PORT))
    start = new_document(handle)
    if row.says("document open"):
        await world.monitor.StartDocPort(start)
    request = pb.EndDocPortRequest(handle=start.handle, document=start.document)
    got, _ = await outcome(world.monitor.EndDocPort(request))
    return got


async def printer_data(world: World, row: Row) -> Got:
    """GetPrinterDataFromPort."""
    given = row.input
    handle = await _handle(world, row, port_named(world, given.get("port") or "LPT1:"))
    request = pb.GetPrinterDataFromPortRequest(
        handle=handle, control_id=given.get("control_id", 0), value_name=given.get("value") or ""
    )
    got, _ = await outcome(world.monitor.GetPrinterDataFromPort(request))
    return got


async def time_outs(world: World, row: Row) -> Got:
    """SetPortTimeOuts."""
    handle = await _handle(world, row, port_named(world, row.input.get("port") or "COM1:"))
    request = pb.SetPortTimeOutsRequest(handle=handle, reserved=row.input.get("reserved", 0))
    request.read_total.FromSeconds(1)
    got, _ = await outcome(world.monitor.SetPortTimeOuts(request))
    return got


async def notify(world: World, row: Row) -> Got:
    """NotifyUsedPorts, NotifyUnusedPorts, PowerEvent, Shutdown."""
    ports = row.input.get("ports") or ["COM1:"]
    if row.base == "NotifyUsedPorts":
        call = world.monitor.NotifyUsedPorts(pb.NotifyUsedPortsRequest(owner=world.owner(), ports=ports))
    elif row.base == "NotifyUnusedPorts":
        call = world.monitor.NotifyUnusedPorts(pb.NotifyUnusedPortsRequest(owner=world.owner(), ports=ports))
    elif row.base == "PowerEvent":
        call = world.monitor.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_RESUME))
    else:
        call = world.monitor.Shutdown(pb.ShutdownRequest(owner=world.owner()))
        world.undo.append(lambda: world.monitor.Initialize(pb.InitializeRequest(owner=world.owner())))
    return (await outcome(call))[0]


async def _handle(world: World, row: Row, port: str) -> pb.PortHandle:
    """Return a handle of a port, or the bad one that the row asks for."""
    opened = await world.open(port if port in PORTS else FILE_PORT)
    return await odd_handle(world, opened.handle, row.input.get("handle", "valid"))


async def odd_handle(world: World, good: pb.PortHandle, words: str | None) -> pb.PortHandle:
    """Return a good handle as it is, closed, or another one for it, as the words have it."""
    if words is None or words in NULL:
        return pb.PortHandle()
    if any(word in words for word in DEAD):
        await world.monitor.ClosePort(pb.ClosePortRequest(handle=good))
    elif words in ("garbage", "stale", "foreign", "bad"):
        return pb.PortHandle(token=b"garbage", fence=1)
    return good


def new_document(handle: pb.PortHandle) -> pb.StartDocPortRequest:
    """Return the start of a document that nobody has seen before."""
    stamp = int(time.time() * 1000).to_bytes(6, "big")
    request = pb.StartDocPortRequest(handle=handle)
    request.document.job_uid = stamp + b"\x70" + uuid.uuid4().bytes[7:]
    request.document.attempt = 1
    return request
