"""A job that breaks again while earlier decisions about it are being followed."""

from __future__ import annotations

import pytest

from spooler.job import Segment
from spooler.unit_plan import going_on, within
from spooler.units.prefix import Prefix

# Four receipts of ten bytes. The first is out; the others were to be printed again, each with a mark, and the second broke.
MARKED = [Segment(start, start + 10, Prefix(b"DUPLICATE"), "with a mark", "mark") for start in (10, 20, 30)]


def test_marks_that_were_decided_on_stay_when_one_of_the_marked_breaks():
    again = Segment(10, 20, Prefix(b"DUPLICATE"), "with a mark", "mark")
    assert within([again, Segment(20, 40, Prefix(b"setup"))], MARKED, 20) == MARKED


def test_what_is_decided_anew_about_the_broken_one_is_what_counts():
    assert within([Segment(10, 40)], MARKED, 40) == [Segment(10, 20), *MARKED[1:]]


def test_the_broken_one_can_be_skipped():
    assert within([Segment(20, 40, Prefix(b"setup"))], MARKED, 20) == MARKED[1:]


def test_a_mark_inside_a_unit_stays_inside_it():
    inside = [
        Segment(13, 20, Prefix(b"^XA^FDDUPLICATE"), "", "mark"),
        Segment(23, 30, Prefix(b"^XA^FDDUPLICATE"), "", "mark"),
    ]
    assert within([inside[0], Segment(20, 40)], inside, 20) == inside


@pytest.mark.parametrize("behind", [0, 25, 40])
def test_what_was_skipped_stays_skipped(behind: int):
    rest = [Segment(0, 10), Segment(30, 40, Prefix(b"setup"))]
    assert within([Segment(0, 40)], rest, behind) == rest


def test_going_on_in_the_middle_of_a_stretch_begins_there():
    assert within([Segment(25, 40, Prefix(b"setup"))], [Segment(10, 40)], 25) == [
        Segment(25, 40, Prefix(b"setup"))
    ]


SKIPPED = [Segment(0, 10), Segment(30, 40, Prefix(b"setup"))]  # the second and the third of four receipts


@pytest.mark.parametrize(
    ("asked", "rest", "behind", "left"),
    [
        ([Segment(10, 40)], (), 20, [Segment(10, 40)]),
        ([Segment(10, 40)], MARKED, 20, MARKED),
        ([Segment(20, 40, Prefix(b"set"))], MARKED, 30, MARKED[1:]),
        ([Segment(0, 40)], SKIPPED, 10, SKIPPED),
        ([Segment(5, 40)], SKIPPED, 5, [Segment(5, 10), SKIPPED[1]]),
        ([Segment(20, 40, Prefix(b"set"))], SKIPPED, 30, [Segment(20, 30, Prefix(b"set")), SKIPPED[1]]),
        ([Segment(30, 40)], SKIPPED[:1], 40, [Segment(30, 40)]),
    ],
    ids=[
        "nothing was decided",
        "marks stay",
        "marks behind the place stay",
        "what was skipped stays skipped",
        "in the middle of a unit",
        "a place that was skipped holds, up to what was to come",
        "a place behind all that was to come holds",
    ],
)
def test_a_named_place_holds_and_earlier_decisions_do_behind_it(asked, rest, behind, left):
    assert going_on(asked, rest, behind) == left


def test_a_mark_inside_the_named_unit_is_not_printed_behind_half_of_it():
    inside = [Segment(13, 20, Prefix(b"^XA^FDDUPLICATE"), "", "mark"), Segment(20, 40)]
    assert going_on([Segment(10, 40)], inside, 20) == inside
    marked = Segment(3, 10, Prefix(b"^XA^FDDUPLICATE"), "", "mark")
    assert going_on([marked, Segment(10, 40)], inside, 20) == [marked, *inside]
