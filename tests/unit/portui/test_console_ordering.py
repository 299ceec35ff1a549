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


def numbers(jobs: list[Job]) -> list[int]:
    return [one.number for one in jobs]


QUEUES = st.lists(st.integers(20, 60), min_size=2, max_size=12).map(
    lambda priorities: ordering.in_order(
        job(number, priority) for number, priority in enumerate(priorities, 1)
    )
)


@given(QUEUES, st.sampled_from(("first", "earlier", "later", "before", "after")), st.data())
def test_with_its_new_priorities_a_queue_prints_in_the_order_that_was_wanted(
    queue: list[Job], how: str, data: st.DataObject
):
    one, other = (data.draw(st.sampled_from(numbers(queue))) for _ in range(2))
    wanted = ordering.rearranged(numbers(queue), one, how, other)
    changes = ordering.priorities(queue, one, wanted)
    after = [replace(each, priority=changes.get(each.number, each.priority)) for each in queue]
    assert numbers(ordering.in_order(after)) == wanted


@given(st.permutations("abcdef"), st.sampled_from(("before", "after")), st.data())
def test_what_is_put_beside_another_stands_there_and_the_others_keep_their_order(
    order: list[str], how: str, data: st.DataObject
):
    one, other = data.draw(st.permutations(order))[:2]
    found = ordering.rearranged(order, one, how, other)
    assert [each for each in found if each != one] == [each for each in order if each != one]
    assert found.index(one) - found.index(other) == (-1 if how == "before" else 1)


@pytest.mark.parametrize(
    ("how", "one", "found"),
    [
        ("first", "c", "cabd"),
        ("earlier", "c", "acbd"),
        ("later", "a", "bacd"),
        ("later", "c", "abdc"),
        ("first", "a", "abcd"),
        ("earlier", "a", "abcd"),
        ("later", "d", "abcd"),
        ("before", "b", "abcd"),
        ("sideways", "b", "abcd"),
    ],
)
def test_a_step_is_one_place_and_ends_at_the_ends(how: str, one: str, found: str):
    assert ordering.rearranged("abcd", one, how, one) == list(found)


@pytest.mark.parametrize(
    ("one", "how", "other"), [("x", "first", ""), ("a", "before", "x"), ("a", "after", "")]
)
def test_what_is_not_there_any_more_is_not_put_anywhere_nor_anything_beside_it(
    one: str, how: str, other: str
):
    with pytest.raises(ValueError, match="is gone"):
        ordering.rearranged(("a", "b"), one, how, other)


def test_one_job_that_goes_first_changes_no_other():
    queue = [job(1), job(2), job(3)]
    assert ordering.priorities(queue, 3, [3, 1, 2]) == {3: 51}


def test_above_the_highest_priority_there_is_no_place():
    with pytest.raises(ValueError, match="above 99"):
        ordering.priorities([job(1, 99), job(2, 99)], 2, [2, 1])


def test_only_jobs_that_wait_are_in_the_queue_the_next_one_first():
    jobs = [job(1, 10), job(2, 60), job(3, state=JobState.PROCESSING), replace(job(4), printer="till")]
    fleet = Fleet(jobs={one.number: one for one in jobs})
    assert numbers(ordering.waiting(fleet, "kitchen")) == [2, 1]
