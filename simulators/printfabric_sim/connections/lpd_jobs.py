"""What an LPD port has received and not seen printed, so that `lprm` can remove it (RFC 1179, 5.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

_NUMBER = re.compile(r"[cd]f[A-Za-z](\d{1,6})")


@dataclass(slots=True, eq=False)
class LpdJob:
    """One data file. `number` is the client's, -1 if its file has none; `user` is empty until the control file says it."""

    queue: str
    number: int
    inlet: Inlet
    user: str = ""


class LpdJobs:
    """In the order in which they came."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._jobs: list[LpdJob] = []

    def add(self, queue: str, file: str, user: str, inlet: Inlet) -> LpdJob:
        """A data file begins; it is forgotten when all of it has left the printer."""
        found = _NUMBER.match(file)
        job = LpdJob(queue, int(found[1]) if found is not None else -1, inlet, user)
        self._jobs.append(job)
        inlet.on_done = lambda _whole: self._jobs.remove(job) if job in self._jobs else None
        return job

    def remove(self, queue: str, agent: str, wanted: Sequence[str]) -> list[int]:
        """Throw away what is named by number or user, or the first one; only root's command reaches the jobs of others.

        Return their numbers. What moves already is printed.
        """
        own = [job for job in self._jobs if job.queue == queue and agent in ("root", job.user)]
        if wanted:
            chosen = [job for job in own if job.user in wanted or str(job.number) in _plain(wanted)]
        else:
            chosen = [job for job in own if job is self._jobs[0]]
        for job in chosen:
            self._core.end(job.inlet, "removed", drop=True)
        self._jobs = [job for job in self._jobs if job not in chosen]
        return [job.number for job in chosen]


def _plain(words: Sequence[str]) -> set[str]:
    """Return the numbers among `words` without zeros in front: 007 and 7 are one job."""
    return {str(int(word)) for word in words if word.isdecimal() and word.isascii()}
