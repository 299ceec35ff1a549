"""The clock that dates job ids. It is the store's, so that all spoolers on it agree, and never goes back behind an id.

Hosts compare with it which documents are newer than what their journals lost.
"""

from __future__ import annotations

from sqlalchemy import select

from spooler.sql.cursor import Cursor
from spooler.sql.schema import jobs, sql

_NEWEST = sql(select(jobs.c.uid).order_by(jobs.c.uid.desc())) + " LIMIT 1"


def ms_of(uid: bytes) -> int:
    """Return the time in a uid, milliseconds since the epoch (RFC 9562, 5.7)."""
    return int.from_bytes(uid[:6], "big")


def not_after(uid: bytes, ms: int) -> bytes:
    """Return a uid that another clock has dated, with this one's time when that one is ahead."""
    return uid if ms_of(uid) <= ms else ms.to_bytes(6, "big") + uid[6:]


def newest_ms(cursor: Cursor) -> int:
    """Return the time in the newest job's uid; 0 without a job."""
    row = cursor.execute(_NEWEST).fetchone()
    return ms_of(row[0]) if row is not None else 0
