"""A spooler's PortService in memory, with one host and two monitors, that may be told to misbehave.

It keeps Xcv's rules: a command that was delivered has its status in the body, whatever it is; an RPC error means that it
was not delivered. Handles carry the access they were opened with.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import (
    EtagMismatch,
    FabricError,
    InvalidHandle,
    InvalidSettings,
    NotBuiltYet,
    NotSupported,
    PortExists,
    PortInUse,
    PortNotFound,
    UnknownPrintMonitor,
)
from printfabric.monitor.v1 import xcv_service_pb2 as xcv_pb
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1 import port_service_pb2_grpc as rpc
from printfabric.types.v1 import port_pb2

SERVICE = "printfabric.spooler.v1.PortService"
ADMINISTER = 1
BAUDS = [1200, 9600, 19200]


def form_document() -> dict[str, Any]:
    """Return a well-made form: baud, a title, a secret."""
    return {
        "descriptor": "printfabric.form/1",
        "name": "acme.serial.ui",
        "revision": "4711cafe",
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "baud": {"type": "integer", "title": "Baud rate", "enum": BAUDS},
                "title": {"type": "string", "title": "Title", "maxLength": 20},
                "pin": {"type": "string", "title": "PIN", "writeOnly": True},
            },
        },
        "commit": {"add": ["AddPort"], "configure": ["ConfigPort"], "delete": ["DeletePort"]},
    }


@dataclass
class FakePort:
    """A port of the host."""

    name: str
    monitor: str
    settings: dict[str, Any] = field(default_factory=lambda: {"baud": 9600, "title": "", "pin": "1234"})
    revision: int = 1
    printers: list[str] = field(default_factory=list)


@dataclass
class Session:
    """A management session."""

    port: str
    monitor: str
    access: int


class FakePortService(rpc.PortServiceServicer):
    """The service. `calls` is what was asked of it; `answers` and `raises` replace what a command or an RPC answers."""

    def __init__(self) -> None:
        self.ports: dict[str, FakePort] = {}
        self.monitors = ["Acme Port", "Local Port"]
        self.form = form_document()
        self.ui: Any = "acme.serial.ui;1;sha256=4711cafe"
        self.calls: list[str] = []
        self.tokens: list[str] = []
        self.sessions: dict[bytes, Session] = {}
        self.answers: dict[str, tuple[int, bytes, str]] = {}
        self.raises: dict[str, FabricError] = {}
        self.before: dict[str, Callable[[], None]] = {}  # runs as a command or an RPC begins
        self.stuck: set[str] = set()  # commands that never come to an end
        self.added: dict[str, str] = {}  # request id to port
        self.documents: list[tuple[str, Any]] = []

    def add(self, name: str, monitor: str = "Acme Port") -> FakePort:
        """Put a port on the host."""
        port = self.ports[name.casefold()] = FakePort(name, monitor)
        return port

    async def _enter(self, name: str, context: Any) -> None:
        self.calls.append(name)
        self.tokens += [value for key, value in context.invocation_metadata() or () if key == "authorization"]
        await self._misbehave(name)

    async def _misbehave(self, name: str) -> None:
        if name in self.before:
            self.before[name]()
        if name in self.stuck:
            await asyncio.Event().wait()
        if name in self.raises:
            raise self.raises[name]

    # --- Xcv

    async def XcvOpen(self, request: pb.XcvOpenRequest, context: Any) -> pb.XcvOpenResponse:
        await self._enter("XcvOpen", context)
        port = monitor = ""
        if request.port:
            port = self._port(request.port).name
        else:
            host, _, monitor = request.monitor.removeprefix("hosts/").partition("/monitors/")
            if host != "edge-7":
                raise PortNotFound(f"there is no host {host}", host=host)
            if monitor not in self.monitors:
                raise UnknownPrintMonitor(f"no monitor {monitor}", monitor=monitor)
        handle = secrets.token_bytes(8)
        self.sessions[handle] = Session(port, monitor, request.desired_access)
        return pb.XcvOpenResponse(handle=handle)

    async def XcvData(self, request: pb.XcvDataRequest, context: Any) -> pb.XcvDataResponse:
        await self._enter(request.data_name, context)
        session = self.sessions.get(request.handle)
        if session is None:
            raise InvalidHandle("no such session")
        value = json.loads(request.input_data) if request.input_data else None
        self.documents.append((request.data_name, value))
        if request.data_name in self.answers:
            status, output, message = self.answers[request.data_name]
        else:
            status, found, message = self._execute(session, request.data_name, value)
            output = b"" if found is None else json.dumps(found).encode()
        result = xcv_pb.XcvDataPortResponse(
            status=status, output_data=output, needed_bytes=len(output), message=message
        )
        return pb.XcvDataResponse(result=result)

    async def XcvClose(self, request: pb.XcvCloseRequest, context: Any) -> pb.XcvCloseResponse:
        await self._enter("XcvClose", context)
        self.sessions.pop(request.handle, None)
        return pb.XcvCloseResponse()

    def _execute(self, session: Session, name: str, value: Any) -> tuple[int, Any, str]:
        if name == "MonitorUI":
            return 0, self.ui, ""
        if name == "DescribeUI":
            return 0, self.form, ""
        if name == "PortExists":
            return 0, {"exists": value["name"].casefold() in self.ports}, ""
        if name == "PortIsValid":
            return self._valid(value)
        if name == "GetConfigInfo":
            port = self.ports[session.port.casefold()]
            # A careless monitor: its secrets are among the values.
            return 0, {"name": port.name, "revision": f"r{port.revision}", "settings": port.settings}, ""
        if name == "SetLine":
            if not session.access & ADMINISTER:
                return 5, None, "SetLine is for administrators"
            self.ports[value["name"].casefold()].settings |= value["settings"]
            return 0, None, ""
        return 87, None, f"no command {name}"

    def _valid(self, value: Any) -> tuple[int, Any, str]:
        if not value["name"]:
            return 3, None, "the name is empty"
        if "," in value["name"]:
            return 123, {"errors": {"/name": "has a comma"}}, "the name has a comma"
        errors = _wrong(value.get("settings", {}))
        return (87, {"errors": errors}, "wrong settings") if errors else (0, {"errors": {}}, "")

    # --- changes

    async def GetPort(self, request: pb.GetPortRequest, context: Any) -> pb.GetPortResponse:
        await self._enter("GetPort", context)
        return pb.GetPortResponse(port=_to_pb(self._port(request.name)))

    async def AddPort(self, request: pb.AddPortRequest, context: Any) -> pb.AddPortResponse:
        await self._enter("AddPort", context)
        if request.monitor not in self.monitors:
            raise NotSupported("no such monitor")
        if request.request_id and request.request_id in self.added:
            return pb.AddPortResponse(port=_to_pb(self.ports[self.added[request.request_id]]))
        key = request.port_id.casefold()
        if key in self.ports:
            raise PortExists(f"port {request.port_id} exists", port=request.port_id)
        port = FakePort(request.port_id, request.monitor)
        port.settings |= _checked(json.loads(request.settings))
        if not request.validate_only:
            self.ports[key] = port
            self.added[request.request_id] = key
        return pb.AddPortResponse(port=_to_pb(port))

    async def ConfigurePort(self, request: pb.ConfigurePortRequest, context: Any) -> pb.ConfigurePortResponse:
        await self._enter("ConfigurePort", context)
        port = self._port(request.name)
        if request.settings_revision and request.settings_revision != f"r{port.revision}":
            raise EtagMismatch("changed meanwhile")
        wanted = port.settings | _checked(json.loads(request.settings))
        changed = wanted != port.settings
        if changed and not request.validate_only:
            port.settings, port.revision = wanted, port.revision + 1
        return pb.ConfigurePortResponse(port=_to_pb(port), changed=changed)

    async def DeletePort(self, request: pb.DeletePortRequest, context: Any) -> pb.DeletePortResponse:
        await self._enter("DeletePort", context)
        port = self._port(request.name)
        if port.printers:
            raise PortInUse(f"port {port.name} is used by {port.printers[0]}", port=port.name)
        del self.ports[port.name.casefold()]
        return pb.DeletePortResponse()

    async def _refuse(self, _request: Any, _context: Any) -> Any:
        raise NotBuiltYet("this RPC in the fake")

    _not_here: Any = _refuse
    ListHosts = ListPorts = ListMonitors = SetPort = PausePort = ResumePort = _not_here
    StreamXcvData = SendRecvBidiData = TapPort = _not_here

    def _port(self, name: str) -> FakePort:
        host, _, port = name.removeprefix("hosts/").partition("/ports/")
        found = self.ports.get(port.casefold())
        if host != "edge-7" or found is None:
            raise PortNotFound(f"no port {name}", port=name)
        return found


def _wrong(settings: dict[str, Any]) -> dict[str, str]:
    errors = {f"/{name}": "is not known" for name in settings if name not in ("baud", "title", "pin")}
    if settings.get("baud", 9600) not in BAUDS:
        errors["/baud"] = f"must be one of {BAUDS}"
    return errors


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    errors = _wrong(settings)
    if errors:
        raise InvalidSettings(
            "wrong settings",
            fields=[(f"settings{where.replace('/', '.')}", what) for where, what in errors.items()],
        )
    return settings


def _to_pb(port: FakePort) -> port_pb2.Port:
    return port_pb2.Port(
        name=f"hosts/edge-7/ports/{port.name}",
        port=port_pb2.PortName(host="edge-7", port=port.name),
        monitor=port.monitor,
        settings_revision=f"r{port.revision}",
    )
