"""The order in which a printer's waiting jobs print, and the priorities that give another one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from portui.model import Fleet, Job, JobState

FIRST, LAST = 99, 1  # the priorities there are
_PRIORITY = dict[int, int]


def waiting(fleet: Fleet, printer: str) -> list[Job]:
    """Return the jobs that wait for a printer, in the order in which they will print."""
    return in_order(
        job for job in fleet.jobs.values() if job.printer == printer and job.state is JobState.PENDING
    )


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs as the spooler takes them: higher priority first, then as accepted."""
    return sorted(jobs, key=lambda job: (-job.priority, job.number))


def beside(order: Sequence[Job], number: int, how: str) -> int | None:
    """Return before which job one goes that shall print `first`, `earlier` or `later`; 0: behind all; None: it is there."""
    numbers = [job.number for job in order]
    if number not in numbers:
        return None
    at = numbers.index(number)
    to = {"first": 0, "earlier": at - 1, "later": at + 2}.get(how, at)
    if to < 0 or to == at or at + 1 == len(numbers) < to:
        return None
    return numbers[to] if to < len(numbers) else 0


def placed(order: Sequence[Job], number: int, before: int) -> Mapping[int, int]:
    """Return the new priorities that bring a job before another (0: behind all); as few as can be.

    Raises:
        ValueError: one of them does not wait any more, or the priorities do not reach.
    """
    rest = [job.number for job in order if job.number != number]
    if len(rest) == len(order) or (before and before not in rest):
        raise ValueError("it does not wait any more")
    at = rest.index(before) if before else len(rest)
    wanted = [*rest[:at], number, *rest[at:]]
    now = {job.number: job.priority for job in order}
    return _alone(now, number, wanted) or _upwards(now, wanted)


def _alone(now: _PRIORITY, number: int, wanted: list[int]) -> Mapping[int, int]:
    """Return the one change that is enough, the smallest; none if there is none."""
    for priority in sorted(range(LAST, FIRST + 1), key=lambda one: (abs(one - now[number]), one)):
        if _sorted({**now, number: priority}) == wanted:
            return {number: priority}
    return {}


def _upwards(now: _PRIORITY, wanted: list[int]) -> Mapping[int, int]:
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
