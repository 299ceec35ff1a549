"""The order of a queue: whatever is moved wherever, it stands there, and nothing else changes its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portui.model import Fleet, Job, JobState
from portui.web import ordering


def job(number: int, priority: int = 50, state: JobState = JobState.PENDING) -> Job:
    return Job(number, "kitchen", f"Table {number}", "me", 100, state, priority=priority)


def moved(order: list[Job], number: int, before: int) -> list[int]:
    """Return the order after a move, by the spooler's own rule."""
    changes = ordering.placed(order, number, before)
    after = [replace(one, priority=changes.get(one.number, one.priority)) for one in order]
    return [one.number for one in ordering.in_order(after)]


QUEUES = st.lists(st.integers(20, 60), min_size=2, max_size=12).map(
    lambda priorities: ordering.in_order(
        job(number, priority) for number, priority in enumerate(priorities, 1)
    )
)


@given(QUEUES, st.data())
def test_a_job_stands_where_it_was_put_and_the_others_keep_their_order(order: list[Job], data: st.DataObject):
    number = data.draw(st.sampled_from([one.number for one in order]))
    others = [one.number for one in order if one.number != number]
    before = data.draw(st.sampled_from([*others, 0]))
    found = moved(order, number, before)
    assert [one for one in found if one != number] == others
    assert found.index(number) == (others.index(before) if before else len(others))


def test_one_job_that_goes_first_changes_no_other():
    order = [job(1), job(2), job(3)]
    assert ordering.placed(order, 3, 1) == {3: 51}
    assert moved(order, 3, 1) == [3, 1, 2]


def test_what_does_not_wait_any_more_is_said_and_nothing_is_changed():
    for number, before in ((9, 1), (1, 9)):
        with pytest.raises(ValueError, match="does not wait"):
            ordering.placed([job(1), job(2)], number, before)


def test_above_the_highest_priority_there_is_no_place():
    with pytest.raises(ValueError, match="above 99"):
        ordering.placed([job(1, 99), job(2, 99)], 2, 1)


def test_earlier_and_later_go_one_place_and_stop_at_the_ends():
    order = [job(1), job(2), job(3)]
    assert ordering.beside(order, 2, "earlier") == 1
    assert ordering.beside(order, 1, "later") == 3
    assert ordering.beside(order, 2, "later") == 0
    assert ordering.beside(order, 3, "first") == 1
    assert [ordering.beside(order, number, how) for number, how in ((1, "earlier"), (1, "first"), (3, "later"), (9, "first"))] == [None] * 4  # fmt: skip


def test_only_jobs_that_wait_are_in_the_queue_the_next_one_first():
    jobs = [job(1, 10), job(2, 60), job(3, state=JobState.PROCESSING), replace(job(4), printer="till")]
    fleet = Fleet(jobs={one.number: one for one in jobs})
    assert [one.number for one in ordering.waiting(fleet, "kitchen")] == [2, 1]
