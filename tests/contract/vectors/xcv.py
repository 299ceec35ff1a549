"""The management channel, replayed on XcvService: handles, rights, sizes, the monitor's own codes in the body."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from printfabric.monitor.v1 import xcv_service_pb2 as pb
from printfabric.spooler.v1 import port_service_pb2 as ports
from tests.contract.vectors.monitor import DEAD
from tests.contract.vectors.names import FILE_PORT, port_named
from tests.contract.vectors.rows import Got, Row, size_of
from tests.contract.vectors.world import World, outcome

_ADMIN, _READ = 1, 2
_RIGHTS = {"ADMIN": 1, "ENUMERATE": 2, "ALL": 0xFFFFFFFF, "NONE": 0, "0": 0}
LOCAL, TCP = "Local Port", "Standard TCP/IP Port"
# Commands whose input is a port's name.
_NAMED = {"AddPort", "DeletePort", "PortExists", "PortIsValid", "GetDefaultCommConfig", "CleanupPort"}


async def open_port(world: World, row: Row) -> Got:
    """XcvOpenPort: "" is the monitor itself, anything else one of its ports."""
    given = row.input
    access = given.get("access", 0)
    request = pb.XcvOpenPortRequest(granted_access=_access(access))
    if all(given.get(name, "") is not None for name in ("object", "handle_out", "handle")):
        _about(request, given.get("object") or "", LOCAL)
    got, _ = await outcome(world.xcv.XcvOpenPort(request))
    return got


def _access(words: Any) -> int:
    if isinstance(words, int):
        return words & 0xFFFFFFFF
    with contextlib.suppress(ValueError):
        return int(str(words), 0) & 0xFFFFFFFF
    return _RIGHTS.get(str(words), 0xFFFFFFFF if words else 0)


def _about(request: pb.XcvOpenPortRequest, name: str, monitor: str) -> None:
    if name:
        request.port = name
    else:
        request.monitor = monitor


async def close_port(world: World, row: Row) -> Got:
    """XcvClosePort of a good handle, of none, of garbage, of one that was closed."""
    words = row.input.get("handle", "from XcvOpenPort")
    handle = await _odd_handle(world, "closed" if words and row.says("closed") else words)
    got, _ = await outcome(world.xcv.XcvClosePort(pb.XcvClosePortRequest(handle=handle)))
    return got


async def _odd_handle(world: World, words: Any) -> bytes:
    """Return a good handle of a management session, none, garbage, or one that was closed, as the words have it."""
    if words is None:
        return b""
    dead = any(word in words for word in DEAD)
    if not dead and "Open" not in words and words != "valid":
        return b"garbage"
    handle = await _session(world.xcv, "", LOCAL, _ADMIN)
    if dead:
        await world.xcv.XcvClosePort(pb.XcvClosePortRequest(handle=handle))
    return handle


async def _session(service: Any, port: str, monitor: str, access: int) -> bytes:
    request = pb.XcvOpenPortRequest(granted_access=access)
    _about(request, port, monitor)
    answer = await service.XcvOpenPort(request)
    found: bytes = answer.handle
    return found


async def data(world: World, row: Row) -> Got:
    """XcvDataPort."""
    given, tcp = row.input, row.flavour == "TCPMON"
    command = given.get("command", row.command)
    port = (
        "IP_1"
        if row.says("port handle")
        or (tcp and not row.says("monitor handle") and command not in ("AddPort", "DeletePort", "MonitorUI"))
        else ""
    )
    # What no command stores is asked of a host whose store has had it from the start.
    kept = given.get("stored", "45")
    number = isinstance(kept, str) and kept.strip().isdecimal()
    service = world.xcv if number else await world.xcv_of_host_with(kept)
    handle = await _session(service, port, TCP if tcp else LOCAL, _rights(row))
    if "handle" in given:
        handle = await _odd_handle(world, given["handle"])
    request = pb.XcvDataPortRequest(handle=handle, data_name=command or "")
    request.input_data = await _input(world, row, command or "", port)
    request.null_output = "out" in given and given["out"] is None
    request.null_needed = "needed" in given and given["needed"] is None
    if given.get("out_size") is not None:
        request.max_output_bytes = 1 << 20
        _, answer = await outcome(service.XcvDataPort(request))
        if answer is not None:
            request.max_output_bytes = size_of(given["out_size"], answer.needed_bytes) or 0
    got, answer = await outcome(service.XcvDataPort(request))
    if answer is None:
        return got
    got.win32, got.text, got.needed = answer.status, answer.message, answer.needed_bytes
    _outputs(got, answer)
    await _stored(world, row, got)
    return got


def _rights(row: Row) -> int:
    if row.says("no admin") or row.says("access 0"):
        return 0
    return _READ if row.says("enumerate") else _ADMIN


async def _input(world: World, row: Row, command: str, port: str) -> bytes:
    """Return a command's input as JSON; records by the words that the vectors have for them."""
    given, words = row.input, row.input.get("input", "")
    if "stored" in given:
        if str(given["stored"]).strip().isdecimal():
            await _store(world, given["stored"])
        return b""
    if words is None or given.get("input", "absent") == "":
        return json.dumps("").encode() if words == "" and row.flavour != "TCPMON" else b""
    if row.flavour == "TCPMON":
        return _record(world, command, str(words), port)
    if command in _NAMED and "input" in given:
        name = FILE_PORT if words == "valid" else port_named(world, words)
        if row.says("port exists") or row.says("unknown prior state"):
            await world.ports.AddPort(_add(name))
        return json.dumps(name).encode()
    if command.startswith("ConfigureLPT"):
        return json.dumps("45" if words == "valid" else words).encode()
    return json.dumps(words).encode() if words else b""


def _record(world: World, command: str, words: str, port: str) -> bytes:
    """Return PORT_DATA, DELETE_PORT_DATA_1 or CONFIG_INFO_DATA_1 of the version that the words name."""
    if "short" in words or "truncated" in words:
        return b'{"dwVersion": 1, "szt'  # cut off
    version = next((int(word) for word in words.replace("_", " ").split() if word.isdecimal()), 1)
    record: dict[str, Any] = {"dwVersion": version}
    if command in ("AddPort", "ConfigPort"):
        record |= {"sztPortName": port or world.new_name(), "dwProtocol": 1, "sztHostAddress": "127.0.0.1"}
        # IP_1 stays where it leads: rows behind this one print there.
        number = world.peers["raw"].port if port == "IP_1" else 0
        record |= {"sztSNMPCommunity": "public", "dwDoubleSpool": 0, "sztQueue": "", "dwPortNumber": number}
        record |= {"sztIPAddress": "127.0.0.1"} if version == 1 else {"dwPortMonitorMibIndex": 0}
        record |= {"dwSNMPEnabled": 0, "dwSNMPDevIndex": 1}
    elif command == "DeletePort":
        record["psztPortName"] = port or "IP_1"
    elif command != "GetConfigInfo":
        return b""
    return json.dumps(record).encode()


def _add(name: str) -> Any:
    return ports.AddPortRequest(parent="hosts/edge", port_id=name, monitor=LOCAL)


async def _store(world: World, value: str) -> None:
    """Put the retry time-out where it is kept."""
    handle = await _session(world.xcv, "", LOCAL, _ADMIN)
    text = json.dumps(value).encode()
    request = pb.XcvDataPortRequest(handle=handle, data_name="ConfigureLPTPortCommandOK", input_data=text)
    await world.xcv.XcvDataPort(request)


async def _stored(world: World, row: Row, got: Got) -> None:
    """Read back what ConfigureLPTPortCommandOK has stored."""
    if got.win32 or not any(name.startswith("stored") for name in row.out):
        return
    handle = await _session(world.xcv, "", LOCAL, _READ)
    request = pb.XcvDataPortRequest(handle=handle, data_name="GetTransmissionRetryTimeout")
    answer = await world.xcv.XcvDataPort(request)
    value = json.loads(answer.output_data) if answer.output_data else None
    seconds = value.get("seconds") if isinstance(value, dict) else value
    got.out |= {name: str(seconds) for name in row.out if name.startswith("stored")}


def _outputs(got: Got, answer: pb.XcvDataPortResponse) -> None:
    value = json.loads(answer.output_data) if answer.output_data else None
    if isinstance(value, str):
        got.out["string"] = (
            "module file name without path" if value and not set(value) & set("/\\") else value
        )
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, bool | int):
        got.out["dword"] = int(value)
    got.out["needed"] = answer.needed_bytes


async def api_data(world: World, row: Row) -> Got:
    """XcvData of the spooler's own API: OpenPrinter by the open name, then the command."""
    given = row.input
    name = next((one.split('"')[1] for one in row.preconditions if '"' in one), f",XcvMonitor {LOCAL}")
    access = _ADMIN if row.says("admin") else 0
    handle = (await world.call("OpenPrinter", name=name, access=access))["handle"]
    command = given.get("command", row.command)
    arguments: dict[str, Any] = {"handle": handle, "command": command}
    if "handle" in given:
        arguments["handle"] = given["handle"]
    for name in ("needed", "status", "out"):
        if name in given and given[name] is None:
            arguments[name] = None
    if "input" in given:
        words = given["input"]
        arguments["input"] = "" if words is None else json.dumps(port_named(world, words))
    if given.get("out_size") is not None:
        asked = {name: value for name, value in arguments.items() if value is not None}
        whole = (await world.call("XcvData", **asked))["needed"]
        arguments["out_size"] = size_of(given["out_size"], whole)
    got, answer = await outcome(world.call("XcvData", **arguments))
    if answer is not None:
        got.win32, got.text = answer["status"], answer["message"]
        got.out["needed"] = answer["needed"]
    return got


async def tcp_defaults(world: World, row: Row) -> Got:
    """What a TCP/IP port has when PORT_DATA says nothing but where it leads."""
    lpr = str(row.input.get("protocol", "RAWTCP")).upper().startswith("LPR")
    record = json.loads(_record(world, "AddPort", "PORT_DATA_2", "")) | {"dwProtocol": 2 if lpr else 1}
    record |= {"sztQueue": "lp"} if lpr else {}
    for name in ("sztSNMPCommunity", "dwSNMPDevIndex", "dwSNMPEnabled"):
        record.pop(name)
    record |= {"sztSNMPCommunity": "", "dwSNMPDevIndex": 0, "dwSNMPEnabled": 0}
    handle = await _session(world.xcv, "", TCP, _ADMIN)
    text = json.dumps(record).encode()
    added = await world.xcv.XcvDataPort(
        pb.XcvDataPortRequest(handle=handle, data_name="AddPort", input_data=text)
    )
    if added.status:
        return Got(added.status, text=added.message)
    handle = await _session(world.xcv, record["sztPortName"], TCP, _READ)
    request = pb.XcvDataPortRequest(handle=handle, data_name="GetConfigInfo", input_data=b'{"dwVersion": 2}')
    found = json.loads((await world.xcv.XcvDataPort(request)).output_data)
    return Got(
        0,
        out={
            "port": found["dwPortNumber"],
            "snmp_community": found["sztSNMPCommunity"],
            "snmp_index": found["dwSNMPDevIndex"],
            "byte_counting": bool(found["dwDoubleSpool"]),
            "double_spool": found["dwDoubleSpool"],
            "snmp_enabled": found["dwSNMPEnabled"],
            "queue": found["sztQueue"],
        },
    )
