"""How pages are counted in a payload: the interface of a counter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple


class Piece(NamedTuple):
    """`used` bytes of the payload are taken; `pages` > 0: they complete that many pages."""

    used: int
    pages: int = 0


class Pages(ABC):
    """Counts the pages of one language within one job."""

    # What makes no page is commands; in other languages it is something that did not come to its page.
    blank_is_void: ClassVar[bool] = False

    @abstractmethod
    def take(self, buffer: bytearray, end: int) -> Piece:
        """Look at `buffer` up to `end`; Piece(0) asks for more bytes."""

    @abstractmethod
    def finish(self) -> int:
        """The payload is over: return pages still to be ejected."""
