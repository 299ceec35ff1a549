"""Lines of the history as they are written: with what they are about, in its transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, update

from spooler.job import HistoryEvent
from spooler.sql import decisions
from spooler.sql.cursor import Cursor
from spooler.sql.schema import history, sql

_INSERT = sql(
    insert(history).values(
        {column.name: bindparam(column.name) for column in history.c if column.name != "id"}
    )
)
_AMEND = sql(
    update(history)
    .values(
        what=bindparam("new_what"),
        detail=bindparam("new_detail"),
        port_host=bindparam("new_host"),
        port_name=bindparam("new_port"),
    )
    .where(history.c.id == bindparam("i"))
)
_DELETE = sql(delete(history).where(history.c.id == bindparam("i")))


def write(cursor: Cursor, events: Sequence[HistoryEvent], now: int) -> None:
    """Write what happened; `now` in microseconds, for those that say no time."""
    if events:
        cursor.executemany(_INSERT, list(decisions.rows_of(cursor, events, now)))


def begin(cursor: Cursor, event: HistoryEvent, now: int) -> int:
    """Write a line that `end` will find again by the number that is returned."""
    [row] = decisions.rows_of(cursor, [event], now)
    [(number,)] = cursor.execute(f"{_INSERT} RETURNING id", row).fetchall()
    return int(number)


def end(cursor: Cursor, number: int, event: HistoryEvent | None) -> None:
    """Let a line say what has become of it, its time and who did it stay; None: nothing, and it goes."""
    if event is None:
        cursor.execute(_DELETE, (number,))
    else:
        cursor.execute(_AMEND, (event.what, event.detail, *(event.port or (None, None)), number))
