"""Where a serial line's former settings are kept while a port has changed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class LineStore(Protocol):
    """Keeps a serial line's former settings over a crash of the process (the port's journal does)."""

    @property
    def line(self) -> Any:
        """What was stored last, or None."""

    def store_line(self, line: Any) -> None:
        """Store JSON-able settings."""


@dataclass(slots=True)
class BriefLineStore:
    """Keeps them for as long as it lives: for ports that are not there yet, and for those that are no lines."""

    line: Any = None

    def store_line(self, line: Any) -> None:
        """See `LineStore`."""
        self.line = line
