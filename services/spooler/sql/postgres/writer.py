"""The one connection that writes, and that holds the store's lock: a commit on it proves that nobody else is the writer.

When it breaks, this spooler is over: another may have taken the lock, and a commit whose answer was lost may be there.
A new process loads what is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from chassis import logs
from chassis.errors import FabricError
from spooler.group_commit import Entry
from spooler.sql.batch import BatchWriter, Operation
from spooler.sql.postgres.connection import (
    REFUSED_VALUES,
    Connection,
    Failure,
    PostgresCursor,
    concerns_all,
    told,
)
from spooler.sql.postgres.tables import prepare
from spooler.sql.printers import all_printers

log = logs.get(__name__)


class PostgresWriter(BatchWriter):
    """The one connection that writes to the server."""

    begin = "BEGIN"
    failures = (Failure, *REFUSED_VALUES)

    def __init__(self, connection: Connection, where: str) -> None:
        """Bring the tables up to date.

        connection: holds the lock; closed with the writer.
        where: the database, without password, for messages.

        Raises:
            StoreUnavailable: another program's database, or of a newer version.
        """
        self.on_lost: Callable[[str], object] = lambda _why: None
        self._lost: FabricError | None = None
        self._connection = connection
        cursor = PostgresCursor(connection.cursor())
        try:
            prepare(cursor, where)
            super().__init__(cursor, where)
        except Failure as error:
            connection.close()
            raise told(error, where) from error
        except FabricError:
            connection.close()
            raise

    def close(self) -> None:
        """Close the connection, and so give the lock to whoever waits for it."""
        with suppress(Failure):
            self._connection.close()

    def _refuse(self, batch: Sequence[Entry[Operation]]) -> None:
        for entry in batch if self._lost is not None else ():
            entry.error = self._lost

    def _concerns_all(self, error: Exception) -> bool:
        return concerns_all(error)

    def _told(self, error: Exception) -> FabricError:
        return told(error, self.where)

    def _after_failure(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        if self._connection.broken or self._connection.closed:
            self._lose(todo, error)
        else:
            super()._after_failure(todo, error)

    def _lose(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        self._lost = told(error, self.where)
        log.error("database lost", database=self.where, error=self._lost.message)
        for entry in todo:
            entry.error = self._lost
        self.on_lost(self._lost.message)

    def _roll_back(self) -> None:
        self._cursor.execute("ROLLBACK")
        self._load_printers()

    def _load_printers(self) -> None:
        self.accepting.printers = {one.name: one.pending_deletion for one in all_printers(self._cursor)}
