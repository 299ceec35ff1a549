"""The ports of this host: what is configured, who has it open, what its journal knows."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chassis import logs
from chassis.errors import FabricError, InvalidArgument, PortInUse, PortNotFound, StoreUnavailable
from chassis.tasks import Tasks
from portmon.changes import Changes
from portmon.checked import checked_settings
from portmon.device_access import DeviceAccess
from portmon.host_port import HostPort
from portmon.journal.fabric_times import FabricTimes
from portmon.kept_reports import KeptReports
from portmon.monitor import PortMonitor, PortSettings
from portmon.new_port import NewPort, Refused, begin_journals, journal_path, new_port, sorted_out, stored
from portmon.own_calls import OwnCalls
from portmon.port_name import same
from portmon.port_record import PortChange, PortRecord, PortStore
from portmon.registry import Registry
from portmon.reports import Report, as_said
from portmon.staging.area import Staging
from portmon.twins import Twins
from portmon.way import opener

log = logs.get(__name__)


class Ports:
    """All configured ports of this host. Changes are made here and in the store together."""

    def __init__(
        self,
        registry: Registry,
        store: PortStore,
        state_dir: Path,
        *,
        slots: int = 4096,
        staging: Staging | None = None,
    ) -> None:
        self.registry = registry
        self.staging = staging or Staging(state_dir / "staged")
        self._store = store
        self._state_dir = state_dir
        self._slots = slots
        self.times = FabricTimes()
        self._ports: dict[str, HostPort] = {}
        self.changes = Changes()
        self.twins = Twins()
        self.access = DeviceAccess()
        # Called when a port is new, other or gone, and when its use begins or ends.
        self.configured: Callable[[], None] = lambda: None
        self._kept, self._keeping = KeptReports(state_dir / "reports.json"), asyncio.Lock()
        self._adding = asyncio.Lock()  # guards journals that are being made: two of one name were one file
        registry.init.values.bind(store)
        self.own = OwnCalls(registry, self._used)
        # Changes of store and memory are made to their end, though their caller hangs up in the middle.
        self._tasks = Tasks("ports")
        with contextlib.suppress(StoreUnavailable):  # it is said of each port that has none then
            begin_journals(state_dir, (record.name for record in store.ports()), slots)
        for record in store.ports():
            try:
                self._admit(record)
            except FabricError as error:
                # A monitor that was uninstalled, say; the record stays for when it is back.
                log.warning("stored port left out", port=record.name, scheme=record.scheme, why=error.message)
        self.find_twins(*self._ports.values())

    def _admit(self, record: PortRecord) -> HostPort:
        monitor = self.registry.scheme(record.scheme)
        settings = checked_settings(monitor, record.name, record.settings)
        begin_journals(self._state_dir, [record.name], self._slots)
        path = journal_path(self._state_dir, record.name)
        port = HostPort(record, monitor, settings, path, self.times, self._slots)
        self._ports[same(record.name)] = port
        if kept := self._kept.of(port.name):
            for one in kept:
                port.reports.put(one)
            self.touch(port)
        return port

    def find_twins(self, *ports: HostPort) -> None:
        """Look again which ports lead to the devices of these: their settings, or what is there, are others."""
        for one in self.twins.put(*ports):
            self.touch(one)

    def __iter__(self) -> Iterator[HostPort]:
        return iter(sorted(self._ports.values(), key=lambda port: same(port.name)))

    def __contains__(self, name: str) -> bool:
        return same(name) in self._ports

    def get(self, name: str) -> HostPort:
        """Return a port by its name, whatever its case.

        Raises:
            PortNotFound: code 1796.
        """
        port = self._ports.get(same(name))
        if port is None:
            raise PortNotFound(f"no port {name!r} on this host", port=name)
        return port

    @property
    def idle_polling(self) -> bool:
        """Whether ports without a document are asked for their status too (SetIdlePollingState)."""
        return self.value("IdlePolling") is not False

    def use(self, port: HostPort, fabric: str, used: bool) -> None:
        """Take note whether printers of a fabric use a port (NotifyUsedPorts, NotifyUnusedPorts)."""
        if (fabric in port.used_by) is not used:
            (port.used_by.add if used else port.used_by.discard)(fabric)
            self.use_changed(port)

    def use_changed(self, port: HostPort) -> None:
        """A port is used, opened or closed: who looks after devices and watchers shall know."""
        self.touch(port)
        self._tell_use()

    def _tell_use(self) -> None:
        self.configured()
        self.own.used_ports()

    def _used(self, monitor: PortMonitor[Any]) -> set[str]:
        return {port.name for port in self._ports.values() if port.monitor is monitor and port.used_by}

    def touch(self, port: HostPort) -> None:
        """Tell the watchers that a port has changed, and again when the next report about it runs out."""
        self.changes.touch(port.name)
        if port.expiry is not None:
            port.expiry.cancel()
            port.expiry = None
        now = time.time()
        at = port.reports.next_expiry(now)
        if at is not None and not port.deleted:
            port.expiry = asyncio.get_running_loop().call_later(at - now + 0.001, self.touch, port)

    def report(self, port: HostPort, reporter: str, reports: Iterable[Report], lasts_s: float | None) -> None:
        """Take what somebody says about a port (SetPort), in place of what the same one said before."""
        if port.reports.set(reporter, reports, lasts_s=lasts_s):
            self.touch(port)

    async def set_port(self, port: HostPort, reporter: str, report: Report, lasts_s: float | None) -> None:
        """Keep what somebody says about a port, over restarts too (SetPort).

        Raises:
            InvalidArgument, StoreUnavailable: nothing was changed.
        """
        place = f"SetPort {reporter}".strip()  # nobody speaks in the name of the host's own reporters
        await self._tasks.finish("set port", self._set_port(port, place, report, lasts_s))

    async def _set_port(self, port: HostPort, reporter: str, report: Report, lasts_s: float | None) -> None:
        async with self._keeping:
            if not port.reports.has_room(reporter):
                raise InvalidArgument(f"too much is said about port {port.name} already", port=port.name)
            now = time.time()
            kept = as_said(report, reporter, now, None if lasts_s is None else now + lasts_s)
            await asyncio.to_thread(self._kept.keep, port.name, reporter, kept)
            if port.reports.set(reporter, [report], lasts_s=lasts_s, at=now):
                self.touch(port)

    async def add(self, name: str, monitor: str, values: Mapping[str, Any]) -> HostPort:
        """Add a port; `monitor` is a Windows name or a scheme.

        Raises:
            InvalidArgument, InvalidSettings, UnknownPrintMonitor, PortExists: nothing was changed.
        """
        new = new_port(self.registry, name, monitor, values)
        await self._tasks.finish("add", self._add([new]))
        return self.get(new.record.name)

    async def add_all(self, wanted: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Sequence[Refused]:
        """Add ports, each a name, a monitor and settings as for `add`; those that are here stay as they are.

        The disk is waited for as for one. Returns those that were refused, and why. Raises StoreUnavailable: none was added.
        """
        missing = [one for one in wanted if one[0] not in self]
        new, refused = sorted_out(self.registry, missing, {same(one.name) for one in self._store.ports()})
        if new:
            await self._tasks.finish("add", self._add(new))
        return refused

    async def _add(self, new: Sequence[NewPort]) -> None:
        async with self._adding:
            await asyncio.to_thread(self._keep_new, new)
            self.find_twins(*[self._admit(one.record) for one in new])
        for one in new:
            self.changes.touch(one.record.name)
        self.configured()

    def _keep_new(self, new: Sequence[NewPort]) -> None:
        begin_journals(self._state_dir, (one.record.name for one in new), self._slots)
        for one in new:
            self._kept.forget(one.record.name)  # of a port that had the name before
        self._store.add_all([one.record for one in new])
        for one in new:
            one.monitor.unbind(one.record.name)
            one.monitor.bind(one.record.name, one.settings)

    async def configure(
        self, name: str, values: Mapping[str, Any], revision: str | None = None, scheme: str | None = None
    ) -> HostPort:
        """Give a port other settings, or make it one of another `scheme`: an open one is from the end of its document on.

        Raises:
            PortNotFound, InvalidSettings, EtagMismatch: nothing was changed.
            InvalidArgument: no such port can become one of that scheme.
        """
        port = self.get(name)
        monitor = self.registry.changed_to(port.monitor, scheme or port.monitor.scheme)
        settings = checked_settings(monitor, port.name, dict(values))
        record = PortRecord(port.name, monitor.scheme, stored(settings))
        return await self._tasks.finish("configure", self._configure(port, record, settings, revision))

    async def _configure(
        self, port: HostPort, record: PortRecord, settings: PortSettings, revision: str | None
    ) -> HostPort:
        await asyncio.to_thread(self._store.replace, record, revision)
        await asyncio.to_thread(self.registry.scheme(record.scheme).bind, port.name, settings)
        changed = record.scheme != port.record.scheme
        port.record, port.settings = record, settings
        if changed:
            port.monitor = self.registry.scheme(record.scheme)
        if port.session is not None:
            way = port.hold.way if port.hold is not None else None
            port.session.configure(settings, opener(port, way) if changed else None)
        self.find_twins(port)
        self.changes.touch(port.name)
        self.configured()
        return port

    async def delete(self, name: str) -> None:
        """Delete a port in two phases: nobody can open it from the check on, and a failure takes that back.

        Raises:
            PortNotFound, PortInUse: nothing was changed.
        """
        await self._tasks.finish("delete", self._delete(self.get(name)))

    async def _delete(self, port: HostPort) -> None:
        async with port.lock:
            if port.is_open:
                raise PortInUse(f"port {port.name} is open", port=port.name)
            port.deleted = True
            try:
                await asyncio.to_thread(self._store.delete, port.name)
            except BaseException:
                port.deleted = False
                raise
            with contextlib.suppress(StoreUnavailable):
                # Else a port of this name that comes later forgets it.
                await asyncio.to_thread(self._kept.forget, port.name)
            await asyncio.to_thread(port.monitor.unbind, port.name)
            port.forget_journal()
            if port.expiry is not None:
                port.expiry.cancel()
            del self._ports[same(port.name)]
            for one in self.twins.drop(port):
                self.touch(one)
            self.changes.touch(port.name)
            self._tell_use()

    def value(self, name: str) -> Any:
        """Return a value of the whole host's; None when it was never set."""
        return self.registry.init.values.get(name)

    async def set_value(self, name: str, value: Any) -> None:
        """Set a value that is the whole host's; None forgets it. Raises StoreUnavailable."""
        await self._tasks.finish("set value", self._set_value(name, value))

    async def _set_value(self, name: str, value: Any) -> None:
        await asyncio.to_thread(self.registry.init.values.set, name, value)

    async def history(self, name: str, most: int) -> list[PortChange]:
        """Return the latest changes of a port, newest first; of a port that is gone, too."""
        return await asyncio.to_thread(self._store.history, name, most)

    def tidy_up(self) -> None:
        """Put right what a crash left changed about devices. Blocks; opens the journals that exist already."""
        for port in self:
            with contextlib.suppress(StoreUnavailable):  # a full disk: it is said to whoever wants the port
                if type(port.monitor).tidy_up is not PortMonitor.tidy_up and port.journal.note.line:
                    port.monitor.tidy_up(port.name, port.settings, port.journal.note)

    async def changed(self) -> None:
        """Wait for the changes that are being made."""
        await self._tasks.join()

    def close(self) -> None:
        """Close the journals."""
        for port in self._ports.values():
            if port.expiry is not None:
                port.expiry.cancel()
            port.forget_journal()
