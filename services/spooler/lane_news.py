"""What a lane hears while it holds its port: how far its documents are, how they ended, when to let the port go."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import DeviceNotConnected, FabricError
from chassis.tasks import Tasks
from spooler.flight import Flight, LaneOwner
from spooler.lane_condition import LaneState
from spooler.lane_flights import LaneFlights
from spooler.lane_half import LaneHalf
from spooler.port import UNFINISHED, DocumentKey, OpenPort, Phase, Progress
from spooler.printer import PortName

log = logs.get(__name__)


class LaneNews(LaneFlights):
    """A lane's load, and what became of it."""

    def __init__(self, port: PortName, owner: LaneOwner, tasks: Tasks) -> None:
        super().__init__(port, owner, tasks)
        self._owner, self._tasks = owner, tasks
        self._hold: OpenPort | None = None
        self._listener: asyncio.Task[None] | None = None
        self._broken: FabricError | None = None  # why there is nothing more to hear
        self._landed: set[DocumentKey] = set()  # ended here, not durably yet
        self._half = LaneHalf(port, owner)
        self._device_lost = False  # the host says so: the port is opened anew before anything else is sent
        self._closing: asyncio.Task[None] | None = None  # ClosePort, on its way or done

    @property
    def is_open(self) -> bool:
        """Whether this spooler holds the port."""
        return self._hold is not None

    def looked_at(self) -> None:
        """A person has looked at the printer."""
        self._half.looked()
        self.clear()

    def rested(self) -> None:
        """Try again; but not while the host says that it cannot be: it looks itself, for as long as the port is open."""
        if self.flights or self.pinned is not None or not self._owner.is_stopped(self.port):
            self.clear()
        elif self._owner.wants(self.port):
            self.rest_on()
        else:
            self.clear()
            self.release()

    def release(self) -> None:
        """Let the port go (ClosePort): nothing is on its way, and nothing waits for it."""
        self.state = LaneState.CLOSED
        self._release()

    def _release(self) -> None:
        """Begin ClosePort; whoever opens the port next waits until it is `_closed`."""
        if (hold := self._let_go()) is not None:
            self._closing = self._tasks.spawn(f"close {self.port}", hold.close())

    def _part(self) -> None:
        """Release the port, unless a document has begun: that waits at the host for the next opening, which takes over."""
        if not self._has_begun():
            self._release()
        elif (hold := self._let_go()) is not None:
            hold.drop()

    async def _closed(self) -> None:
        """Wait for the ClosePort that is on its way: the port is never opened over an earlier opening (S32)."""
        if self._closing is not None:
            await asyncio.shield(self._closing)

    def _let_go(self) -> OpenPort | None:
        """Listen no more; return the hold, which is nobody's then."""
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        hold, self._hold = self._hold, None
        return hold

    def _listen_to(self, hold: OpenPort) -> None:
        self._listener = self._tasks.spawn(f"listen {self.port}", self._listen(hold))

    async def _listen(self, hold: OpenPort) -> None:
        try:
            async for batch in hold.progress():
                for news in batch:
                    self._heard(news)
        except FabricError as error:
            if self._hold is hold:
                self._broken = error
                self._wake.set()

    def _heard(self, news: Progress) -> None:
        flight, error = self.flights.get(news.key), news.error
        if flight is None:
            return
        if error is not None and error.reason == UNFINISHED and not flight.cancelled and not flight.withdrawn:
            if (end := self._half.lost_place(flight, news, error)) is not None:
                self._land(flight, end)
                return
            self._half.met(news, error)  # it goes, and all behind it, when that is closed
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
        elif flight.withdrawn is not None and news.phase is Phase.NEVER_SEEN:
            news = replace(news, error=flight.withdrawn)
        if news.error is None:
            self.failures = 0
            full = len(self.flights) + self.reserved >= self.window.size
            self.window.ended(time.monotonic() - flight.taken_s, full=full)
        else:
            self.window.failed()
            self._device_lost = self._device_lost or isinstance(news.error, DeviceNotConnected)
        flight.ended = True
        flight.progress = news
        self._remove(flight)
        self._landed.add(flight.key)
        if self._unsent:
            self._wake.set()  # what waits may need another way, now that nothing is under way
        self._owner.landed(self.port, flight, news)
