"""The part of MonitorService that is about the host: what it has, what becomes of it, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from chassis.errors import InvalidArgument, InvalidLevel, NotSupported
from chassis.identity import current
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.api.convert_port import port_to_pb
from portmon.host_port import HostPort
from portmon.journal.file import boot_id
from portmon.monitor import PortMonitor
from portmon.port_name import same
from portmon.registrations import Registration
from printfabric.monitor.v1 import monitor_service_pb2 as pb

CONTRACT = "1.0"
# What the host does for every monitor is every monitor's: PowerEvent and Shutdown park documents and close ports.
_FUNCTIONS = (
    pb.MONITOR_FUNCTION_ENUM_PORTS,
    pb.MONITOR_FUNCTION_OPEN_PORT,
    pb.MONITOR_FUNCTION_START_DOC_PORT,
    pb.MONITOR_FUNCTION_WRITE_PORT,
    pb.MONITOR_FUNCTION_END_DOC_PORT,
    pb.MONITOR_FUNCTION_CLOSE_PORT,
    pb.MONITOR_FUNCTION_XCV_OPEN_PORT,
    pb.MONITOR_FUNCTION_XCV_DATA_PORT,
    pb.MONITOR_FUNCTION_XCV_CLOSE_PORT,
    pb.MONITOR_FUNCTION_SHUTDOWN,
    pb.MONITOR_FUNCTION_POWER_EVENT,
    pb.MONITOR_FUNCTION_SEND_RECV_BIDI_DATA_FROM_PORT,
)
# A busy port changes thousands of times a second; its watchers hear of it so often.
_WATCH_PAUSE_S = 0.2
# sizeof(PORT_INFO_1) and sizeof(PORT_INFO_2) of 64-bit Windows.
_INFO_BYTES = {1: 8, 2: 32}
_MOST_ROOT = 255  # the most characters of a registry key's name


class HostCalls(Calls):
    """Initialize, EnumPorts, WatchPorts, Shutdown."""

    async def Initialize(self, request: pb.InitializeRequest, context: Any) -> pb.InitializeResponse:
        """Tell what the host has."""
        owner = convert.owner_from(request.owner)
        if (
            request.contract_version
            and request.contract_version.split(".")[0] != CONTRACT.split(".", maxsplit=1)[0]
        ):
            raise NotSupported(f"contract {request.contract_version} is not spoken here", speaks=CONTRACT)
        if request.legacy_root_required and not request.config_root:
            raise InvalidArgument("the configuration root is empty", fields=[("config_root", "is empty")])
        if len(request.config_root) > _MOST_ROOT:
            raise InvalidArgument(
                "the configuration root is too long", fields=[("config_root", "is too long")]
            )
        if request.fabric_time.seconds < 0:
            raise InvalidArgument(
                "the fabric's time is before 1970", fields=[("fabric_time", "is before 1970")]
            )
        handle, registered = self._registrations.register(owner, request.config_root)
        # Told to an earlier run, it may be older than what that one has begun.
        if request.HasField("fabric_time") and request.instance_id == self.instance:
            self._ports.times.hear(owner.fabric, request.fabric_time.ToMilliseconds())
        return pb.InitializeResponse(
            host=self._host,
            instance_id=self.instance,
            boot_id=boot_id().hex(),
            monitors=self._monitors(registered),
            contract_version=CONTRACT,
            version=version("print-fabric"),
            monitor_handle=handle,
            host_token=self.host_token.shown_to(current(), request.host_token_audience),
        )

    def _monitors(self, registered: Registration) -> list[pb.Monitor]:
        found: dict[str, pb.Monitor] = {}
        for monitor in self._ports.registry:
            if not registered.has(monitor.name, monitor.scheme):
                continue
            one = found.setdefault(monitor.name, pb.Monitor(name=monitor.name, kind=pb.MONITOR_KIND_PORT))
            one.version = monitor.version or version("print-fabric")
            one.schemes.append(monitor.scheme)
            functions = {*one.capabilities, *capabilities_of(monitor)}
            one.ClearField("capabilities")
            one.capabilities.extend(sorted(functions))
        return list(found.values())

    async def EnumPorts(self, request: pb.EnumPortsRequest, context: Any) -> pb.EnumPortsResponse:
        """List the configured ports."""
        registered = None
        if request.HasField("monitor_handle"):
            registered = self._registrations.check(request.monitor_handle)
        level = request.level if request.HasField("level") else 2
        if level not in _INFO_BYTES:
            raise InvalidLevel(f"PORT_INFO level {level} does not exist", level=level)
        if request.null_output and request.max_output_bytes:
            raise InvalidArgument("a buffer with a size is missing", fields=[("null_output", "has a size")])
        wanted = request.monitor.casefold()
        found = [
            port
            for port in self._ports
            if wanted in ("", port.monitor.name.casefold(), port.monitor.scheme)
            and (registered is None or registered.has(port.monitor.name, port.monitor.scheme))
        ]
        needed = sum(_port_info_bytes(port, level) for port in found)
        if request.HasField("max_output_bytes") and needed > request.max_output_bytes:
            raise InvalidArgument(f"{needed} bytes are needed", win32=122, needed=needed)
        ports = [port_to_pb(self._host, port, names_only=level == 1) for port in found]
        return pb.EnumPortsResponse(ports=ports, needed_bytes=needed)

    async def WatchPorts(
        self, request: pb.WatchPortsRequest, context: Any
    ) -> AsyncIterator[pb.WatchPortsResponse]:
        """Stream ports as they change: all of them first, then those that did, a few times a second at most."""
        owner = convert.owner_from(request.owner)
        wanted = {same(name) for name in request.ports}
        with self._ports.changes.watch(owner.fabric) as watcher:
            first = [port for port in self._ports if not wanted or same(port.name) in wanted]
            yield pb.WatchPortsResponse(sequence=1, ports=[port_to_pb(self._host, one) for one in first])
            sequence = 1
            while not watcher.ended:
                names = {name for name in await watcher.next() if not wanted or same(name) in wanted}
                ends = [one for one in watcher.ends() if not wanted or same(one.port) in wanted]
                if not names and not ends:
                    continue
                sequence += 1
                here = [self._ports.get(name) for name in sorted(names) if name in self._ports]
                yield pb.WatchPortsResponse(
                    sequence=sequence,
                    ports=[port_to_pb(self._host, one) for one in here],
                    deleted_ports=sorted(name for name in names if name not in self._ports),
                    documents=[convert.progress_to_pb(one.progress, one.port) for one in ends],
                )
                await asyncio.sleep(_WATCH_PAUSE_S)

    async def Shutdown(self, request: pb.ShutdownRequest, context: Any) -> pb.ShutdownResponse:
        """Close the caller's ports, after their documents or after the grace time, and forget what it has told."""
        owner = convert.owner_from(request.owner)
        self._registrations.end(owner)
        broken = await self._handles.shutdown(owner, request.grace.ToTimedelta().total_seconds())
        if not self._registrations.serve(owner.fabric):  # all its spoolers tell of the same printers
            for port in self._ports:
                self._ports.use(port, owner.fabric, False)
        found = [one for hold in broken for one in hold.left_over()]
        return pb.ShutdownResponse(broken_off=map(convert.progress_to_pb, found))


def capabilities_of(monitor: PortMonitor[Any]) -> list[pb.MonitorFunction.ValueType]:
    """Return the functions a port monitor has."""
    optional = {
        pb.MONITOR_FUNCTION_READ_PORT: monitor.readable,
        pb.MONITOR_FUNCTION_GET_PRINTER_DATA_FROM_PORT: monitor.controls,
        pb.MONITOR_FUNCTION_SET_PORT_TIME_OUTS: monitor.talks,
        # The host itself looks after the devices of ports that are used, by inotify and SNMP.
        pb.MONITOR_FUNCTION_NOTIFY_USED_PORTS: monitor.talks or monitor.has("notify_used_ports"),
        pb.MONITOR_FUNCTION_NOTIFY_UNUSED_PORTS: monitor.talks or monitor.has("notify_unused_ports"),
    }
    return [*_FUNCTIONS, *(function for function, there in optional.items() if there)]


def _port_info_bytes(port: HostPort, level: int) -> int:
    """Return what Windows would need for a port: the record, and its strings in UTF-16 with their ends."""
    texts = [port.name] if level == 1 else [port.name, port.monitor.name, port.monitor.description]
    return _INFO_BYTES[level] + sum(len(text.encode("utf-16-le")) + 2 for text in texts)
