"""How tests wait on an event loop: for a condition, with a limit that only a hang reaches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 30.0


async def until(
    so: Callable[[], object], why: str = "it never came true", timeout_s: float = PATIENCE_S
) -> float:
    """Wait until `so()` is true and return how many seconds that took; fail if it never is."""
    began = time.monotonic()
    while not so():
        assert time.monotonic() - began < timeout_s, why
        await asyncio.sleep(0.01)
    return time.monotonic() - began
