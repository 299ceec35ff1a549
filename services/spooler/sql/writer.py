"""The one connection that writes: many callers' operations in one transaction, one fsync, each its own answer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, bindparam, select, update

from chassis import logs
from chassis.errors import FabricError
from spooler.group_commit import Entry
from spooler.printer import Printer
from spooler.spool.space import Reserve
from spooler.sql.accept import AcceptState
from spooler.sql.cursor import Cursor
from spooler.sql.errors import REFUSED_VALUES, concerns_all, told
from spooler.sql.printers import pending_deletions
from spooler.sql.schema import meta, sql

log = logs.get(__name__)

_GET = sql(select(meta.c.value).where(meta.c.key == bindparam("key")))
_SET = sql(update(meta).values(value=bindparam("value")).where(meta.c.key == bindparam("k")))

_ROOM_EVERY_S = 1.0  # how often a full volume is asked to give back what deleted rows held
_VACUUM_PAGES = 4096
ROW_BYTES = 1024  # what a job takes with its indexes, without its document; about, and rather more
_TWICE = 2  # in the write-ahead log, then in the database


def get_meta(cursor: Cursor, key: str) -> str:
    """Return one of the store's own values."""
    return str(cursor.execute(_GET, (key,)).fetchone()[0])


def set_meta(cursor: Cursor, key: str, value: str) -> None:
    """Change one of the store's own values."""
    cursor.execute(_SET, (value, key))


@dataclass(slots=True)
class Operation:
    """One caller's work: `run` in a transaction, raising a FabricError only before it has written anything."""

    run: Callable[[Cursor], Any]
    takes_bytes: int = 0  # refused if these would touch the reserve; what ends jobs takes none
    printer: str = ""  # changes this printer, and returns it, or None if it is gone
    waited: bool = True  # tried again later if nobody waits for it
    settle: Callable[[Any], None] | None = None  # told the result once it is durable, or None if it failed


class Writer:
    """Runs batches of operations; the handler of a GroupThread, so only ever on its thread."""

    def __init__(self, engine: Engine, path: Path, reserve: Reserve) -> None:
        self._pooled = engine.raw_connection()
        # The driver's own connection: SQLAlchemy's costs more per statement than SQLite does per job.
        self._connection = cast(sqlite3.Connection, self._pooled.driver_connection)
        self._cursor = self._connection.cursor()
        self._path = path
        self._reserve = reserve
        self._room_tried_at = 0.0
        self.accepting = AcceptState(int(get_meta(self._cursor, "last_number")), {})
        self._load_printers()

    def commit(self, batch: Sequence[Entry[Operation]]) -> None:
        """Run a batch in one transaction. If one operation spoils it, each is tried in one of its own."""
        self._refuse_what_does_not_fit(batch)
        todo = [entry for entry in batch if entry.error is None]
        try:
            if todo:
                self._transaction(todo)
        except (sqlite3.Error, *REFUSED_VALUES) as error:
            self._roll_back()
            self._after_failure(todo, error)
        for entry in batch:
            if entry.work.settle is not None:
                entry.work.settle(entry.result if entry.error is None else None)

    def close(self) -> None:
        """Close the connection; SQLite copies the log into the database if it can."""
        self._pooled.close()

    def _transaction(self, todo: list[Entry[Operation]]) -> None:
        cursor = self._cursor
        last_number = self.accepting.last_number
        cursor.execute("BEGIN IMMEDIATE")
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

    def _after_failure(self, todo: list[Entry[Operation]], error: Exception) -> None:
        """Fail all if the disk failed; else try each alone, so that only the one that spoiled the batch fails."""
        if len(todo) == 1 or concerns_all(error):
            self._fail(todo, error)
            return
        for entry in todo:
            entry.error = entry.result = None
            try:
                self._transaction([entry])
            except (sqlite3.Error, *REFUSED_VALUES) as again:
                self._roll_back()
                self._fail([entry], again)

    def _fail(self, todo: list[Entry[Operation]], error: Exception) -> None:
        answer = told(error, self._path)
        log.error("commit failed", database=str(self._path), error=answer.message, operations=len(todo))
        for entry in todo:
            entry.error = answer
            entry.retry = not entry.work.waited and concerns_all(error)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # a full disk may have rolled it back by itself
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        with suppress(sqlite3.Error):  # the numbers given stay given; gaps do no harm
            self._load_printers()

    def _load_printers(self) -> None:
        self.accepting.printers = pending_deletions(self._cursor)

    def _remember(self, name: str, printer: Printer | None) -> None:
        """Let the operations that follow, in this batch too, know of a printer's change."""
        if printer is None:
            self.accepting.printers.pop(name, None)
        else:
            self.accepting.printers[name] = printer.pending_deletion

    def _refuse_what_does_not_fit(self, batch: Sequence[Entry[Operation]]) -> None:
        """Set SpoolFull on operations that would touch the reserve, after asking deleted rows for their room."""
        wanted = _TWICE * sum(entry.work.takes_bytes for entry in batch)
        if not wanted:
            return
        left = self._reserve.free_bytes() - self._reserve.reserve_bytes
        if left < wanted and time.monotonic() - self._room_tried_at >= _ROOM_EVERY_S:
            self._room_tried_at = time.monotonic()
            self._give_room_back()
            left = self._reserve.free_bytes() - self._reserve.reserve_bytes
        if left >= wanted:
            return
        for entry in batch:
            if _TWICE * entry.work.takes_bytes <= left:
                left -= _TWICE * entry.work.takes_bytes
            elif entry.work.takes_bytes:
                entry.error = self._reserve.full(entry.work.takes_bytes)

    def _give_room_back(self) -> None:
        """Hand the pages of deleted rows, and the write-ahead log, back to the volume."""
        try:
            self._cursor.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
            self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            log.warning("no room given back", database=str(self._path), error=str(error))
