"""What was thrown away at one moment, byte by byte, as the record tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from printfabric_sim.unit import Span


@dataclass(slots=True)
class Loss:
    """Bytes that are in no piece of paper and never will be, and paper that does not come.

    `spans` names the bytes. So many `units` were finished, and no piece of them is out; `copies` do not come of one of
    which a piece is out, a torn one included. Of the bytes in `unread`, which are among `spans`, nothing had been made
    yet: whatever units they hold are in no count.
    """

    spans: list[Span] = field(default_factory=list)
    units: int = 0
    copies: int = 0
    unread: list[Span] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.spans or self.units or self.copies)

    def __iadd__(self, other: Loss) -> Self:
        self.spans += other.spans
        self.units += other.units
        self.copies += other.copies
        self.unread += other.unread
        return self

    @property
    def bytes(self) -> int:
        """How many bytes were lost."""
        return sum(span.end - span.start for span in self.spans)

    def facts(self) -> dict[str, Any]:
        """Return what its event says of it."""
        return {
            "bytes": self.bytes,
            "units": self.units,
            "copies": self.copies,
            "spans": [list(span) for span in self.spans],
            "unread": [list(span) for span in self.unread],
        }


def unread(spans: Iterable[Span]) -> Loss:
    """Return the loss of bytes that were never looked at; an empty span is none."""
    lost = [span for span in spans if span.start < span.end]
    return Loss(lost, unread=list(lost))


def without(spans: Iterable[Span], holes: list[Span]) -> list[Span]:
    """Return what is left of `spans` outside of `holes`, which are in order."""
    left = list[Span]()
    for inlet, start, end in spans:
        position = start
        for hole in holes:
            if hole.inlet == inlet and hole.start < end and position < hole.end:
                left.append(Span(inlet, position, max(position, hole.start)))
                position = min(end, hole.end)
        left.append(Span(inlet, position, end))
    return left
