"""What a piece of work costs in instructions of Python's byte code: the same on every machine, however busy it is.

And in lines: those are nearly the same in every version of Python, byte code is another one in each.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]
SERVICES = f"{ROOT / 'services'}/"


class Executed(NamedTuple):
    """What was executed so far, by file below services/."""

    instructions: Counter[str]
    lines: Counter[str]

    def since(self, before: Executed) -> Executed:
        """Return what was executed meanwhile."""
        return Executed(self.instructions - before.instructions, self.lines - before.lines)


class Instructions:
    """Counts what the services' own code executes: in threads that start while this is entered, and in this one while told to.

    What libraries do for it is not counted: how often an event loop turns depends on the hour.
    """

    def __init__(self) -> None:
        self._instructions: Counter[CodeType] = Counter()
        self._lines: Counter[CodeType] = Counter()

    def now(self) -> Executed:
        """Return what was executed so far."""
        return Executed(_by_module(self._instructions), _by_module(self._lines))

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(SERVICES):
            return None
        frame.f_trace_opcodes = True
        instructions, lines = self._instructions, self._lines

        def executed(_frame: FrameType, event: str, _argument: Any) -> Any:
            if event == "opcode":
                instructions[code] += 1
            elif event == "line":
                lines[code] += 1
            return executed

        return executed

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count in this thread, too: coroutines that have begun before are counted from where they go on."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def __enter__(self) -> Self:
        self._before = threading.gettrace()
        # What is collected runs at whatever place it is noticed.
        gc.collect()
        gc.disable()
        threading.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        threading.settrace(self._before)
        gc.enable()


def _by_module(counts: Counter[CodeType]) -> Counter[str]:
    found: Counter[str] = Counter()
    for code, count in list(counts.items()):
        found[code.co_filename.removeprefix(SERVICES)] += count
    return found
