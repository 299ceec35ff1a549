"""What was thrown away at one moment, byte by byte, as the record tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from printfabric_sim.unit import Span


@dataclass(slots=True)
class Loss:
    """Bytes that are in no piece of paper and never will be, and paper that does not come.

    `spans` names the bytes. So many `units` were finished; `copies` do not come of one of which a piece is out.
    """

    spans: list[Span] = field(default_factory=list)
    units: int = 0
    copies: int = 0

    def __bool__(self) -> bool:
        return bool(self.spans or self.units)

    def __iadd__(self, other: Loss) -> Self:
        self.spans += other.spans
        self.units += other.units
        self.copies += other.copies
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
        }
