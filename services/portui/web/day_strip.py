"""The last 24 hours of a port: as a strip, and in words. What is not known is said to be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from portui.model import Job, JobState, Outcome, Port, PortState
from portui.model_answers import Attempt
from portui.web import words
from portui.web.moments import clock, stamp

DAY = timedelta(hours=24)
_LEAST = 2  # thousandths: what was shorter is seen, too
_HEIGHTS = {"printing": 20, "ready": 8}  # faults are taller than work, so that grey shows them, too


class Stretch(NamedTuple):
    """A time of the day in which a port printed a job, or was in trouble."""

    start: datetime
    end: datetime
    what: str
    job: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the strip, in thousandths of the day."""

    x: int
    width: int
    height: int
    tone: str
    title: str


class Known(NamedTuple):
    """From when on everything is known of a port's jobs, and of its faults."""

    jobs: datetime
    faults: datetime


def strip(found: Iterable[Stretch], now: datetime, known: Known) -> list[Block]:
    """Return the last 24 hours as blocks; the first one covers what is not wholly known."""
    begin = now - DAY
    blocks = []
    if (since := max(known)) > begin:
        blocks.append(_block(Stretch(begin, min(since, now), "unknown"), now, "not wholly known here"))
    blocks += (_block(one, now, one.what) for one in found if one.end >= begin and one.start <= now)
    return blocks


def _block(one: Stretch, now: datetime, said: str) -> Block:
    begin = now - DAY
    width = max(_LEAST, round(1000 * (min(one.end, now) - max(one.start, begin)) / DAY))
    left = min(max(0, round(1000 * (one.start - begin) / DAY)), 1000 - width)
    title = f"{clock(one.start)} to {clock(one.end)}: {said}"
    return Block(left, width, _HEIGHTS.get(one.what, 40), one.what, title)


def stretches(
    jobs: Iterable[Job], attempts: Mapping[int, Sequence[Attempt]], port: Port, now: datetime
) -> list[Stretch]:
    """Return when a port printed, when a job on it went wrong, and its present trouble.

    attempts: of jobs by number. A job without any here counts from its start to its end, unless it rested meanwhile.
    """
    found = [one for job in jobs for one in _of_job(job, attempts.get(job.number), port.key, now)]
    if port.since is not None and port.state not in (PortState.READY, PortState.PRINTING):
        found.append(Stretch(port.since, now, str(port.state)))
    return found


def rested(job: Job) -> bool:
    """Say whether a job may have printed only in parts of the time since its start."""
    return job.attempts > 1 or (job.attempts == 1 and job.active and job.state is not JobState.PROCESSING)


def _of_job(job: Job, attempts: Sequence[Attempt] | None, key: str, now: datetime) -> list[Stretch]:
    if attempts is not None:
        return [
            Stretch(one.started, one.ended or now, _tone(one.outcome), job.number)
            for one in attempts
            if one.port == key and one.started is not None
        ]
    if job.port != key or job.started is None or rested(job):
        return []
    what = "error" if job.state is JobState.ABORTED else _tone(job.outcome)
    return [Stretch(job.started, job.ended or now, what, job.number)]


def _tone(outcome: Outcome) -> str:
    return "error" if outcome in (Outcome.UNKNOWN, Outcome.PARTIAL) else "printing"


def sentence(found: Iterable[Stretch], now: datetime, known: Known) -> str:
    """Return the strip in words: `printing 2 h 14 min in 31 jobs, error 36 min in 1 stop; faults known since …`."""
    begin = now - DAY
    inside = [one for one in found if min(one.end, now) > max(one.start, begin)]
    said = [
        _total([one for one in inside if one.what == what], now)
        for what in sorted({one.what for one in inside})
    ]
    late = [
        f"{what} are known since {stamp(since)}" for what, since in known._asdict().items() if since > begin
    ]
    return "; ".join([", ".join(said) or "nothing is known to have been printed", *late])


def _total(same: Sequence[Stretch], now: datetime) -> str:
    """Return how long in all; jobs are counted once, however often they were begun."""
    seconds = sum((min(one.end, now) - max(one.start, now - DAY)).total_seconds() for one in same)
    what = same[0].what
    times = (
        words.many(len({one.job for one in same}), "job")
        if what == "printing"
        else words.many(len(same), "stop")
    )
    return f"{what} {words.duration(seconds)} in {times}"
