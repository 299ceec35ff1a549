"""Where a port's thread waits: what ends a wait, and what does not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from chassis.errors import JobCanceled
from portmon.device_wait import READ, DeviceWait


@pytest.fixture
def wait() -> Iterator[DeviceWait]:
    found = DeviceWait()
    yield found
    found.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_wake_up_ends_a_wait(wait: DeviceWait, pipe: tuple[int, int]) -> None:
    wait.wake()
    assert wait.wait(pipe[0], READ, 60) == 0


def test_a_wake_up_that_means_nothing_does_not_end_the_wait_for_a_device(
    wait: DeviceWait, pipe: tuple[int, int]
) -> None:
    wait.wake()
    later = threading.Timer(0.2, os.write, (pipe[1], b"x"))
    later.start()
    assert wait.until_ready(pipe[0], READ, 60) & READ
    later.join()


def test_a_device_that_is_not_ready_in_time_is_not(wait: DeviceWait, pipe: tuple[int, int]) -> None:
    wait.wake()
    before = time.monotonic()
    assert wait.until_ready(pipe[0], READ, 0.2) == 0
    assert time.monotonic() - before >= 0.2


def test_what_the_check_raises_ends_it(pipe: tuple[int, int]) -> None:
    def check() -> None:
        if canceled.is_set():
            raise JobCanceled("by ann")

    def cancel() -> None:
        canceled.set()
        wait.wake()

    canceled, wait = threading.Event(), DeviceWait(check)
    canceler = threading.Timer(0.2, cancel)
    canceler.start()
    with pytest.raises(JobCanceled):
        wait.until_ready(pipe[0], READ, 60)
    canceler.join()
    wait.close()
