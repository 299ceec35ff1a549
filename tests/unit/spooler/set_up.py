"""What a language's splitter finds in a document, and what it says has to be sent before a unit in its middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def ends_of(splitter: Callable[..., Any], document: bytes) -> list[Any]:
    """Return the units of a whole document."""
    one = splitter()
    return [*one.feed(document), *one.finish()]


def setup_at(splitter: Callable[..., Any], document: bytes, end: int, *, ahead: int) -> tuple[bytes, str]:
    """Return the bytes that go before what follows `end`, seen `ahead` bytes far, and why there are none, or ""."""
    one = splitter(collect=True)
    one.feed(document[:end])
    found = one.setup(document[end : end + ahead])
    pieces = (
        piece if isinstance(piece, bytes) else document[slice(*piece)] for piece in found.prefix.pieces()
    )
    return b"".join(pieces), found.refusal
