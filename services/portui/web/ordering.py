"""Orders that people change: a printer's waiting jobs, and the priorities that give another order; its ports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from portui.model import Fleet, Job, JobState

FIRST, LAST = 99, 1  # the priorities there are
_PRIORITY = dict[int, int]
_STEPS = {"earlier": -1, "later": 1}
_BESIDE = {"before": 0, "after": 1}
T = TypeVar("T")


def waiting(fleet: Fleet, printer: str) -> list[Job]:
    """Return the jobs that wait for a printer, in the order in which they will print."""
    return in_order(
        job for job in fleet.jobs.values() if job.printer == printer and job.state is JobState.PENDING
    )


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs as the spooler takes them: higher priority first, then as accepted."""
    return sorted(jobs, key=lambda job: (-job.priority, job.number))


def rearranged(order: Sequence[T], one: T, how: str, other: T | None = None) -> list[T]:
    """Return an order with one of it `first`, a place `earlier` or `later`, or `before` or `after` another one.

    Raises:
        ValueError: it or the other is not in the order any more.
    """
    rest = [each for each in order if each != one]
    if len(rest) == len(order) or (how in _BESIDE and other not in order):
        raise ValueError("what was to be put there, or beside it, is gone")
    at = order.index(one)
    if how in _BESIDE and other is not None and other != one:
        at = rest.index(other) + _BESIDE[how]
    elif how == "first":
        at = 0
    else:
        at = max(0, at + _STEPS.get(how, 0))
    return [*rest[:at], one, *rest[at:]]


def priorities(order: Sequence[Job], number: int, wanted: Sequence[int]) -> Mapping[int, int]:
    """Return the new priorities that bring jobs into another order, in which one has changed its place; as few as can be.

    Raises:
        ValueError: the priorities do not reach.
    """
    now = {job.number: job.priority for job in order}
    return _alone(now, number, list(wanted)) or _upwards(now, wanted)


def _alone(now: _PRIORITY, number: int, wanted: list[int]) -> Mapping[int, int]:
    """Return the one change that is enough, the smallest; none if there is none."""
    for priority in sorted(range(LAST, FIRST + 1), key=lambda one: (abs(one - now[number]), one)):
        if _sorted({**now, number: priority}) == wanted:
            return {number: priority}
    return {}


def _upwards(now: _PRIORITY, wanted: Sequence[int]) -> Mapping[int, int]:
    """Return the changes that lift what stands too low, from the last job to the first."""
    found: dict[int, int] = {}
    behind = (0, 0)
    for number in reversed(wanted):
        priority = now[number]
        if behind[0] and (-priority, number) > (-behind[0], behind[1]):
            priority = behind[0] if number < behind[1] else behind[0] + 1
            found[number] = priority
        behind = (priority, number)
    if any(priority > FIRST for priority in found.values()):
        raise ValueError(f"no priority is above {FIRST}")
    return found


def _sorted(priorities: _PRIORITY) -> list[int]:
    return sorted(priorities, key=lambda number: (-priorities[number], number))
