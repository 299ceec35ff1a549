"""The one connection that writes, and that holds the store's lock: a commit on it proves that nobody else is the writer.

When it breaks, this spooler is over: another may have taken the lock, and a commit whose answer was lost may be there.
A new process loads what is true.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.group_commit import Entry
from spooler.printer import Printer
from spooler.sql.accept import AcceptState
from spooler.sql.postgres.connection import (
    REFUSED_VALUES,
    Failure,
    PostgresCursor,
    concerns_all,
    connect,
    place_of,
    told,
)
from spooler.sql.postgres.tables import prepare
from spooler.sql.printers import all_printers
from spooler.sql.writer import Operation, get_meta, set_meta

log = logs.get(__name__)

_LOCK = 0x50465350  # of all spoolers on one database, one holds it
_LOOK_S = 0.1  # how often one that waits looks whether it is free


class PostgresWriter:
    """Runs batches of operations; the handler of a GroupThread, so only ever on its thread once it is made."""

    def __init__(self, url: str, name: str, wait_s: float) -> None:
        """Connect, take the lock, bring the tables up to date.

        Raises:
            StoreUnavailable: no such database, or another spooler has it for longer than `wait_s`.
        """
        self.where = place_of(url)
        self.on_lost: Callable[[str], object] = lambda _why: None
        self._lost: FabricError | None = None
        try:
            self._connection = connect(url, name)
        except Failure as error:
            raise told(error, self.where) from error
        self._cursor = PostgresCursor(self._connection.cursor())
        try:
            self._lock(wait_s)
            prepare(self._cursor, self.where)
            self.accepting = AcceptState(int(get_meta(self._cursor, "last_number")), {})
            self._load_printers()
        except Failure as error:
            self._connection.close()
            raise told(error, self.where) from error
        except FabricError:
            self._connection.close()
            raise

    def commit(self, batch: Sequence[Entry[Operation]]) -> None:
        """Run a batch in one transaction. If one operation spoils it, each is tried in one of its own."""
        if self._lost is not None:
            for entry in batch:
                entry.error = self._lost
        else:
            try:
                self._transaction(batch)
            except (Failure, *REFUSED_VALUES) as error:
                self._after_failure(batch, error)
        for entry in batch:
            if entry.work.settle is not None:
                entry.work.settle(entry.result if entry.error is None else None)

    def close(self) -> None:
        """Close the connection, and so give the lock to whoever waits for it."""
        with suppress(Failure):
            self._connection.close()

    def _lock(self, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        said = False
        while not self._cursor.execute("SELECT pg_try_advisory_lock(?)", (_LOCK,)).fetchone()[0]:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"another spooler has the database at {self.where}", database=self.where
                )
            if not said:
                log.info("stands by: another spooler has the database", database=self.where)
                said = True
            time.sleep(_LOOK_S)

    def _transaction(self, todo: Sequence[Entry[Operation]]) -> None:
        cursor = self._cursor
        last_number = self.accepting.last_number
        cursor.execute("BEGIN")
        for entry in todo:
            try:
                entry.result = entry.work.run(cursor)
            except FabricError as error:
                entry.error = error
            else:
                if entry.work.printer:
                    self._remember(entry.work.printer, entry.result)
        if self.accepting.last_number != last_number:
            set_meta(cursor, "last_number", str(self.accepting.last_number))
        cursor.execute("COMMIT")

    def _after_failure(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        """Fail all if the server failed; else try each alone, so that only the one that spoiled the batch fails."""
        if self._connection.broken or self._connection.closed:
            self._lose(todo, error)
            return
        self._roll_back()
        if len(todo) == 1 or concerns_all(error):
            self._fail(todo, error)
            return
        for entry in todo:
            entry.error = entry.result = None
            try:
                self._transaction([entry])
            except (Failure, *REFUSED_VALUES) as again:
                self._after_failure([entry], again)

    def _lose(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        self._lost = told(error, self.where)
        log.error("database lost", database=self.where, error=self._lost.message)
        for entry in todo:
            entry.error = self._lost
        self.on_lost(self._lost.message)

    def _fail(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        answer = told(error, self.where)
        log.error("commit failed", database=self.where, error=answer.message, operations=len(todo))
        for entry in todo:
            entry.error = answer
            entry.retry = not entry.work.waited and concerns_all(error)

    def _roll_back(self) -> None:
        self._cursor.execute("ROLLBACK")
        self._load_printers()  # the numbers given stay given; gaps do no harm

    def _load_printers(self) -> None:
        self.accepting.printers = {
            printer.name: printer.pending_deletion for printer in all_printers(self._cursor)
        }

    def _remember(self, name: str, printer: Any) -> None:
        """Let the operations that follow, in this batch too, know of a printer's change."""
        if isinstance(printer, Printer):
            self.accepting.printers[name] = printer.pending_deletion
        else:
            self.accepting.printers.pop(name, None)
