"""The status of network printers by SNMP: one poller for each port that is used, and none for the others.

A poller never touches the port: it puts reports and facts beside it, which run out when they are not renewed. So an agent
that is silent, or is asked with a wrong community, takes nothing away from a port that prints.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from chassis import logs
from chassis.tasks import Tasks
from portmon.bidi.levels import Levels, without_repeats
from portmon.facts import Fact
from portmon.host_port import HostPort
from portmon.network_settings import NetworkSettings
from portmon.port_state import PortState
from portmon.ports import Ports
from portmon.reports import Condition, Report, Severity, Source
from portmon.snmp.agent import AgentPlace, NoAnswer, Seen, look, prepare
from portmon.snmp.extension import Extension
from portmon.snmp.parts import facts_of
from portmon.snmp.status import reports_of

REPORTER, LEVELS, AGENT, EXTENSION = "snmp", "snmp-levels", "snmp-agent", "snmp-extension"
_AT_ONCE = 32  # looks of all ports together
_ARRANGE_PAUSE_S = 0.2
_PARTS_EVERY_S = 600.0
_PARTS_SOON_S = 60.0  # … while something is low, or somebody looks
_GRACE_S = 5.0
_LOOKED_AT_S = 20.0  # so long after a question somebody is taken to look still
_MISSES = 3  # so many looks without an answer are worth a word
log = logs.get(__name__)


@dataclass(slots=True)
class _Poller:
    """One port's poller."""

    place: AgentPlace
    levels: Levels
    task: asyncio.Task[object] | None = None
    misses: int = 0
    parts_at: float = float("-inf")
    asked_at: dict[int, float] = field(default_factory=dict)  # of the extension's values, by their interval
    troubled: bool = False
    errors: bytes | None = None  # hrPrinterDetectedErrorState
    low: Sequence[Report] = ()  # what was running out at the last look at the parts


class SnmpPolling:
    """All pollers of this host.

    `poll_s`: how often the printer is asked while it prints, is in trouble or somebody looks (`HostPort.look`); `idle_s`:
    otherwise. With
    `ports.idle_polling` off only ports in a document are asked (SetIdlePollingState).
    """

    def __init__(
        self,
        ports: Ports,
        tasks: Tasks,
        *,
        poll_s: float = 10.0,
        idle_s: float = 300.0,
        extension: Extension | None = None,
    ) -> None:
        self._ports, self._tasks, self._extension = ports, tasks, extension or {}
        self._poll_s, self._idle_s = poll_s, max(poll_s, idle_s)
        self._pollers: dict[str, _Poller] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def __len__(self) -> int:
        return len(self._pollers)

    async def run(self) -> None:
        """Give each port what it needs as ports change, for ever; sleeps while none does."""
        try:
            with self._ports.changes.watch() as watcher:
                names = {port.name for port in self._ports}
                while not watcher.ended:
                    for name in names:
                        self._arrange(name)
                    await asyncio.sleep(_ARRANGE_PAUSE_S)
                    names = await watcher.next()
        finally:
            for name in list(self._pollers):
                self._stop(name)

    def _arrange(self, name: str) -> None:
        port = self._ports.get(name) if name in self._ports else None
        place, mark = (None, 0) if port is None else (_place_of(port), _mark_of(port))
        poller = self._pollers.get(name)
        if poller is not None and (poller.place, poller.levels.mark) != (place, mark):
            self._stop(name)
            if port is not None:
                self._forget(port)
            poller = None
        if port is None or place is None:
            return
        if poller is None:
            poller = self._pollers[name] = _Poller(place, Levels(mark))
            poller.task = self._tasks.supervise("snmp poller", partial(self._poll, port, poller))
        if port.state is PortState.IN_DOCUMENT:
            port.stirred.set()

    def _stop(self, name: str) -> None:
        poller = self._pollers.pop(name)
        if poller.task is not None:
            poller.task.cancel()

    def _forget(self, port: HostPort) -> None:
        for reporter in (REPORTER, LEVELS, AGENT):
            self._ports.report(port, reporter, [], None)
        port.facts.tell(REPORTER, {})
        for every_s in self._extension:
            port.facts.tell(f"{EXTENSION} {every_s}", {})

    async def _poll(self, port: HostPort, poller: _Poller) -> None:
        await prepare()
        while True:
            printing = port.state is PortState.IN_DOCUMENT
            if printing or self._ports.idle_polling:
                async with self._slots:
                    await self._ports.access.granted()
                    await self._look(port, poller)
            pause = self._pause(port, poller)
            await asyncio.sleep(min(pause, self._poll_s))
            if poller.misses:
                await asyncio.sleep(max(0.0, pause - self._poll_s))
            elif (pause := self._pause(port, poller)) > self._poll_s:
                # A document that begins, or somebody who looks, ends a long pause, not a short one.
                port.stirred.clear()
                await _event_or_time(port.stirred, pause - self._poll_s)

    def _pause(self, port: HostPort, poller: _Poller) -> float:
        if poller.misses:
            return min(self._idle_s, self._poll_s * 2.0 ** min(poller.misses, 10))
        often = _is_looked_at(port) or poller.troubled or port.state is PortState.IN_DOCUMENT
        return self._poll_s if often else self._idle_s

    async def _look(self, port: HostPort, poller: _Poller) -> None:
        soon = poller.low or _is_looked_at(port)
        parts = time.monotonic() - poller.parts_at >= (_PARTS_SOON_S if soon else _PARTS_EVERY_S)
        try:
            due = self._due(poller)
            more = [one.oid for every_s in due for one in self._extension[every_s]]
            looking = asyncio.ensure_future(look(poller.place, parts=parts, more=more))
            seen: Seen = await self._ports.access.use(looking)
        except NoAnswer as error:
            self._missed(port, poller, str(error))
            return
        if poller.misses >= _MISSES:
            self._ports.report(port, AGENT, [], None)
        poller.misses = 0
        self._tell(port, poller, seen)
        self._tell_more(port, poller, seen, due)

    def _tell(self, port: HostPort, poller: _Poller, seen: Seen) -> None:
        if seen.parts is not None:
            self._tell_parts(port, poller, facts_of(seen.state, seen.parts))
        elif seen.state.errors != poller.errors:
            poller.parts_at = float(
                "-inf"
            )  # something ran low, or was filled: the next look asks how full it is
        poller.errors = seen.state.errors
        reports = without_repeats(reports_of(seen.state), poller.low)
        poller.troubled = any(one.severity is Severity.ERROR for one in reports)
        # Two looks may be lost on the way before what was said runs out.
        self._ports.report(port, REPORTER, reports, 3 * self._pause(port, poller) + _GRACE_S)

    def _tell_parts(self, port: HostPort, poller: _Poller, facts: Mapping[str, Fact]) -> None:
        poller.parts_at = time.monotonic()
        port.facts.tell(REPORTER, {**facts, **poller.levels.marks(facts)}, 2 * _PARTS_EVERY_S)
        poller.low = poller.levels.reports(facts, time.time())
        self._ports.report(port, LEVELS, poller.low, 2 * _PARTS_EVERY_S)

    def _tell_more(self, port: HostPort, poller: _Poller, seen: Seen, due: Sequence[int]) -> None:
        """Tell the values of the extension that were asked for; one that the agent has not is not known."""
        for every_s in due:
            poller.asked_at[every_s] = time.monotonic()
            told = {one.path: one.fact(seen.more.get(one.oid)) for one in self._extension[every_s]}
            known = {path: fact for path, fact in told.items() if fact is not None}
            port.facts.tell(f"{EXTENSION} {every_s}", known, 2 * every_s + self._idle_s)

    def _due(self, poller: _Poller) -> list[int]:
        """Return the intervals of the extension's values that are to be asked for now."""
        now = time.monotonic()
        return [
            every_s
            for every_s in self._extension
            if now - poller.asked_at.get(every_s, float("-inf")) >= every_s
        ]

    def _missed(self, port: HostPort, poller: _Poller, why: str) -> None:
        """Take note that the source is silent, which says nothing about the printer."""
        poller.misses += 1
        poller.troubled = False
        if poller.misses == _MISSES:
            log.info("SNMP agent silent", port=port.name, agent=poller.place.host, why=why)
        if poller.misses >= _MISSES:
            text = f"no status by SNMP from {poller.place.host}: {why}"
            report = Report(Condition.CLEAR, Severity.INFO, text, Source.HOST)
            self._ports.report(port, AGENT, [report], 2 * self._idle_s + 60)


def _place_of(port: HostPort) -> AgentPlace | None:
    """Return which agent to ask about a port; None when nobody uses it, or wants its status."""
    settings = port.settings
    if not isinstance(settings, NetworkSettings) or not settings.snmp_enabled:
        return None
    if not port.used_by and port.session is None:
        return None
    return AgentPlace(
        settings.host,
        settings.snmp_port,
        settings.snmp_version,
        settings.snmp_community,
        settings.snmp_device_index,
    )


def _mark_of(port: HostPort) -> int:
    return port.settings.low_level if isinstance(port.settings, NetworkSettings) else 0


def _is_looked_at(port: HostPort) -> bool:
    return time.monotonic() - port.looked_at < _LOOKED_AT_S


async def _event_or_time(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
