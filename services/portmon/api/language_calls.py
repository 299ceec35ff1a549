"""The part of MonitorService that is about language monitors."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from chassis.errors import InvalidArgument, InvalidPrintMonitor, NotSupported, UnknownPrintMonitor
from portmon.api import convert
from portmon.api.host_calls import HostCalls, capabilities_of
from portmon.api.port_calls import PortCalls, opened
from portmon.language import Language, Opening
from portmon.language_path import LanguagePath
from portmon.language_registry import Languages
from portmon.registrations import Registration
from printfabric.monitor.v1 import monitor_service_pb2 as pb

# What a language monitor calls beneath it. Windows' sample forgets EndDocPort, and calls it.
NEEDED = (
    pb.MONITOR_FUNCTION_OPEN_PORT,
    pb.MONITOR_FUNCTION_START_DOC_PORT,
    pb.MONITOR_FUNCTION_WRITE_PORT,
    pb.MONITOR_FUNCTION_READ_PORT,
    pb.MONITOR_FUNCTION_END_DOC_PORT,
    pb.MONITOR_FUNCTION_CLOSE_PORT,
)
# What it has itself. It has no EnumPorts, OpenPort or Xcv: ports are the port monitor's.
_OFFERED = (
    pb.MONITOR_FUNCTION_OPEN_PORT_EX,
    *(one for one in NEEDED if one != pb.MONITOR_FUNCTION_OPEN_PORT),
    pb.MONITOR_FUNCTION_GET_PRINTER_DATA_FROM_PORT,
    pb.MONITOR_FUNCTION_SEND_RECV_BIDI_DATA_FROM_PORT,
)


class LanguageCalls(HostCalls, PortCalls):
    """OpenPortEx."""

    languages: Languages
    answer_s: float = 10.0

    @override
    def _monitors(self, registered: Registration) -> list[pb.Monitor]:
        functions = sorted(_OFFERED)
        found = {one.name.casefold(): one for one in super()._monitors(registered)}
        for kind in self.languages:
            if not registered.has(kind.name):
                continue
            below = found.get(kind.name.casefold())
            if below is not None:  # a combined monitor has both sets
                below.kind = pb.MONITOR_KIND_COMBINED
                below.capabilities.extend(set(functions) - set(below.capabilities))
                below.capabilities.sort()
                continue
            found[kind.name.casefold()] = pb.Monitor(
                name=kind.name, kind=pb.MONITOR_KIND_LANGUAGE, capabilities=functions, version=kind.version
            )
        return list(found.values())

    async def OpenPortEx(self, request: pb.OpenPortExRequest, context: Any) -> pb.OpenPortExResponse:
        """Acquire a port through a language monitor, which is then the only one that speaks to it."""
        asked, below = request.open, request.port_monitor
        owner = convert.owner_from(asked.owner)
        self._registrations.refuse_ended(owner)
        if not asked.HasField("port") or not asked.printer:
            raise InvalidArgument("a port and a printer are needed", fields=[("open", "port and printer")])
        kind, port = self._language(request.language_monitor), self._ports.get(asked.port)
        if below.monitor and below.monitor.casefold() not in (
            port.monitor.name.casefold(),
            port.monitor.scheme,
        ):
            raise UnknownPrintMonitor(
                f"port {port.name} is one of monitor {port.monitor.name!r}, not of {below.monitor!r}",
                port=port.name,
            )
        given = below.capabilities or capabilities_of(port.monitor)
        there = set(capabilities_of(port.monitor)).intersection(given)
        if not request.bidirectional:
            there.add(pb.MONITOR_FUNCTION_READ_PORT)  # who passes through reads nothing
        missing = [_function_name(one) for one in NEEDED if one not in there]
        if missing:
            raise InvalidPrintMonitor(
                f"language monitor {kind.name} needs {', '.join(missing)} of monitor {port.monitor.name!r}, "
                f"which port {port.name} does not have",
                port=port.name,
                missing=",".join(missing),
            )
        opening = Opening(asked.printer, frozenset(map(_function_name, given)))
        way = LanguagePath(kind, request.bidirectional, self.answer_s, opening)
        lease = asked.lease.ToTimedelta().total_seconds() if asked.HasField("lease") else None
        hold = await self._handles.open(asked.port, owner, asked.fence, asked.printer, lease, way)
        return pb.OpenPortExResponse(open=opened(self._host, hold, self._ports.staging))

    def _language(self, name: str) -> type[Language]:
        """Return a language monitor. Raises UnknownPrintMonitor, NotSupported: it is a port monitor and nothing else."""
        try:
            return self.languages.find(name)
        except UnknownPrintMonitor as error:
            names = (text.casefold() for one in self._ports.registry for text in (one.name, one.scheme))
            if name.casefold() not in names:
                raise
            text = f"monitor {name!r} is a port monitor and has no OpenPortEx"
            raise NotSupported(text, monitor=name) from error


def _function_name(function: pb.MonitorFunction.ValueType) -> str:
    """Return Windows' name of a function; its number when a later version has sent it."""
    if function not in pb.MonitorFunction.values():
        return str(function)
    words = pb.MonitorFunction.Name(function).removeprefix("MONITOR_FUNCTION_").split("_")
    return "".join(word.title() for word in words)
