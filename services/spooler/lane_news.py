"""What a lane hears of its documents: how far they are, and how they ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from chassis.errors import DeviceNotConnected
from spooler.flight import Flight, LaneOwner
from spooler.lane_flights import LaneFlights
from spooler.lane_half import LaneHalf
from spooler.port import UNFINISHED, DocumentKey, Progress
from spooler.printer import PortName


class LaneNews(LaneFlights):
    """A lane's load, and what became of it."""

    def __init__(self, port: PortName, owner: LaneOwner) -> None:
        super().__init__(port, owner)
        self._owner = owner
        self._landed: set[DocumentKey] = set()  # ended here, not durably yet
        self._half = LaneHalf(port, owner)
        self._device_lost = False  # the host says so: the port is opened anew before anything else is sent

    def looked_at(self) -> None:
        """A person has looked at the printer."""
        self._half.looked()
        self.clear()

    def _heard(self, news: Progress) -> None:
        flight, error = self.flights.get(news.key), news.error
        if flight is None:
            return
        if error is not None and error.reason == UNFINISHED and not flight.cancelled:
            self._half.refused = error  # it goes, and all behind it, when that is closed
            self._wake.set()
        else:
            (self._land if news.final else self._note)(flight, news)

    def _note(self, flight: Flight, news: Progress) -> None:
        """It goes on. With an error, what was sent behind the accepted offset is lost: it is sent again from there."""
        known, flight.progress = flight.progress, news
        if known is None or (known.phase, known.accepted, known.acked, known.confirmed) != (
            news.phase, news.accepted, news.acked, news.confirmed):  # fmt: skip
            flight.moved_at = datetime.now(UTC)
        # With all accepted it is the end that is said again. What lies at the host goes on by itself.
        if (
            news.error is not None
            and not flight.staged
            and flight.sent >= min(news.accepted + 1, flight.size_bytes)
        ):
            flight.sent = news.accepted
            self._unsent.put_first(flight)
            self._wake.set()
        self._owner.news(self.port, flight)

    def _land(self, flight: Flight, news: Progress) -> None:
        if flight.failure is not None and news.error is not None:
            news = replace(news, error=flight.failure)
        if news.error is None:
            self.failures = 0
        elif isinstance(news.error, DeviceNotConnected):
            self._device_lost = True
        flight.ended = True
        flight.progress = news
        self._remove(flight)
        self._landed.add(flight.key)
        if self._unsent:
            self._wake.set()  # what waits may need another way, now that nothing is under way
        self._owner.landed(self.port, flight, news)
