"""Which timers an event loop is given: what is idle arms none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def timers_of(loop: asyncio.AbstractEventLoop) -> Iterator[list[float]]:
    """Give the list of the timers that are armed meanwhile: in how many seconds each is due. Not for uvloop's."""
    armed, call_at = list[float](), loop.call_at

    def noted(when: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
        armed.append(when - loop.time())
        return call_at(when, *rest, **more)

    vars(loop)["call_at"] = noted
    try:
        yield armed
    finally:
        del vars(loop)["call_at"]
