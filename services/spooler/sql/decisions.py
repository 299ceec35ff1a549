"""What people decided, in the history: numbered, kept when its job is forgotten, and forgotten by rules of its own.

The numbers rise by one and the bytes are sums, so what is too many or too much is found at the old end, without counting.
Replicas that write in the same moment may give a number twice: the limits are as exact as that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select

from spooler.job import HistoryEvent
from spooler.sql.cursor import Cursor
from spooler.sql.rows import event_row, micros
from spooler.sql.schema import history, sql
from spooler.store import KeptDecisions

_ROW_BYTES = 64  # of what a line has beside its words, about
_LAST = sql(select(history.c.decision, history.c.decided_bytes)) + (
    " WHERE decision > 0 ORDER BY decision DESC LIMIT 1"
)
_OLDEST = sql(select(history.c.id, history.c.at, history.c.decision, history.c.decided_bytes)) + (
    " WHERE decision > 0 ORDER BY decision LIMIT ?"
)
_DELETE = sql(delete(history).where(history.c.id == bindparam("i")))


def rows_of(cursor: Cursor, events: Sequence[HistoryEvent], now: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of events that happen `now` (microseconds), those of people with their numbers."""
    last = None
    for event in events:
        if not event.by_a_person:
            yield event_row(event, now)
            continue
        number, total = last or _last(cursor)
        last = number + 1, total + _size(event)
        yield event_row(event, now, *last)


def forget(cursor: Cursor, kept: KeptDecisions, max_count: int) -> int:
    """Forget the oldest decisions that a rule says no more of; return how many went."""
    number, total = _last(cursor)
    before = micros(kept.since)
    gone = []
    for row, at, decision, so_far in cursor.execute(_OLDEST, (max_count,)):
        too_many = kept.count is not None and decision <= number - kept.count
        too_much = kept.bytes is not None and so_far <= total - kept.bytes
        if not (at < before or too_many or too_much):
            break
        gone.append((row,))
    cursor.executemany(_DELETE, gone)
    return len(gone)


def _last(cursor: Cursor) -> tuple[int, int]:
    found = cursor.execute(_LAST, ()).fetchone()
    return (found[0], found[1]) if found is not None else (0, 0)


def _size(event: HistoryEvent) -> int:
    return _ROW_BYTES + sum(
        len(word.encode()) for word in (event.what, event.who, event.detail, event.printer)
    )
