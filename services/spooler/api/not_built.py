"""Streams that the contract has and this version does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from chassis.errors import NotBuiltYet


async def no_messages(what: str) -> AsyncIterator[Any]:
    """Say that a stream is not built, in its own shape: a generator that yields nothing. Raises NotBuiltYet."""
    nothing: tuple[Any, ...] = ()
    for message in nothing:
        yield message
    raise NotBuiltYet(what)
