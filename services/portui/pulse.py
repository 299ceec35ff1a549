"""The last minute of a port, second by second. Pure: whoever calls brings the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from portui.model import Job, PortState

RING = 60  # seconds
# So long after a document's last byte the spooler has another answer (explain.stall_s, stale_s), which no change announces.
STILL_S = (5.5, 60.5)


@dataclass(slots=True)
class Pulse:
    """The last minute of a port: busy per cent and bytes of each second, the newest last."""

    busy: deque[int] = field(default_factory=lambda: deque([0] * RING, RING))
    rate: int = 0
    busy_since: float | None = None
    busy_s: float = 0.0
    taken: int = 0
    moved: bool = False  # something was heard of a document on its way in this second
    still_s: float = 0.0  # for so long a document has been on its way and nothing of it has moved

    def mark(self, state: PortState, now: float) -> None:
        """Note that the port is in `state` from now on."""
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
        self.busy_s, self.taken, self.moved = 0.0, 0, False


def standing_still(pulses: Mapping[str, Pulse]) -> dict[str, int]:
    """Return the ports where nothing moves, and how many of `STILL_S` are over at each."""
    still = {key: sum(pulse.still_s >= mark for mark in STILL_S) for key, pulse in pulses.items()}
    return {key: marks for key, marks in still.items() if marks}
