"""What the spooler keeps for others under a key: the configuration of hosts. One row each in `meta`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from chassis.errors import EtagMismatch
from spooler.job import HistoryEvent
from spooler.sql import lines
from spooler.sql.cursor import Cursor
from spooler.sql.rows import micros

_GET = "SELECT value FROM meta WHERE key = ?"
_SET = "UPDATE meta SET value = ? WHERE key = ?"
_ADD = "INSERT INTO meta (key, value) VALUES (?, ?)"


def get_note(cursor: Cursor, key: str) -> str | None:
    """Return what is kept, None when nothing is."""
    row = cursor.execute(_GET, (f"note {key}",)).fetchone()
    return None if row is None else str(row[0])


def put_note(
    cursor: Cursor, key: str, value: str, expected: str | None, history: Sequence[HistoryEvent] = ()
) -> None:
    """Keep a value in place of `expected`, with lines that say so.

    Raises:
        EtagMismatch: something else is kept; nothing was changed.
    """
    before = get_note(cursor, key)
    if before != expected:
        raise EtagMismatch(f"the configuration of {key} was changed meanwhile", key=key)
    if before is None:
        cursor.execute(_ADD, (f"note {key}", value))
    else:
        cursor.execute(_SET, (value, f"note {key}"))
    lines.write(cursor, history, micros(datetime.now(UTC)))
