"""The server's clock: the one that its spoolers have in common."""

from __future__ import annotations

from spooler.sql.cursor import Cursor

CLOCK_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


def clock_ms(cursor: Cursor) -> int:
    """Return milliseconds since the epoch."""
    return int(cursor.execute(f"SELECT {CLOCK_MS}").fetchone()[0])
