"""How pages are counted in a payload: the interface of a counter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple


class Piece(NamedTuple):
    """`used` bytes of the payload are taken; `pages` > 0: they complete that many pages."""

    used: int
    pages: int = 0


class Pages(ABC):
    """Counts the pages of one language within one job."""

    @abstractmethod
    def take(self, buffer: bytearray, end: int) -> Piece:
        """Look at `buffer` up to `end`; Piece(0) asks for more bytes."""

    def last(self, buffer: bytearray, end: int) -> Piece:
        """Take the rest of the payload, of which `take` makes nothing without more bytes."""
        return Piece(end)

    @abstractmethod
    def finish(self) -> int:
        """The payload is over: return pages still to be ejected."""

    @property
    def void(self) -> bool:
        """Say whether what came behind the last page was commands, and not something that did not come to its page."""
        return False
