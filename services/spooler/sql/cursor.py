"""What the statements of the SQL stores ask of a driver: a cursor that takes `?` for parameters, whichever driver it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, Self


class Cursor(Protocol):
    """The part of DB-API 2.0's cursor that is used; `sqlite3.Cursor` is one."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Self:
        """Run a statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Self:
        """Run a statement for each row of parameters, now or before whatever is executed next; its result is not asked for."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""
