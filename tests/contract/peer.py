"""What every peer of a port monitor can be told, and how a test waits for what it shall see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any


class Rig:
    """A peer that records. `documents()` is what arrived, split where this kind of port can tell."""

    scheme = ""
    port = ""
    splits = False  # the peer sees where a document ends
    stalls = True
    breaks = True
    pipe = True
    answers = False
    ended_by_break = True  # a broken device is gone: the port has to be opened again
    output_file = ""  # what its documents have to bring
    known_as = ""  # in the names of tests, if not by its scheme
    others: Sequence[EntryPoint] = ()  # where its monitor comes from, if it is none of ours

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._flow = threading.Event()
        self._flow.set()

    def settings(self) -> dict[str, Any]:
        """Return the port's settings."""
        raise NotImplementedError

    def received(self, size: int = 0) -> bytes:
        """Return all bytes that arrived, `size` at least unless they never come, after more had time to."""
        raise NotImplementedError

    def stall(self) -> None:
        """Stop reading."""
        self._flow.clear()

    def go_on(self) -> None:
        """Read again."""
        self._flow.set()

    def break_off(self) -> None:
        """Go away in the middle of a document."""

    def mend(self) -> None:
        """Come back."""

    def say(self, data: bytes) -> None:
        """Send something back."""

    def stop(self) -> None:
        """End the peer."""


def wait_for(what: Any, timeout_s: float = 30.0) -> None:
    """Wait until `what()` is true; fail if it never is."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)


def settle(measure: Callable[[], int], least: int = 0) -> None:
    """Wait until a number is `least` (5 s at most), and then has not changed for 60 ms."""
    patience = time.monotonic() + 5
    while measure() < least and time.monotonic() < patience:
        time.sleep(0.002)
    before, since = measure(), time.monotonic()
    while time.monotonic() - since < 0.06:
        time.sleep(0.005)
        now = measure()
        if now != before:
            before, since = now, time.monotonic()
