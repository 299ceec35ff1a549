"""Since when a port, or a printer, can print nothing, by all that is known here: pauses, failures, hosts' words, standstill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from spooler.flight import Flight
from spooler.lane import Lane
from spooler.outage import Outage
from spooler.port import Phase
from spooler.printer import Paused, PortName, Printer

_Key = tuple[str, str]


class Availability:
    """What keeps ports from printing."""

    def __init__(
        self,
        lanes: Mapping[_Key, Lane],
        paused: Mapping[_Key, Paused],
        landed: Mapping[_Key, datetime],
        is_stopped: Callable[[PortName], bool],
        stall_s: float,
    ) -> None:
        self._lanes, self._paused, self._landed = lanes, paused, landed
        self._is_stopped, self._stall_s = is_stopped, stall_s

    def outage(self, printer: Printer, now: datetime) -> Outage | None:
        """Return since when a printer can print nothing, which its last port decides; None: it can."""
        if printer.paused is not None:
            return Outage(
                printer.paused.at, f"while printer {printer.name} was {printer.paused}", paused=True
            )
        found: Outage | None = None
        for port in printer.ports:
            out = self.at_port(port, now)
            if out is None:
                return None
            found = out if found is None or out.since > found.since else found
        return found or Outage(now)

    def at_port(self, port: PortName, now: datetime) -> Outage | None:
        """Return since when a port prints nothing; None: it does. One that has failed does once a document has come out."""
        lane = self._lanes.get(port.key)
        if lane is not None and lane.suspect and port.key not in self._paused:
            return Outage(lane.failed_at)
        return self._at_standstill(port, now)

    def is_tried(self, printer: Printer, now: datetime) -> bool:
        """Whether something of a printer is on its way through a port that may bring it out."""
        for port in printer.ports:
            lane = self._lanes.get(port.key)
            of_it = lane is not None and any(
                flight.info.printer == printer.name for flight in lane.flights.values()
            )
            if of_it and self._at_standstill(port, now) is None:
                return True
        return False

    def stands_still(self, port: PortName, now: datetime) -> bool:
        """Whether a port has taken nothing of a document for too long."""
        still = self._still_since(port)
        return still is not None and (now - still).total_seconds() >= self._stall_s

    def stalls_in_s(self, printer: Printer, now: datetime) -> float | None:
        """Return when the first of a printer's ports may be found to stand still; None: nothing is on its way there."""
        busy = [port for port in printer.ports if (lane := self._lanes.get(port.key)) and lane.flights]
        waits = (self._stall_s - (now - (self._still_since(port) or now)).total_seconds() for port in busy)
        return min((wait_s for wait_s in waits if wait_s > 0), default=None)

    def _at_standstill(self, port: PortName, now: datetime) -> Outage | None:
        if (paused := self._paused.get(port.key)) is not None:
            return Outage(paused.at, f"while port {port} was {paused}", paused=True)
        lane = self._lanes.get(port.key)
        if lane is not None and lane.failed:
            return Outage(lane.failed_at)
        if self._is_stopped(port):
            return Outage(now)
        still = self._still_since(port)
        return Outage(still) if still is not None and self.stands_still(port, now) else None

    def _still_since(self, port: PortName) -> datetime | None:
        """Return when the document that a port prints last got further; None: there is none, or its device has all of it."""
        lane = self._lanes.get(port.key)
        first = next(_in_print(lane), None) if lane is not None else None
        if first is None or first.starved:
            return None
        news = first.progress
        accepted, acked = (news.accepted, news.acked) if news is not None else (0, 0)
        if accepted >= first.size_bytes and not 0 < acked < first.size_bytes:
            return None
        return max(first.moved_at, self._landed.get(port.key, first.moved_at))


def _in_print(lane: Lane) -> Iterator[Flight]:
    """Yield the documents that a port has begun; then those that it might have begun by now."""
    at_host = [flight for flight in lane.flights.values() if flight.begun]
    yield from (one for one in at_host if one.progress is not None and one.progress.phase is not Phase.QUEUED)
    yield from at_host
