"""What a piece of work costs in instructions of Python's byte code: the same on every machine, however busy it is."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
SERVICES = f"{ROOT / 'services'}/"


class Instructions:
    """Counts what the services' own code executes while this is entered: in this thread, and in those that start meanwhile.

    What libraries do for it is not counted: how often an event loop turns depends on the hour.
    """

    def __init__(self) -> None:
        self._by_code: Counter[CodeType] = Counter()

    def by_module(self) -> Counter[str]:
        """Return what was executed so far, by file below services/."""
        found: Counter[str] = Counter()
        for code, count in list(self._by_code.items()):
            found[code.co_filename.removeprefix(SERVICES)] += count
        return found

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(SERVICES):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counts = self._by_code

        def executed(_frame: FrameType, event: str, _argument: Any) -> Any:
            if event == "opcode":
                counts[code] += 1
            return executed

        return executed

    def __enter__(self) -> Self:
        self._before = sys.gettrace(), threading.gettrace()
        # What is collected runs at whatever place it is noticed.
        gc.collect()
        gc.disable()
        threading.settrace(self._called)
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before[0])
        threading.settrace(self._before[1])
        gc.enable()
