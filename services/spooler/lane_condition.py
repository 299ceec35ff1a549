"""Whether a lane may be used: resting after a failure, longer each time, or stopped until somebody clears it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from enum import StrEnum

from chassis.errors import FabricError
from chassis.tasks import Backoff

# What needs a person is tried again all the same: nobody should have to remember that a port was stopped.
STOPPED = Backoff(first_s=5.0, most_s=60.0)
# A port that failed comes after those that work for so long.
SUSPECT = Backoff(first_s=30.0, most_s=600.0)
BACKOFF = Backoff(first_s=0.2, most_s=15.0, calm_s=60.0)


class LaneState(StrEnum):
    """What a lane is doing."""

    CLOSED = "closed"  # nobody needs the port
    OPENING = "opening"
    OPEN = "open"
    WAITING = "waiting"  # it failed, and is tried again later
    STOPPED = "stopped"  # it needs a person: it is tried now and then, and when somebody clears it


class LaneCondition(ABC):
    """The condition of one lane."""

    def __init__(self) -> None:
        self.state = LaneState.CLOSED
        self.error: FabricError | None = None  # why it waits or stopped
        self.failed_at = datetime.now(UTC)  # when that was met
        self.retry_at: float | None = None  # loop time
        self.failures = 0  # in a row
        self.suspect_until = 0.0  # loop time until which ports that work go before it
        self.pinned: int | None = None  # the job whose rest must come next, or its paper is spoilt
        self._wake = asyncio.Event()  # there may be something to send

    @property
    def failed(self) -> bool:
        """It takes nothing because something is wrong, not because it is busy."""
        return self.state in (LaneState.WAITING, LaneState.STOPPED)

    def pause(self, error: FabricError) -> None:
        """Take nothing for a while, longer each time."""
        self._rest(LaneState.WAITING, error, BACKOFF)

    def stop(self, error: FabricError) -> None:
        """Take nothing until `clear`, or for a good while."""
        self._rest(LaneState.STOPPED, error, STOPPED)

    def _rest(self, state: LaneState, error: FabricError, backoff: Backoff) -> None:
        self.failures += 1
        self.state, self.error, self.failed_at = state, error, datetime.now(UTC)
        self.suspect_until = self._wake_in(backoff.wait_s(self.failures)) + SUSPECT.wait_s(self.failures)

    def rest_on(self) -> None:
        """Go on resting: its host will say when there is a use in trying."""
        self._wake_in(BACKOFF.most_s)

    def _wake_in(self, pause_s: float) -> float:
        loop = asyncio.get_running_loop()
        self.retry_at = loop.time() + pause_s
        loop.call_later(pause_s, self._waited, self.retry_at)
        return self.retry_at

    @property
    def suspect(self) -> bool:
        """It failed, and has not had the time to get well."""
        return self.failures > 0 and asyncio.get_running_loop().time() < self.suspect_until

    def clear(self) -> None:
        """Whatever was wrong may be right again: try at once."""
        if self.failed:
            self.state = LaneState.CLOSED
            self.retry_at = None
            self.cleared()

    def unpin(self) -> None:
        """No rest has to come first any more."""
        self.pinned = None
        if not self.failed:
            self._wake.set()

    @abstractmethod
    def cleared(self) -> None:
        """It may be used again."""

    @abstractmethod
    def rested(self) -> None:
        """It has rested long enough."""

    def _waited(self, retry_at: float) -> None:
        if self.failed and self.retry_at == retry_at:
            self.rested()
