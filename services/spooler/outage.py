"""Times in which a printer can print nothing though jobs wait, and which jobs have waited too long through one. Pure.

A job's age alone says nothing: in a queue that is merely long jobs grow old while their printer prints. What counts is how
long a job has waited while nothing could print it; hours outside its printer's window are no part of that.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from spooler.job import Job
from spooler.printer import Printer


class Outage(NamedTuple):
    """Since when a printer can print nothing."""

    since: datetime
    words: str = ""  # what kept it from printing, behind "it waited …"; empty: it did not work
    paused: bool = False  # people wanted it so


class Over(NamedTuple):
    """An outage that has ended, and when: what had waited too long by then is held, however late it is looked at."""

    outage: Outage
    at: datetime


def waited_s(job: Job, printer: Printer, outage: Outage, now: datetime) -> float:
    """Return how long a job has waited through an outage, in which it might have printed otherwise."""
    return _open_s(printer, max(outage.since, job.created_at, job.not_before or job.created_at), now)


def _open_s(printer: Printer, since: datetime, now: datetime) -> float:
    """Return how long it is since a printer's window was open first."""
    begin = since if printer.window is None else printer.window.opens(since)
    return max(0.0, (now - begin).total_seconds())


def may_hold(printer: Printer, over: Over) -> bool:
    """Whether any job can have waited too long through an outage."""
    limit = printer.max_backlog_age_s
    return limit is not None and _open_s(printer, over.outage.since, over.at) > limit


def is_overdue(job: Job, printer: Printer, outage: Outage | None, now: datetime) -> bool:
    """Whether a job has waited through an outage longer than its printer's limit, and nothing of it is on paper."""
    limit = printer.max_backlog_age_s
    if limit is None or outage is None or job.rest or job.resume_offset or job.copies_printed:
        return False
    return waited_s(job, printer, outage, now) > limit


def outage_before(
    jobs: Collection[Job], printer: Printer, moved: datetime | None, now: datetime
) -> Outage | None:
    """Return the outage that a spooler's start finds a printer in.

    `jobs` are those that wait; `moved` is when a document last got further at one of its ports, None if nobody knows of any.
    """
    if not jobs:
        return None
    errors = (job.last_error.at for job in jobs if job.last_error is not None)
    failed = [at for at in errors if at is not None and (moved is None or at >= moved)]
    if failed:
        return Outage(min(failed))
    oldest = min(job.created_at for job in jobs)
    since = oldest if moved is None else max(moved, oldest)
    limit = printer.max_backlog_age_s
    # A shorter time is that of the start itself, or of one document.
    if limit is None or (now - since).total_seconds() <= limit:
        return None
    return Outage(since, f"while nothing came out of printer {printer.name}")
