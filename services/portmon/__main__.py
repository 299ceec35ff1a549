"""fabric-portmon: owns the physical ports of one host."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chassis.grpc_log
import chassis.grpc_poller  # noqa: F401 - both before grpc is loaded
from chassis import logs, server
from chassis.client import Channels
from chassis.errors import FabricError, PortBusy
from chassis.metrics import REGISTRY
from chassis.tasks import Tasks
from portmon.api.host_calls import CONTRACT
from portmon.api.monitor_servicer import MonitorServicer, served
from portmon.api.recorder_servicer import RecorderServicer, served_recorder
from portmon.api.rights import authorize
from portmon.api.xcv_servicer import XcvServicer, served_xcv
from portmon.device_access import Rest
from portmon.devices.tree import DeviceTree
from portmon.dial_out.metrics import DialOutCollector
from portmon.dial_out.out import DialOut, dialling_out
from portmon.dial_out.spooler_link import Itself
from portmon.finishing import Finishing
from portmon.handles import Handles
from portmon.host_token import HostToken
from portmon.host_values import HostValues
from portmon.language_path import LanguagePath
from portmon.language_registry import Languages
from portmon.metrics import PortCollector
from portmon.monitor import MonitorInit
from portmon.port_record import PortStore
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.presence import Presence
from portmon.registry import Registry
from portmon.registry_link import FileCopy, RegistryLink
from portmon.registry_store import RegistryStore
from portmon.settings import PortmonSettings
from portmon.snmp.extension import BadExtension, Extension, extension_of
from portmon.snmp.polling import SnmpPolling
from portmon.staging.area import Staging
from portmon.staging.metrics import StagingCollector
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS

log = logs.get(__name__)


def _lock(state_dir: Path) -> int:
    """Make sure that no other port monitor writes the same journals; the lock ends with the process."""
    state_dir.mkdir(parents=True, exist_ok=True)
    fd = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise PortBusy(f"another port monitor uses {state_dir}") from error
    return fd


async def _add_missing(ports: Ports, settings: PortmonSettings) -> None:
    wanted = [(port.name, port.monitor, port.settings) for port in settings.ports]
    try:
        refused = await ports.add_all(wanted)
    except FabricError as error:
        refused = [(name, error) for name, _monitor, _values in wanted if name not in ports]
    for name, why in refused:
        log.warning("configured port refused", port=name, why=why.message)


def _extension(path: Path | None) -> Extension:
    """Return what a file adds to the bidi schema; a wrong one adds nothing, and keeps nothing from printing."""
    if path is None:
        return {}
    try:
        return extension_of(path.read_bytes())
    except (OSError, BadExtension) as error:
        log.exception("bidi extension refused", file=str(path), why=str(error))
        return {}


async def _store(settings: PortmonSettings, channels: Channels) -> PortStore:
    """Open the list of ports, on the host or at a spooler.

    Raises:
        StoreUnavailable: it is not what this program wrote.
    """
    if not settings.registry:
        return LocalPortStore(settings.state_dir / "ports.json")
    link = RegistryLink(channels, settings.registry, settings.host_name)
    store = await asyncio.to_thread(RegistryStore, link, FileCopy(settings.state_dir / "ports.copy.json"))
    if store.away is not None:
        log.warning("the copy of the ports serves", spooler=settings.registry, why=store.away.message)
    return store


async def _ports(settings: PortmonSettings, store: PortStore) -> Ports:
    """Return the host's ports as they are stored, with their monitors."""
    tree = DeviceTree(settings.device_root, settings.sys_root)
    sandbox = settings.file_dir or settings.state_dir / "files"
    init = MonitorInit(settings.host_name, sandbox, tree, HostValues(store))
    registry = await asyncio.to_thread(Registry, init)  # whose monitors may read and set values
    return Ports(
        registry,
        store,
        settings.state_dir,
        slots=settings.journal_slots,
        staging=Staging(settings.state_dir / "staged", settings.staged_bytes, settings.staged_keep_s),
    )


async def run(settings: PortmonSettings) -> None:
    """Serve until told to stop; then close the ports, documents at known offsets."""
    lock = _lock(settings.state_dir)
    async with Channels(settings.registry_channel) as channels:
        ports = await _ports(settings, await _store(settings, channels))
        await _add_missing(ports, settings)
        await asyncio.to_thread(ports.tidy_up)
        try:
            await _serve(settings, ports)
        finally:
            await ports.own.shutdown()
            await ports.changed()
            ports.close()
            os.close(lock)


async def _serve(settings: PortmonSettings, ports: Ports) -> None:
    async with Tasks("portmon") as tasks:
        handles = Handles(ports, tasks, lease_s=settings.lease_s, most_lease_s=settings.most_lease_s)
        recorder, polling = RecorderServicer(ports), _polling(settings, ports, tasks)
        monitors = MonitorServicer(settings.host_name, ports, handles, tasks, answer_s=settings.answer_s)
        monitors.host_token = HostToken(settings.host_token_file)
        servicers = [
            served(monitors),
            served_xcv(XcvServicer(Xcv(ports, COMMANDS))),
            served_recorder(recorder),
        ]
        itself = Itself(settings.host_name, monitors.instance, CONTRACT)

        async def drain() -> None:
            recorder.end()
            ports.changes.end()
            await _come_to_rest(ports, handles, settings.server.grace_s / 2)

        await _finishing(settings, ports, handles, tasks).start()
        try:
            async with dialling_out(settings, itself, servicers, authorize) as dial_out:
                with _shown(settings.host_name, ports, dial_out):
                    await server.serve(
                        settings,
                        servicers=servicers,
                        loops=[
                            handles.expire,
                            ports.staging.expire,
                            polling.run,
                            Presence(ports, ports.registry.init.tree).watch,
                        ],
                        on_drain=[drain, dial_out.close],
                        authorize=authorize,
                    )
        finally:
            await handles.shutdown(None, 0)


@contextmanager
def _shown(host: str, ports: Ports, dial_out: DialOut) -> Iterator[None]:
    """Show the host's numbers on the page of metrics meanwhile."""
    collectors = (
        PortCollector(host, ports),
        StagingCollector(host, ports.staging),
        DialOutCollector(host, dial_out),
    )
    for collector in collectors:
        REGISTRY.register(collector)
    try:
        yield
    finally:
        for collector in collectors:
            REGISTRY.unregister(collector)


def _polling(settings: PortmonSettings, ports: Ports, tasks: Tasks) -> SnmpPolling:
    return SnmpPolling(
        ports,
        tasks,
        poll_s=settings.snmp_poll_s,
        idle_s=settings.snmp_idle_poll_s,
        extension=_extension(settings.bidi_extension),
    )


async def _come_to_rest(ports: Ports, handles: Handles, grace_s: float) -> None:
    """Begin nothing with a device any more; what runs ends within the grace time, or at a known offset."""
    ports.access.withhold(Rest.ENDS)
    await asyncio.gather(handles.shutdown(None, grace_s, park=True), ports.access.quiet(grace_s))


def _finishing(settings: PortmonSettings, ports: Ports, handles: Handles, tasks: Tasks) -> Finishing:
    def way_of(language: str, bidirectional: bool) -> LanguagePath:
        return LanguagePath(Languages().find(language), bidirectional, settings.answer_s)

    return Finishing(ports, handles, tasks, way_of)


def main() -> None:
    """Run the program."""
    server.main(PortmonSettings, run)


if __name__ == "__main__":
    main()
