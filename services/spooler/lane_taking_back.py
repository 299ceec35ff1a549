"""Documents that a lane has taken and is not to print, or not now: taken back, had back, spoilt."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence

from chassis import logs
from chassis.errors import FabricError, HostUnreachable, PortBusy, Verdict
from spooler.flight import Flight
from spooler.lane_news import LaneNews
from spooler.port import DocumentKey, OpenPort, Phase
from spooler.prefetch import Prefetching

log = logs.get(__name__)


class LaneTakingBack(LaneNews):
    """A lane's load, some of which goes back."""

    _prefetching: Prefetching

    @abstractmethod
    def _start(self) -> None:
        """Send what there is."""

    @abstractmethod
    def settle(self, keys: Sequence[DocumentKey]) -> None:
        """Have the host forget documents."""

    def cancel(self, flight: Flight) -> None:
        """Take a document back, wherever it is; `landed` or `gave_back` follows."""
        flight.cancelled = True
        if not flight.begun:
            self._give_back(flight, HostUnreachable("it was cancelled before it left"))
        elif self._hold is not None:
            self._tasks.spawn(f"take back {flight.number}", self._take_back(self._hold, flight))

    def have_back(self, flight: Flight, why: str) -> asyncio.Task[None] | None:
        """Let a document leave later, or elsewhere, if it has not begun; return the question to its host, if it takes one.

        `landed` or `gave_back` follows, or it goes on.
        """
        if not flight.may_be_had_back or flight.withdrawn or (flight.begun and self._hold is None):
            return None
        flight.withdrawn = PortBusy(f"it was had back before it began: {why}", verdict=Verdict.RETRY)
        if flight.begun and self._hold is not None:
            return self._tasks.spawn(f"have back {flight.number}", self._have_back(self._hold, flight))
        self._give_back(flight, flight.withdrawn)
        return None

    def _give_back(self, flight: Flight, why: FabricError) -> None:
        """It has not left this spooler, but may lie at its host."""
        self._prefetching.stop(flight)
        self._remove(flight)
        if flight.to_stage:
            self.settle([flight.key])
        self._owner.gave_back(self.port, [flight], why)

    def keep(self, flight: Flight) -> None:
        """It is not cancelled after all: send it, if it has not left."""
        flight.cancelled = False
        if flight.key in self.flights and not flight.begun:
            self._unsent.put_first(flight)
            self._start()

    def spoil(self, flight: Flight, error: FabricError) -> None:
        """Its bytes are gone, or will not come: give it back, or stop it where it is."""
        if not flight.begun:
            self._give_back(flight, error)
        else:
            flight.failure = error
            self.cancel(flight)

    async def _take_back(self, hold: OpenPort, flight: Flight) -> None:
        try:
            news = await hold.take_back(flight.key)
        except FabricError as error:
            # The stream's end, or the next opening, tells what became of it.
            log.warning("take back failed", port=str(self.port), job=flight.number, error=str(error))
            return
        self._heard(news)

    async def _have_back(self, hold: OpenPort, flight: Flight) -> None:
        try:
            news = await hold.have_back(flight.key)
        except FabricError as error:  # it stays withdrawn: the host may have heard
            log.warning("not had back", port=str(self.port), job=flight.number, error=str(error))
            return
        if news.phase is Phase.NEVER_SEEN:
            self._heard(news)
        else:
            flight.withdrawn = None
