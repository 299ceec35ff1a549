"""Whether the devices of this host's ports are there: heard of at once by inotify, looked for every few seconds as well.

A host none of whose ports has a device of its own, all printers being in the network, looks for nothing. Elsewhere only
ports that printers use (NotifyUsedPorts) or somebody has open are looked after. What is wrong becomes a report of the port
("device"), which is taken back when it is right again. An open port whose device has come back is opened anew by itself.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from chassis import logs
from portmon.devices.found import FoundDevice, by_identity, index, looked_up
from portmon.devices.holders import access_problem, holders_of
from portmon.devices.inotify import Inotify
from portmon.devices.tree import DeviceTree, node_of
from portmon.host_port import HostPort
from portmon.monitor import PortMonitor, PortSettings
from portmon.port_state import PortState
from portmon.ports import Ports
from portmon.reports import Condition, Report, Severity, Source

REPORTER = "device"
POLL_S = 5.0
_SETTLE_S = 0.1  # udev makes a node first, then its links, then its rights
_MOST_NODES = 512  # watched for who opens them
log = logs.get(__name__)


class _Asked(NamedTuple):
    """A port whose device is looked at."""

    name: str
    monitor: PortMonitor[Any]
    settings: PortSettings
    is_open: bool


class Looked(NamedTuple):
    """What was seen of a port's device."""

    there: bool
    reports: Sequence[Report] = ()
    identity: str = ""


@dataclass(slots=True)
class _Known:
    """What is remembered of a port's device."""

    device: str
    there: bool = True
    identity: str = ""  # of the device that was there last
    reports: tuple[str, ...] = field(default=())


class Presence:
    """Looks after the devices of one host's ports. Belongs to the event loop; looking is done on a thread.

    `poll_s`: how often it looks though nothing was heard, while a port has a device here; None: never.
    """

    def __init__(self, ports: Ports, tree: DeviceTree, poll_s: float | None = POLL_S) -> None:
        self._ports, self._tree, self._poll_s = ports, tree, poll_s
        self._known: dict[str, _Known] = {}
        self._news = asyncio.Event()
        self._local: list[HostPort] | None = None  # ports with a device of this host; None: to be found again
        ports.configured = self._configured

    async def watch(self) -> None:
        """Look after them for ever; without inotify by looking alone."""
        loop = asyncio.get_running_loop()
        try:
            inotify = Inotify()
        except OSError as error:
            log.warning("devices are looked for, not heard of", why=str(error), every_s=self._poll_s)
            inotify = None
        if inotify is not None:
            loop.add_reader(inotify.fd, self._heard, inotify)
        try:
            while True:
                if inotify is not None:
                    inotify.watch(*self._watched())
                await self.look()
                await self._wait(self._poll_s if self._of_this_host() else None)
        finally:
            if inotify is not None:
                loop.remove_reader(inotify.fd)
                inotify.close()

    def _heard(self, inotify: Inotify) -> None:
        if inotify.drain():
            self._news.set()

    def _configured(self) -> None:
        self._local = None
        self._news.set()

    async def _wait(self, most_s: float | None) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_SETTLE_S)
        self._news.clear()

    def _of_this_host(self) -> list[HostPort]:
        """Return the ports that have a device of this host, used or not; found once for each change of ports."""
        if self._local is None:
            self._local = [port for port in self._ports if port.monitor.talks and port.device.startswith("/")]
        return self._local

    def _mine(self) -> list[HostPort]:
        """Return those of them that are in use."""
        return [port for port in self._of_this_host() if port.in_use]

    def _watched(self) -> tuple[set[Path], list[Path]]:
        devices = [Path(port.device) for port in self._mine()]
        folders = {*self._tree.watched, *(path.parent for path in devices)}
        nodes = [Path(os.path.realpath(path)) for path in devices if path.exists()]
        return folders, nodes[:_MOST_NODES]

    # --- looking

    async def look(self) -> None:
        """Look once, and tell what has changed; when devices may be looked at."""
        access = self._ports.access
        await access.granted()
        ports = self._mine()
        if not ports and not self._known:
            return
        asked = [_Asked(port.name, port.monitor, port.settings, port.session is not None) for port in ports]
        before = {name: one.identity for name, one in self._known.items()}
        seen = await access.use(asyncio.ensure_future(asyncio.to_thread(_look, asked, before)))
        for port in ports:
            if not port.deleted and port.in_use:
                self._take(port, seen[port.name])
        for name in self._known.keys() - {port.name for port in self._mine()}:
            self._forget(name)

    def _forget(self, name: str) -> None:
        """A port is gone or no longer used: what was seen of its device counts no more."""
        del self._known[name]
        if name in self._ports:
            port = self._ports.get(name)
            port.device_at = None
            self._ports.report(port, REPORTER, [], None)

    def _take(self, port: HostPort, looked: Looked) -> None:
        known = self._known.get(port.name)
        if known is None or known.device != port.device:
            moved = known is not None
            known = self._known[port.name] = _Known(port.device)
        else:
            moved = False
        back = looked.there and (moved or not known.there)
        texts = tuple(one.text for one in looked.reports)
        if texts != known.reports:
            log.info("device looked at", port=port.name, device=port.device, found=", ".join(texts) or "well")
        known.there, known.reports = looked.there, texts
        known.identity = looked.identity or known.identity
        port.device_at = time.time() if looked.there else None
        self._ports.report(port, REPORTER, looked.reports, None)
        if back:
            self._ports.find_twins(port)
        failed = port.session is not None and port.session.state is PortState.FAILED
        if port.session is not None and looked.there and (back or failed):
            port.session.configure(port.settings)  # opens it anew, between documents


def _look(asked: Sequence[_Asked], before: Mapping[str, str]) -> Mapping[str, Looked]:
    found: dict[str, Looked] = {}
    lists = {one.monitor.scheme: index(one.monitor.devices()) for one in _of_each_monitor(asked)}
    for one in asked:
        one.monitor.bind(one.name, one.settings)
    devices = {
        one.name: one.monitor.device(one.name, one.settings) for one in asked
    }  # as they are called now
    closed = [devices[one.name] for one in asked if not one.is_open and _is_for_one(devices[one.name])]
    # All files of all programs are looked through for this, and so once for all ports.
    holders = holders_of(closed, asked[0].monitor.init.tree.proc) if closed else {}
    for one in asked:
        if absence := one.monitor.absence(one.name, one.settings):
            found[one.name] = Looked(False, [_offline(absence)])
            continue
        device, known = devices[one.name], lists[one.monitor.scheme]
        others = [str(other) for other in holders.get(device, ()) if not other.ours]
        found[one.name] = _looked(device, known, before.get(one.name, ""), ", ".join(others[:3]))
    return found


def _is_for_one(device: str) -> bool:
    """Say whether a device is there that whoever else has it open takes away: who has a FIFO open is its far end."""
    try:
        return not stat.S_ISFIFO(Path(device).stat().st_mode)
    except OSError:
        return False


def _of_each_monitor(asked: Sequence[_Asked]) -> Iterable[_Asked]:
    return {one.monitor.scheme: one for one in asked}.values()


def _looked(device: str, devices: Mapping[str, FoundDevice], before: str, holder: str) -> Looked:
    one = looked_up(devices, device)
    identity = one.identity if one is not None and one.is_known else ""
    if not Path(device).exists():
        return Looked(False, [_offline(_away(device, devices, before))], "")
    denied = access_problem(device)
    if denied:
        return Looked(False, [_offline(denied)], "")
    said = []
    if before and identity and identity != before:
        said.append(_warning(f"another device than before is behind {device}: {_text(one)}"))
        identity = ""  # the one that was meant is still looked for
    if one is not None and one.alike > 1 and "/by-id/" in device:
        said.append(_warning(_ambiguous(device, one)))
    if holder:
        said.append(_warning(f"{device} is in use by {holder}"))
    return Looked(True, said, identity)


def _away(device: str, devices: Mapping[str, FoundDevice], before: str) -> str:
    text = f"{device} is not there: unplugged, switched off, or never plugged in"
    moved = by_identity(set(devices.values()), before) if before else None
    if moved is None:
        return text
    return f"{device} is not there: the same device is now {moved.node}; configure the port to {moved.path}"


def _ambiguous(device: str, one: FoundDevice) -> str:
    leads = node_of(Path(device)).name
    return f"{one.alike} devices are alike, and {Path(device).name} leads to {leads} by chance: configure {one.path}"


def _text(one: FoundDevice | None) -> str:
    return one.description if one is not None else "an unknown one"


def _offline(text: str) -> Report:
    return Report(Condition.OFFLINE, Severity.ERROR, text, Source.HOST)


def _warning(text: str) -> Report:
    return Report(Condition.USER_INTERVENTION, Severity.WARNING, text, Source.HOST)
