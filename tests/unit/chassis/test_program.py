"""What every program does before it runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chassis.program import calm_collector


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_a_collection_does_not_walk_what_was_imported(collector: None):
    imported = len(gc.get_objects())

    calm_collector()

    assert gc.get_freeze_count() > imported / 2
    assert len(gc.get_objects()) < imported / 2


def test_cycles_are_still_found(collector: None):
    calm_collector()
    before = gc.get_stats()[0]["collections"]

    keep: list[list[int]] = [[] for _ in range(100_000)]

    assert gc.get_stats()[0]["collections"] > before
    del keep
