"""Tests run side by side, and those marked `alone` have the machine to themselves: the others wait before their next test.

They measure the whole machine (rates, times, processor shares); beside a neighbour they would measure it too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NEIGHBOURS_FACTOR = 2  # so much longer a test may take beside others than alone


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: tests wait more than they compute."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give tests more time beside others, for a limit is for what hangs; files that measure come last.

    By then the neighbours have short tests, and what measures does not wait long for them.
    """
    if not hasattr(config, "workerinput"):
        return
    measuring = {item.path for item in items if item.get_closest_marker("alone") is not None}
    items.sort(key=lambda item: item.path in measuring)
    for item in items:
        marked = item.get_closest_marker("timeout")
        limit_s = float(marked.args[0] if marked else config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(NEIGHBOURS_FACTOR * limit_s), append=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for a place on the machine, outside of the test's time-out."""
    if not hasattr(item.config, "workerinput"):
        return (yield)  # there is no other test process
    # Each process has its own folder in the run's.
    run = Path(item.config.option.basetemp).parent
    with place(run, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def place(run: Path, *, alone: bool) -> Iterator[None]:
    """Hold a place on the machine, or all of it, among the processes that share the folder `run`."""
    machine = run / "machine.lock"
    # Whoever wants all of it keeps this door shut while it waits: otherwise there would always be somebody inside.
    door = run / "door.lock"
    if alone:
        with _held(door, fcntl.LOCK_EX), _held(machine, fcntl.LOCK_EX):
            yield
    else:
        with _held(door, fcntl.LOCK_SH):
            pass
        with _held(machine, fcntl.LOCK_SH):
            yield


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            # Not by closing: a process that the test has forked may still have it open.
            fcntl.flock(file, fcntl.LOCK_UN)
