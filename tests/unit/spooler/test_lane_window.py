"""How many documents are sent ahead to a port: by how fast they are through it."""

from __future__ import annotations

import pytest

from spooler.lane_window import MOST_TIMES, QUICK_S, SLOW_S, LaneWindow

GIVEN = 4
QUICK, SLOW = QUICK_S / 2, SLOW_S * 2


@pytest.fixture
def window() -> LaneWindow:
    window = LaneWindow()
    window.give(GIVEN)
    return window


def _end(window: LaneWindow, count: int, took_s: float, *, full: bool = True) -> int:
    for _ in range(count):
        window.ended(took_s, full=full)
    return window.size


def test_a_quick_port_gets_more_and_at_most_so_many(window: LaneWindow) -> None:
    assert _end(window, GIVEN, QUICK) == 2 * GIVEN
    assert _end(window, 1000, QUICK) == MOST_TIMES * GIVEN


def test_a_port_that_is_not_kept_busy_needs_no_more(window: LaneWindow) -> None:
    assert _end(window, 1000, QUICK, full=False) == GIVEN


def test_a_slow_port_gets_what_was_given_and_no_less(window: LaneWindow) -> None:
    assert _end(window, 1000, SLOW) == GIVEN
    _end(window, 10, QUICK)
    assert _end(window, 3, SLOW) == GIVEN + 7
    assert _end(window, 1000, SLOW) == GIVEN


def test_what_is_neither_quick_nor_slow_changes_nothing(window: LaneWindow) -> None:
    _end(window, 5, QUICK)
    assert _end(window, 1000, (QUICK_S + SLOW_S) / 2) == GIVEN + 5


def test_one_after_the_other_stays_so(window: LaneWindow) -> None:
    _end(window, 10, QUICK)
    window.give(1)
    assert window.size == 1
    assert _end(window, 1000, QUICK) == 1


def test_a_failure_begins_anew(window: LaneWindow) -> None:
    _end(window, 10, QUICK)
    window.failed()
    assert window.size == GIVEN


def test_giving_the_same_again_changes_nothing(window: LaneWindow) -> None:
    _end(window, 10, QUICK)
    window.give(GIVEN)
    assert window.size == GIVEN + 10
