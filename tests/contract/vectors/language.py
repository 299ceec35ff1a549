"""Language monitors, and what a printer says about itself, replayed on MonitorService."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from tests.contract.vectors.monitor import new_document, odd_handle, write_all
from tests.contract.vectors.names import port_named
from tests.contract.vectors.rows import Got, Row
from tests.contract.vectors.world import World, outcome


async def open_port_ex(world: World, row: Row) -> Got:
    """OpenPortEx: a port monitor that lacks a function, a port that is open already."""
    given = row.input
    missing = given.get("pm_table_missing")
    absent = {_function(name) for name in (missing if isinstance(missing, list) else [missing])}
    wanted = [value for name, value in pb.MonitorFunction.items() if value and name not in absent]
    request = _asking(world, port_named(world, given.get("port", "IP_PJL")) or "")
    request.port_monitor.capabilities.extend(wanted)
    if given.get("again") or row.says("port open"):
        await _opened(world, request)
        request = _asking(world, request.open.port, "another")
    if "printer" in given and given["printer"] is None:
        request.open.ClearField("printer")
    got, answer = await outcome(_opened(world, request))
    if answer is None and missing and await _is_open(world, "IP_PJL"):
        got.text += "; and yet the port is open"
        got.win32 = 0
    return got


async def _is_open(world: World, name: str) -> bool:
    ports = (await world.monitor.EnumPorts(pb.EnumPortsRequest())).ports
    return any(one.HasField("hold") for one in ports if one.port.port == name)


def _asking(world: World, port: str, fabric: str = "vectors") -> pb.OpenPortExRequest:
    request = pb.OpenPortExRequest(language_monitor="PJL", bidirectional=True)
    request.open.owner.CopyFrom(world.owner(fabric))
    request.open.port, request.open.fence, request.open.printer = port, next(world.fences), "vectors"
    return request


async def _opened(world: World, request: pb.OpenPortExRequest) -> pb.PortHandle:
    """Open a port through the language monitor; it is closed when the row is done."""
    handle: pb.PortHandle = (await world.monitor.OpenPortEx(request)).open.handle
    world.undo.append(lambda: world.monitor.ClosePort(pb.ClosePortRequest(handle=handle)))
    return handle


def _function(name: Any) -> str:
    words = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in str(name or ""))
    return f"MONITOR_FUNCTION{words}"


async def pjl_status(world: World, row: Row) -> Got:
    """What a PJL printer says, as the port shows it."""
    given, peer = row.input, world.peers["pjl"]
    lines = ["@PJL USTATUS DEVICE"]
    if "code" in given:
        lines.append(f"CODE={given['code']}")
    if "online" in given:
        lines += [f"CODE={given.get('code', 10001)}"] if "code" not in given else []
        lines.append(f"ONLINE={'TRUE' if given['online'] else 'FALSE'}")
    got, handle = await outcome(_opened(world, _asking(world, "IP_PJL")))
    if handle is None:
        return got
    start = new_document(handle)  # the connection is made when there is something to print
    await world.monitor.StartDocPort(start)
    await write_all(world, start, [b"^XA^XZ"])
    word = "\r\n".join([*lines, "\f"]).encode()
    deadline = time.monotonic() + 15
    while not peer.say(word) and time.monotonic() < deadline:  # noqa: ASYNC110 - the peer is a thread
        await asyncio.sleep(0.02)
    wanted = row.out.get("port_status", 0)
    port = await _port(world, "IP_PJL", lambda one: _shown(one)["port_status"] == wanted)
    got.out |= _shown(port) if port is not None else {"port_status": None}
    return got


def _shown(port: port_pb2.Port) -> dict[str, Any]:
    """Return the worst report of the printer itself."""
    said = [one for one in port.status if one.source == port_pb2.STATUS_SOURCE_PRINTER]
    worst = min(said, key=lambda one: one.severity, default=None)
    if worst is None or worst.condition <= port_pb2.PORT_CONDITION_CLEAR:
        return {"port_status": 0, "severity": "INFO"}
    severity = port_pb2.Severity.Name(worst.severity).removeprefix("SEVERITY_")
    return {"port_status": worst.condition - 1, "severity": severity}


async def _port(world: World, name: str, good: Any) -> port_pb2.Port | None:
    """Return a port as soon as it is as it shall be; as it is at last when it never is, None when there is none."""
    found: port_pb2.Port | None = None
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        ports = (await world.monitor.EnumPorts(pb.EnumPortsRequest())).ports
        found = next((one for one in ports if one.port.port == name), None)
        if found is not None and good(found):
            break
        await asyncio.sleep(0.05)
    return found


def _put(data: pb.BidiValue, value: int | str | None) -> None:
    if isinstance(value, str):
        data.string_value = value
    elif value is not None:
        data.int_value = value


async def bidi(world: World, row: Row) -> Got:
    """SendRecvBidiDataFromPort."""
    given = row.input
    handle = await _opened(world, _asking(world, port_named(world, given.get("port") or "IP_PJL")))
    if "handle" in given:
        handle = await odd_handle(world, handle, given["handle"])
    request = pb.SendRecvBidiDataFromPortRequest(
        handle=handle, action_name=given.get("action", "Get"), access=given.get("access", 1)
    )
    if given.get("path") is not None:
        item = request.items.add(request_number=1, schema=given["path"])
        _put(item.data, given.get("value", 1 if request.action_name.lower() == "set" else None))
    got, answer = await outcome(world.monitor.SendRecvBidiDataFromPort(request))
    if answer is not None:
        got.win32 = answer.result
        with contextlib.suppress(IndexError):
            got.out["item"] = answer.items[0].result
    return got
