"""Ports and monitors by Windows' names: EnumPorts, AddPort, AddPortEx, ConfigurePort, DeletePort, EnumMonitors and kin."""

from __future__ import annotations

import re
from typing import Any

from chassis.errors import (
    AccessDenied,
    CallCanceled,
    InvalidArgument,
    NotSupported,
    PortNotFound,
    UnknownPrintMonitor,
)
from chassis.identity import current
from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.spooler.v1 import port_service_pb2 as pb
from spooler.api import rights
from spooler.api.convert_port import wire_of
from spooler.api.inside import Inside
from spooler.api.names import XcvObject, port_name
from spooler.api.port_servicer import PortServicer
from spooler.api.winspool.arguments import Arguments, text_bytes
from spooler.api.xcv_sessions import only_host
from spooler.printer import PortName

ENVIRONMENTS = ("windows nt x86", "windows x64", "windows arm64", "windows 4.0", "linux")
_PORT_BYTES = {1: 8, 2: 32}
_MONITOR_BYTES = {1: 8, 2: 24}
_NUMBERED = re.compile(r"(COM|LPT)0*(\d+):", re.IGNORECASE)
Answer = tuple[dict[str, Any], int]


def environment_of(given: Arguments) -> str:
    """Return the environment, "" for the present one.

    Raises:
        InvalidArgument: 1805, there is no such environment.
    """
    name = given.text("environment")
    if name and name.casefold() not in ENVIRONMENTS:
        raise InvalidArgument(f"there is no environment {name!r}", win32=1805, environment=name)
    return name


def check_administrator(what: str) -> None:
    """Raise AccessDenied unless the caller may administer."""
    if not rights.is_administrator():
        raise AccessDenied(f"{current()} may not call {what}", caller=current())


class PortCalls:
    """The calls about ports and monitors."""

    def __init__(self, inside: Inside, ports: PortServicer) -> None:
        self._hosts, self._steering = inside.hosts, inside.printers
        self._ports = ports
        self._added: dict[str, tuple[str, str]] = {}  # AddMonitor: name in lower case -> name, monitor

    async def enum_ports(self, given: Arguments) -> Answer:
        """EnumPorts: the ports of all hosts, or of the server that is named."""
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        level = given.level(1, 2)
        found = [wire_of(port) for port in self._hosts.ports(given.check_server(self._hosts))]
        needed = 0
        rows: list[dict[str, Any]] = []
        for port in found:
            name = f"{port.port.host}/{port.port.port}"
            texts = [name] if level == 1 else [name, port.monitor, port.description]
            needed += _PORT_BYTES[level] + text_bytes(*texts)
            row: dict[str, Any] = {"name": name}
            if level == 2:
                row |= {"monitor": port.monitor, "description": port.description}
                row |= {"type": sum(port.types), "reserved": 0}  # fPortType: its bits are the wire's numbers
            rows.append(row)
        return {"ports": rows, "returned": len(rows)}, given.fit(needed)

    # --- AddPort and kin

    async def add_port(self, given: Arguments) -> Answer:
        """AddPort: in Windows it asks a person for the name; here `port` has it."""
        monitor = given.text("monitor")
        if not monitor:
            raise InvalidArgument("no monitor is named", fields=[("monitor", "is required")])
        check_administrator("AddPort")
        host = self._host(given, monitor)
        if await self._monitor(host, monitor) is None:
            raise UnknownPrintMonitor(f"host {host} has no monitor {monitor!r}", monitor=monitor)
        name = given.text("port")
        if not name:
            raise CallCanceled("nobody can be asked for the port's name here", monitor=monitor)
        return await self._add(host, monitor, name)

    async def add_port_ex(self, given: Arguments) -> Answer:
        """AddPortEx: the level comes first, then the names; 87 also for a monitor that nobody has."""
        given.level(1)
        given.refuse_null("buffer", win32=87)
        monitor, name = given.text("monitor"), given.text("name")
        check_administrator("AddPortEx")
        host = self._host(given, monitor) if monitor else ""
        if not host or await self._monitor(host, monitor) is None:
            raise InvalidArgument(f"there is no monitor {monitor!r}", fields=[("monitor", "is unknown")])
        if not name:
            raise InvalidArgument("no port is named", fields=[("name", "is required")])
        return await self._add(host, monitor, name)

    async def _add(self, host: str, monitor: str, name: str) -> Answer:
        real = await self._monitor(host, monitor) or monitor
        request = pb.AddPortRequest(parent=f"hosts/{host}", port_id=name, monitor=real)
        answer = await self._ports.AddPort(request, None)
        return {"port": answer.port.name}, 0

    async def configure_port(self, given: Arguments) -> Answer:
        """ConfigurePort: nobody is asked, so it says whether there is something to configure."""
        port = self._named(given)
        answer = await self._ports.ConfigurePort(pb.ConfigurePortRequest(name=port_name(port)), None)
        return {"port": answer.port.name, "changed": answer.changed}, 0

    async def delete_port(self, given: Arguments) -> Answer:
        """DeletePort."""
        port = self._named(given)
        await self._ports.DeletePort(pb.DeletePortRequest(name=port_name(port)), None)
        return {}, 0

    def _named(self, given: Arguments) -> PortName:
        """Return the port of `port`: `host/port`, or the name on the only host that has it.

        An empty name is 87 for the API, 50 for a provider (`as`), and nobody's name (1796) for a monitor of NT 4.
        """
        name, flavour = given.text("port"), given.text("as", "api")
        if not name and flavour == "provider":
            raise NotSupported("no port is named")
        if not name and flavour != "monitor":
            raise InvalidArgument("no port is named", fields=[("port", "is required")])
        check_administrator("ConfigurePort and DeletePort")
        host = given.check_server(self._hosts)
        if not host and "/" in name and self._hosts.get(name.partition("/")[0]) is not None:
            host, _, name = name.partition("/")
        match = _NUMBERED.fullmatch(name)
        name = f"{match[1]}{int(match[2])}:" if match else name
        name = "LPT1:" if name.upper() in ("LPT:", "LPT0:") else name
        if not name:
            raise PortNotFound("there is no port without a name")
        found = PortName(host or only_host(self._hosts, XcvObject("", port=name)), name)
        port = self._hosts.port(found)
        if port is None:
            raise PortNotFound(f"there is no port {found}", port=found)
        return port.name

    def _host(self, given: Arguments, monitor: str) -> str:
        return given.check_server(self._hosts) or only_host(self._hosts, XcvObject("", monitor=monitor))

    # --- monitors

    async def _known(self, host: str = "") -> list[Any]:
        request = pb.ListMonitorsRequest(parent=f"hosts/{host}" if host else "")
        answer = await self._ports.ListMonitors(request, None)
        return [monitor for one in answer.hosts for monitor in one.monitors]

    async def _languages(self) -> set[str]:
        known = await self._known()
        return {one.name.casefold() for one in known if one.kind == monitor_pb.MONITOR_KIND_LANGUAGE}

    async def _monitor(self, host: str, name: str) -> str | None:
        """Return a monitor's own name, whatever the case or the alias it is asked for by; None when nobody has it."""
        name = self._added.get(name.casefold(), ("", name))[1]
        for monitor in await self._known(host):
            if monitor.kind == monitor_pb.MONITOR_KIND_LANGUAGE:
                continue
            if name.casefold() == monitor.name.casefold() or name in monitor.schemes:
                return str(monitor.name if name.casefold() == monitor.name.casefold() else name)
        return None

    async def enum_monitors(self, given: Arguments) -> Answer:
        """EnumMonitors: those of all hosts, and what AddMonitor named."""
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        level = given.level(1, 2)
        host = given.check_server(self._hosts)
        names = {monitor.name for monitor in await self._known(host)} | {
            name for name, _ in self._added.values()
        }
        needed, rows = 0, []
        for name in sorted(names):
            texts = [name] if level == 1 else [name, "Linux", name]
            needed += _MONITOR_BYTES[level] + text_bytes(*texts)
            rows.append({"name": name} if level == 1 else {"name": name, "environment": "Linux", "dll": name})
        return {"monitors": rows, "returned": len(rows)}, given.fit(needed)

    async def add_monitor(self, given: Arguments) -> Answer:
        """AddMonitor: another name for a monitor that a host has; `dll` is its Windows name or its scheme."""
        given.level(2, default=2)
        given.check_server(self._hosts)
        info = given.record("info")
        name, dll = info.text("name"), info.text("dll")
        if not name:
            raise InvalidArgument("the monitor has no name", fields=[("info.name", "is required")])
        if info.null("environment") or (info.given("environment") and not info.text("environment")):
            raise InvalidArgument("the environment is empty", win32=1805)
        environment_of(info)
        if not dll:
            raise InvalidArgument("the monitor's module is not named", fields=[("info.dll", "is required")])
        check_administrator("AddMonitor")
        real = await self._monitor("", dll)
        if real is None and dll.casefold() in await self._languages():
            raise InvalidArgument(f"{dll!r} is a language monitor and has no ports", win32=127, dll=dll)
        if real is None:
            raise InvalidArgument(f"no host has a monitor {dll!r}", win32=126, dll=dll)
        if name.casefold() in self._added or await self._monitor("", name) is not None:
            raise InvalidArgument(f"there is a monitor {name!r} already", win32=3006, monitor=name)
        self._added[name.casefold()] = (name, real)
        await self._steering.note_port(None, rights.caller(), "monitor-named", f"monitor {name}: {real}")
        return {}, 0

    async def delete_monitor(self, given: Arguments) -> Answer:
        """DeleteMonitor: what AddMonitor named; a host's own monitors come and go with its packages."""
        given.check_server(self._hosts)
        name = given.text("name")
        if not name:
            raise InvalidArgument("no monitor is named", fields=[("name", "is required")])
        check_administrator("DeleteMonitor")
        if self._added.pop(name.casefold(), None) is None:
            if await self._monitor("", name) is not None:
                raise InvalidArgument(f"monitor {name!r} is the hosts' own", win32=3008, monitor=name)
            raise UnknownPrintMonitor(f"there is no monitor {name!r}", monitor=name)
        await self._steering.note_port(None, rights.caller(), "monitor-forgotten", f"monitor {name}")
        return {}, 0
