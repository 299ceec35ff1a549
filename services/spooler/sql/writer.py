"""The one connection that writes to the file, and keeps room on its volume for what ends jobs."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from sqlalchemy import Engine

from chassis import logs
from chassis.errors import FabricError
from spooler.group_commit import Entry
from spooler.spool.space import Reserve
from spooler.sql.batch import BatchWriter, Operation
from spooler.sql.errors import REFUSED_VALUES, concerns_all, told
from spooler.sql.printers import pending_deletions

log = logs.get(__name__)

_ROOM_EVERY_S = 1.0  # how often a full volume is asked to give back what deleted rows held
_VACUUM_PAGES = 4096
ROW_BYTES = 1024  # what a job takes with its indexes, without its document; about, and rather more
_TWICE = 2  # in the write-ahead log, then in the database


class Writer(BatchWriter):
    """The one connection that writes to the file."""

    begin = "BEGIN IMMEDIATE"
    failures = (sqlite3.Error, *REFUSED_VALUES)

    def __init__(self, engine: Engine, path: Path, reserve: Reserve) -> None:
        self._pooled = engine.raw_connection()
        # The driver's own connection: SQLAlchemy's costs more per statement than SQLite does per job.
        self._connection = cast(sqlite3.Connection, self._pooled.driver_connection)
        self._path = path
        self._reserve = reserve
        self._room_tried_at = 0.0
        super().__init__(self._connection.cursor(), str(path))

    def close(self) -> None:
        """Close the connection; SQLite copies the log into the database if it can."""
        self._pooled.close()

    def _concerns_all(self, error: Exception) -> bool:
        return concerns_all(error)

    def _told(self, error: Exception) -> FabricError:
        return told(error, self._path)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # a full disk may have rolled it back by itself
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        with suppress(sqlite3.Error):  # what it knew before stands until the next change
            self._load_printers()

    def _load_printers(self) -> None:
        self.accepting.printers = pending_deletions(self._cursor)

    def _refuse(self, batch: Sequence[Entry[Operation]]) -> None:
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
