from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spooler.daily_window import Window
from spooler.job import Document, Job, JobError, Sender
from spooler.outage import Outage, is_overdue, outage_before
from spooler.printer import Printer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TICKETS = Printer("tickets", max_backlog_age_s=1800)


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


def waiting(minutes: float, **more: object) -> Job:
    job = Job(1, bytes(16), Document(size_bytes=10), Sender(), created_at=ago(minutes))
    return replace(job, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("accepted", "out", "overdue"), [
    (40, 35, True),
    (20, 35, False),  # fresh tickets of a long outage
    (300, 1, False),  # a long queue, and the paper was changed
])  # fmt: skip
def test_it_counts_how_long_a_job_waited_while_nothing_could_print_it(
    accepted: float, out: float, overdue: bool
) -> None:
    assert is_overdue(waiting(accepted), TICKETS, Outage(ago(out)), NOON) is overdue


def test_no_limit_no_outage_and_paper_in_part_hold_nothing() -> None:
    outage = Outage(ago(60))
    assert not is_overdue(waiting(60), Printer("tickets"), outage, NOON)
    assert not is_overdue(waiting(60), TICKETS, None, NOON)
    assert not is_overdue(waiting(60, copies_printed=1), TICKETS, outage, NOON)


def test_what_had_to_wait_for_its_time_or_its_printers_hours_anyway_has_not_waited_for_the_printer() -> None:
    outage = Outage(ago(600))
    assert not is_overdue(waiting(600, not_before=ago(20)), TICKETS, outage, NOON)
    opened_late = replace(TICKETS, window=Window(11 * 60 + 45, 18 * 60))
    assert not is_overdue(waiting(600), opened_late, outage, NOON)
    assert is_overdue(waiting(600), replace(TICKETS, window=Window(11 * 60, 18 * 60)), outage, NOON)


@pytest.mark.parametrize(("accepted", "moved", "since"), [
    (300, 1, None),  # it prints
    (300, 40, 40),  # it did not for long
    (40, 300, 40),  # it had nothing to do before
    (40, None, 40),
    (20, 300, None),  # the spooler was away for a moment
])  # fmt: skip
def test_a_start_finds_an_outage_when_nothing_has_moved_for_longer_than_the_limit(
    accepted: float, moved: float | None, since: float | None
) -> None:
    found = outage_before([waiting(accepted)], TICKETS, None if moved is None else ago(moved), NOON)
    words = "while nothing came out of printer tickets"
    assert found == (None if since is None else Outage(ago(since), words))


def test_a_start_finds_an_outage_where_a_port_has_failed_since_something_came_out() -> None:
    slowly = Printer("tickets", catch_up_per_minute=6)
    failed = waiting(10, last_error=JobError("DEVICE_OFFLINE", at=ago(5)))
    assert outage_before([waiting(10), failed], slowly, ago(7), NOON) == Outage(ago(5))
    assert outage_before([failed], slowly, ago(3), NOON) is None
    assert outage_before([], TICKETS, None, NOON) is None
