"""Tries that left no byte: a port that refuses a job all night makes one attempt of it, and so do several ports in turn."""

from __future__ import annotations

from dataclasses import dataclass, field

PortKey = tuple[str, str]


@dataclass(slots=True)
class _OfJob:
    """A job that no port has begun since its last attempt that did."""

    last: PortKey
    reasons: dict[PortKey, set[str]] = field(default_factory=dict)  # what each port has said
    shared: bool = False  # the present attempt is of all ports that have refused before


class Tries:
    """What was refused, and where, job by job."""

    def __init__(self) -> None:
        self._jobs: dict[int, _OfJob] = {}

    def refused(self, job: int, port: PortKey, reason: str) -> bool:
        """Take note that a port did not begin a job. Return whether it has said the same before."""
        one = self._jobs.setdefault(job, _OfJob(port))
        said, one.last = one.reasons.setdefault(port, set()), port
        known = reason in said
        said.add(reason)
        return known

    def goes_on(self, job: int, port: PortKey) -> bool:
        """Say that a job is tried at a port now. Return whether this is still the same attempt.

        A port's first try is an attempt of its own. Further ones, at several ports in turn, are one together: there are
        at most two for each port, however long it goes on.
        """
        one = self._jobs.get(job)
        if one is None:
            return False
        if port not in one.reasons:
            one.shared = False
            return False
        same = one.shared or port == one.last
        one.shared = one.shared or not same
        return same

    def forget(self, job: int) -> None:
        """A port has begun the job, or it is over."""
        self._jobs.pop(job, None)
