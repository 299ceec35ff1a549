"""The last minute of a port, second by second, and its last troubles. Pure: whoever calls brings the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portui.model import FAULTS, Job, PortState

RING = 60  # seconds
MINUTES = 60
_TROUBLES = 100
# So long after a document's last byte the spooler has another answer (explain.stall_s, stale_s), which no change announces.
STILL_S = (5.5, 60.5)


@dataclass(slots=True)
class Pulse:
    """The last minute of a port: busy per cent and bytes of each second, the newest last."""

    busy: deque[int] = field(default_factory=lambda: deque([0] * RING, RING))
    rate: int = 0
    minutes: deque[tuple[int, int]] = field(
        default_factory=lambda: deque(maxlen=MINUTES)
    )  # bytes of each minute that had any: (which minute of the caller's clock, how many), the newest last
    busy_since: float | None = None
    busy_s: float = 0.0
    taken: int = 0
    moved: bool = False  # something was heard of a document on its way in this second
    still_s: float = 0.0  # for so long a document has been on its way and nothing of it has moved
    troubles: deque[tuple[datetime, datetime, str]] = field(
        default_factory=lambda: deque(maxlen=_TROUBLES)
    )  # that are over: from, to, which state
    _trouble: tuple[PortState, datetime] | None = None  # the present one, and since when

    @property
    def at_rest(self) -> bool:
        """Whether nothing happens, or happened in the last minute: another second changes nothing."""
        return self.busy_since is None and not (self.busy_s or self.taken or self.rate or any(self.busy))

    def known_since(self, started: datetime) -> datetime:
        """Return from when on all troubles are known, for who has looked since `started`."""
        return self.troubles[0][0] if len(self.troubles) == _TROUBLES else started

    def mark(self, state: PortState, now: float, at: datetime, since: datetime | None) -> None:
        """Note that the port is in `state` from now on, which is `at`; its host says since when it is in trouble."""
        if self._trouble is None or self._trouble[0] is not state:
            if self._trouble is not None:
                self.troubles.append((self._trouble[1], at, str(self._trouble[0])))
            self._trouble = (state, since or at) if state in FAULTS else None
        if self.busy_since is not None:
            self.busy_s += now - self.busy_since
        self.busy_since = now if state is PortState.PRINTING else None

    def hear(self, before: Job | None, job: Job) -> None:
        """Take in how far a job of this port is; `before`: as far as it was known till now."""
        had = before.proof if before is not None and before.attempts == job.attempts else None
        self.taken += max(0, job.proof.acked - (had.acked if had is not None else 0))
        self.moved |= had != job.proof

    def tick(self, now: float, passed_s: float) -> None:
        """End a second."""
        if self.busy_since is not None:
            self.busy_s += now - self.busy_since
            self.busy_since = now
        self.busy.append(min(100, round(100 * self.busy_s / passed_s)))
        waits = self.busy_since is not None and not self.moved
        self.still_s = self.still_s + passed_s if waits else 0.0
        self.rate = round(self.taken / passed_s)
        if self.taken:
            self._count(int(now // 60))
        self.busy_s, self.taken, self.moved = 0.0, 0, False

    def _count(self, minute: int) -> None:
        before = self.minutes.pop() if self.minutes and self.minutes[-1][0] == minute else (minute, 0)
        self.minutes.append((minute, before[1] + self.taken))

    def last_hour(self, now: float) -> list[int]:
        """Return the bytes of each of the last 60 minutes, the present one last."""
        present, known = int(now // 60), dict(self.minutes)
        return [known.get(minute, 0) for minute in range(present - MINUTES + 1, present + 1)]


def standing_still(pulses: Mapping[str, Pulse]) -> dict[str, int]:
    """Return the ports where nothing moves, and how many of `STILL_S` are over at each."""
    still = {key: sum(pulse.still_s >= mark for mark in STILL_S) for key, pulse in pulses.items()}
    return {key: marks for key, marks in still.items() if marks}
