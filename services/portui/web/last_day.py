"""What the spooler keeps of a port's last day: asked when somebody looks, and remembered a little for all who do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from chassis.errors import FabricError
from portui.fabric_print import Printing
from portui.model import Job, Port
from portui.model_answers import Attempt
from portui.web.day_strip import DAY, rested

_KNOWN_S = 30.0
_MOST_PORTS = 200
_MOST_ATTEMPTED = 20  # jobs that were begun more than once: each is a question of its own


class LastDay(NamedTuple):
    """Jobs of a port's printers, with the attempts of those that rested, and since when these are all."""

    jobs: Mapping[int, Job]
    attempts: Mapping[int, Sequence[Attempt]]
    since: datetime


class LastDays:
    """Asks for what ports printed. Jobs of a printer that has left a port are not known."""

    def __init__(self, printing: Printing, clock: Callable[[], float] = time.monotonic) -> None:
        self._printing, self._clock = printing, clock
        self._known: dict[tuple[str, tuple[str, ...]], tuple[float, LastDay]] = {}

    async def of(self, port: Port, now: datetime) -> LastDay:
        """Return what is known of a port; nothing from before `now` when the spooler is away."""
        key = port.key, port.printers
        asked, day = self._known.get(key, (0.0, None))
        if day is not None and self._clock() - asked < _KNOWN_S:
            return day
        try:
            day = await self._ask(port, now)
        except FabricError:
            return LastDay({}, {}, now)  # the banner says that it is away
        if len(self._known) >= _MOST_PORTS:
            self._known.clear()
        self._known[key] = self._clock(), day
        return day

    async def _ask(self, port: Port, now: datetime) -> LastDay:
        # A job may have waited for a day before it printed.
        lately = await asyncio.gather(*(self._printing.lately(name, now - 2 * DAY) for name in port.printers))
        jobs = {job.number: job for found, _complete in lately for job in found}
        since = [_since(found, now) for found, complete in lately if not complete]
        begun_anew = [number for number, job in sorted(jobs.items(), reverse=True) if rested(job)]
        asked = begun_anew[:_MOST_ATTEMPTED]
        attempts = await asyncio.gather(*map(self._printing.attempts, asked))
        if left := begun_anew[_MOST_ATTEMPTED:]:
            since.append(_since([jobs[asked[-1]]], now))
            jobs = {number: job for number, job in jobs.items() if number not in left}
        whole = now - DAY if port.printers else now  # whose jobs it printed before is not known
        return LastDay(jobs, dict(zip(asked, attempts, strict=True)), max(since, default=whole))


def _since(found: Sequence[Job], now: datetime) -> datetime:
    """Return from when on the newest jobs are all that printed: older ones printed before the oldest of them."""
    oldest = found[-1] if found else None
    return (oldest.started or oldest.created or now) if oldest is not None else now
