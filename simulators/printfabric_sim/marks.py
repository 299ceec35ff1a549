"""What is due when everything before it has left the printer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Mark(NamedTuple):
    """An answer of the personality that is due when everything before it has left; never if that is lost.

    It stands at byte `offset` of `inlet`. One that `waits` has more before it than units, and is not called while the
    paper cannot move.
    """

    call: Callable[[], None]
    inlet: int
    offset: int
    waits: bool


class Ending(NamedTuple):
    """A mark that is called in any case: with True when everything before it has left, with False when it was lost."""

    call: Callable[[bool], None]
    waits: bool
