"""How many steps of the interpreter a piece of work takes: the same however busy the machine is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

SERVICES = f"{Path(__file__).resolve().parents[2] / 'services'}/"


def steps_of(work: Callable[[], object]) -> int:
    """Return how many instructions of the services' own code `work` executes in this thread."""
    steps = 0

    def executed(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        steps += event == "opcode"
        return executed

    def called(frame: FrameType, _event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(SERVICES):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return executed

    before = sys.gettrace()
    sys.settrace(called)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps
