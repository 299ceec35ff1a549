"""A store in SQLite that no spooler has open: its rows in the order of their keys, and its documents. For moving it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, select

from chassis.errors import DocumentLost, StoreUnavailable
from spooler.spool.record import Extent, read_extent
from spooler.spool.shared import SegmentFiles, sync_directory
from spooler.sql.batch import get_meta
from spooler.sql.errors import told
from spooler.sql.open import FileLock, inspect, migrate, writer_engine
from spooler.sql.schema import sql

_PIECE_BYTES = 1024 * 1024
_MOVED = ".moved"


class StoreAtRest:
    """A store nobody writes to while this exists. Made by `store_at_rest`."""

    def __init__(self, directory: Path, connection: sqlite3.Connection) -> None:
        self.directory = directory
        self._connection = connection
        self.store_id = get_meta(connection.cursor(), "store_id")
        self._files = SegmentFiles(directory / "spool", bytes.fromhex(self.store_id), 0)

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Yield a table's rows as they are, by their primary key."""
        yield from self._connection.execute(ordered(table))

    def document(self, extent: Extent) -> Iterator[bytes]:
        """Yield a spooled document in pieces. Raises DocumentLost."""
        try:
            fd = os.open(self._files.path(extent.segment), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DocumentLost(f"spool segment {extent.segment} is gone", segment=extent.segment) from error
        try:
            for offset in range(0, extent.length, _PIECE_BYTES):
                yield read_extent(fd, extent, offset, _PIECE_BYTES)
        finally:
            os.close(fd)


@contextmanager
def store_at_rest(directory: Path) -> Iterator[StoreAtRest]:
    """Open the store in a folder, bring its tables up to date, and keep spoolers out meanwhile.

    Raises:
        StoreUnavailable: there is none, a spooler is running on it, or it cannot be read.
    """
    path = directory / "spooler.db"
    if not path.exists():
        moved = path.with_name(path.name + _MOVED).exists()
        why = "it was moved already" if moved else "no spooler has been there"
        raise StoreUnavailable(f"there is no store in {directory}: {why}", path=directory)
    lock = FileLock(directory)
    try:
        engine = writer_engine(path, 0)
        migrate(engine, inspect(path))
        pooled = engine.raw_connection()
        try:
            yield StoreAtRest(directory, cast(sqlite3.Connection, pooled.driver_connection))
        finally:
            pooled.close()
    except sqlite3.Error as error:
        raise told(error, path) from error
    finally:
        lock.release()


def retire(directory: Path) -> None:
    """Rename a store that has moved, so that no spooler prints from it again. Raises StoreUnavailable."""
    lock = FileLock(directory)
    try:
        for path in (directory / "spooler.db", directory / "spool"):  # the first decides
            with suppress(FileNotFoundError):
                path.rename(path.with_name(path.name + _MOVED))
        sync_directory(directory)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot rename the old store in {directory}: {error.strerror}", path=directory
        ) from error
    finally:
        lock.release()


def ordered(table: Table) -> str:
    """Return the question for all rows of a table, by its primary key."""
    return sql(select(*table.columns).order_by(*table.primary_key.columns))
