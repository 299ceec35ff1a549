"""The configuration plane of a host by hand (`spooler.api.inside.Link`), and hosts as the API looks at them.

Settings are {"host": text, "port": 1 to 65535}; the revision rises with each change.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chassis.errors import HostUnreachable, InvalidHandle, PortNotFound, UnknownPrintMonitor
from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.monitor.v1 import recorder_service_pb2 as recorder_pb
from printfabric.monitor.v1 import xcv_service_pb2 as xcv_pb
from printfabric.types.v1 import port_pb2
from spooler.hosts import HostInfo
from spooler.hub import Hub
from spooler.port_info import PortInfo
from spooler.printer import PortName
from spooler.remote_port import info_from_pb
from spooler.remote_xcv import XcvAnswer
from tests.fakes.host import FakeHost, FakeHosts

MONITOR = "Standard TCP/IP Port"


@dataclass
class FakeXcvLink:
    """One host's monitors and settings."""

    hosts: ApiHosts
    host: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    sessions: dict[bytes, tuple[str, str, int, str]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    used_for: int = 0  # DeletePort says 170 so many times: the host has not heard yet
    raced_for: int = 0  # somebody else changes the port just before ConfigPort, so many times
    statuses: dict[str, int] = field(default_factory=dict)  # what a command says, whatever it is asked
    tells_after_s: float | None = 0.0  # when the host tells of a change of settings; None: never
    down: bool = False
    # Told of a command that is done; what it raises is all that comes back.
    on_done: Callable[[str], object] = lambda _command: None

    async def open(self, *, port: str = "", monitor: str = "", access: int, who: str) -> bytes:
        if self.down:
            raise HostUnreachable(f"host {self.host} is down")
        if port and self.hosts.port(PortName(self.host, port)) is None:
            raise PortNotFound(f"no port {port}")
        if monitor and monitor != MONITOR:
            raise UnknownPrintMonitor(f"no monitor {monitor}", win32=1796)
        handle = secrets.token_bytes(8)
        self.sessions[handle] = (port, monitor, access, who)
        return handle

    async def set_port(self, port: str, status: port_pb2.PortStatus) -> PortInfo:
        if self.down:
            raise HostUnreachable(f"host {self.host} is down")
        name = PortName(self.host, port)
        clear = status.condition == port_pb2.PORT_CONDITION_CLEAR
        self.hosts.tell(name, *([] if clear else [status]))
        return self.hosts.told[name.key]

    async def bidi(self, port: str, request: Any, access: int, request_id: str) -> Any:
        self.commands.append(f"bidi {port} access {access}")
        item = monitor_pb.BidiResponseItem(request_number=1, schema=request.items[0].schema)
        item.data.string_value = "ZD621"
        return monitor_pb.SendRecvBidiDataFromPortResponse(items=[item])

    async def tap(self, port: str, request: Any, who: str) -> AsyncIterator[Any]:
        self.commands.append(f"tap {port} for {who}, {'masked' if request.mask else 'clear'}")
        yield recorder_pb.TapPortResponse(data=b"^XA^XZ", annotations=["^XA", "^XZ label 1"])

    async def data(
        self,
        handle: bytes,
        data_name: str,
        input_data: bytes = b"",
        max_output_bytes: int | None = None,
        request_id: str = "",
    ) -> XcvAnswer:
        if handle not in self.sessions:
            raise InvalidHandle("no such session")
        self.commands.append(data_name)
        if data_name in self.statuses:
            return XcvAnswer(self.statuses[data_name], b"", 0, "so it is")
        status, value, message = self._execute(handle, data_name, json.loads(input_data or b"null"))
        self.on_done(data_name)
        output = b"" if value is None else json.dumps(value).encode()
        if max_output_bytes is not None and len(output) > max_output_bytes:
            return XcvAnswer(122, b"", len(output), "too small")
        return XcvAnswer(status, output, len(output), message)

    def _execute(self, handle: bytes, command: str, value: Any) -> tuple[int, Any, str]:
        port, _monitor, access, _who = self.sessions[handle]
        name = (value or {}).get("name", "") or port
        if command in ("AddPort", "ConfigPort", "DeletePort") and not access & 1:
            return 5, None, f"{command} is for administrators"
        known = self.hosts.port(PortName(self.host, name))
        if command == "PortExists":
            return 0, {"exists": known is not None}, ""
        if command in ("PortIsValid", "AddPort", "ConfigPort"):
            number = value.get("settings", {}).get("port", 9100)
            if not 1 <= number <= 65535:
                return 87, {"errors": {"/port": "must be 1 to 65535"}}, "wrong settings"
        if command == "PortIsValid":
            return 0, {"errors": {}}, ""
        if command == "AddPort":
            name = name.upper()
            self.settings[name] = dict(value["settings"])
            self.revisions[name] = 1
            self.hosts.tell(PortName(self.host, name))
            return 0, {"name": name, "revision": "1"}, ""
        if command == "MonitorUI":
            return 0, "printfabric.tcp.ui;1", ""
        if known is None:
            return 2, None, f"no port {name}"
        return self._about(known.name.port, command, value)

    def _about(self, name: str, command: str, value: Any) -> tuple[int, Any, str]:
        if command == "GetConfigInfo":
            settings = self.settings.get(name, {})
            return 0, {"name": name, "revision": str(self.revisions.get(name, 1)), "settings": settings}, ""
        if command == "ConfigPort":
            if self.raced_for:
                self.raced_for -= 1
                self._change(name, {**self.settings.get(name, {}), "host": f"10.0.0.{self.raced_for}"})
            if value.get("revision") not in (None, str(self.revisions.get(name, 1))):
                return 1306, None, f"port {name} was changed meanwhile"
            self._change(name, value["settings"])
            return 0, {"name": name, "revision": str(self.revisions[name])}, ""
        if command == "DeletePort":
            if self.used_for:
                self.used_for -= 1
                return 170, None, f"port {name} is used by a printer"
            self.hosts.untell(PortName(self.host, name))
            return 0, None, ""
        return 87, None, f"no command {command!r}"

    def _change(self, name: str, settings: dict[str, Any]) -> None:
        self.settings[name] = dict(settings)
        self.revisions[name] = revision = self.revisions.get(name, 1) + 1
        if self.tells_after_s is not None:
            told = PortName(self.host, name), str(revision)
            asyncio.get_running_loop().call_later(
                self.tells_after_s, lambda: self.hosts.tell(told[0], revision=told[1])
            )

    async def stream(
        self, handle: bytes, data_name: str, input_data: bytes = b"", request_id: str = ""
    ) -> AsyncIterator[xcv_pb.StreamXcvDataPortResponse]:
        yield xcv_pb.StreamXcvDataPortResponse(fraction=0.5, text="half")
        answer = await self.data(handle, data_name, input_data)
        yield xcv_pb.StreamXcvDataPortResponse(
            fraction=1.0, result=xcv_pb.XcvDataPortResponse(status=answer.status, output_data=answer.output)
        )

    async def close(self, handle: bytes) -> None:
        self.sessions.pop(handle, None)

    async def monitors(self) -> list[monitor_pb.Monitor]:
        return [monitor_pb.Monitor(name=MONITOR, kind=monitor_pb.MONITOR_KIND_PORT)]


class ApiHosts(FakeHosts):
    """What the API asks of `spooler.hosts.Hosts`, beside what the dispatcher does."""

    def __init__(self, hub: Hub, *hosts: FakeHost) -> None:
        super().__init__(*hosts)
        self._hub = hub
        now = datetime.now(UTC)
        self.infos = {
            host.name: HostInfo(host.name, state="online", address="here:1", last_seen=now) for host in hosts
        }
        self.told: dict[tuple[str, str], PortInfo] = {}
        for host in hosts:
            for port in host.ports:
                self.tell(PortName(host.name, port))

    def tell(
        self,
        name: PortName,
        *reports: port_pb2.PortStatus,
        revision: str = "1",
        device: str = "10.0.0.7:9100",
    ) -> None:
        wire = port_pb2.Port(
            name=f"hosts/{name.host}/ports/{name.port}",
            port=port_pb2.PortName(host=name.host, port=name.port),
            monitor=MONITOR,
            state=port_pb2.PORT_STATE_ERROR if reports else port_pb2.PORT_STATE_READY,
            device=device,
            settings_revision=revision,
            status=reports,
        )
        self.heard(info_from_pb(name.host, wire, "fabric"))

    def heard(self, port: PortInfo) -> None:
        before = self.told.get(port.name.key)
        self.told[port.name.key] = port
        self._hub.port(port)
        if before is not None and before.stopped and not port.stopped:
            self.on_ready(port.name)

    def is_stopped(self, port: PortName) -> bool:
        return port.key in self.told and self.told[port.key].stopped

    def untell(self, name: PortName) -> None:
        del self.told[name.key]
        self._hub.deleted(f"hosts/{name.host}/ports/{name.port}")

    def set_state(self, host: str, state: str, error: str = "") -> None:
        self.infos[host] = self.infos[host]._replace(state=state, error=error)
        self._hub.host(self.infos[host])

    def all(self) -> list[HostInfo]:
        return list(self.infos.values())

    def get(self, name: str) -> HostInfo | None:
        return self.infos.get(name.casefold())

    def ports(self, host: str = "") -> list[PortInfo]:
        return [port for port in self.told.values() if not host or port.name.host == host]

    def port(self, name: PortName) -> PortInfo | None:
        return self.told.get(name.key)
