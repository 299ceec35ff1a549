"""Opening a SQLite file: the lock, the checks that touch nothing, the migrations, the connections."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from chassis.errors import StoreUnavailable
from spooler.spool.shared import sync_directory
from spooler.sql.errors import told, unreadable
from spooler.sql.schema import APPLICATION_ID, HEAD

READERS = 2

_MAGIC = b"SQLite format 3\x00"
_CHECK_BYTES = 64 * 1024 * 1024  # below this the whole file is checked at each start, at about 1 GB/s
_MIGRATIONS = Path(__file__).parent / "migrations"
_PAGE_BYTES = 4096
# Pages in the write-ahead log (4 MiB) before a commit copies them to the database. Measured 2026-11-21: four times as
# many accept no faster, stall as long, and a start after a crash has more to read.
_CHECKPOINT_PAGES = 1000
# Of pages that the writer keeps, beside the kernel's own. Measured 2026-11-22 with 60,000 jobs and request ids at random: with 16
# MiB a job costs no less CPU, and nothing is read from the disk either way.
_CACHE_KIB = 4096


class FileLock:
    """Holds a lock file for as long as this process lives: two spoolers on one database would give numbers twice."""

    def __init__(self, directory: Path) -> None:
        """Take the lock of a store's folder, which is made if it is missing. Raises StoreUnavailable."""
        path = directory / "spooler.lock"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(directory.parent)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"cannot use {directory}: {error.strerror}", path=directory) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StoreUnavailable(
                f"{directory} is in use by another spooler (process {holder or 'unknown'})",
                path=path,
                process=holder,
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another spooler have it."""
        os.close(self._fd)


def inspect(path: Path) -> str:
    """Return the schema version of a database file, "" for none yet. Opens it read-only: nothing is repaired.

    Raises:
        StoreUnavailable: it is damaged, another program's, or of a newer version; the message names the file.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return ""
        with path.open("rb") as file:
            if file.read(16) != _MAGIC:
                raise unreadable(path, "it is not a SQLite file")
    except OSError as error:
        raise StoreUnavailable(f"cannot read {path}: {error.strerror}", path=path) from error
    try:
        # Without a log to read, SQLite need not make the files that reading one takes.
        log_file = path.with_name(f"{path.name}-wal")
        mode = "mode=ro" if log_file.exists() and log_file.stat().st_size else "immutable=1"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
            return _version(connection, path)
    except sqlite3.Error as error:
        raise told(error, path) from error


def _version(connection: sqlite3.Connection, path: Path) -> str:
    if path.stat().st_size <= _CHECK_BYTES:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise unreadable(path, f"it is damaged: {verdict}")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return ""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID or "alembic_version" not in tables:
        raise unreadable(path, "it belongs to another program")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    version = str(row[0]) if row else ""
    if version > HEAD:
        raise unreadable(path, f"it was written by a newer version (schema {version}, this one knows {HEAD})")
    return version


def _keep_private(path: Path) -> None:
    """Documents lie in its rows: nobody else reads it. What SQLite puts beside it gets the same rights."""
    with suppress(OSError):  # SQLite, which opens it next, says what is wrong with it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with suppress(OSError):
            one.chmod(0o600)


def writer_engine(path: Path, reserve_bytes: int) -> Engine:
    """Return the engine of the one connection that writes.

    On a small volume its log is kept within a quarter of the reserve, so that jobs can be ended when it is full.
    """
    _keep_private(path)
    pages = min(_CHECKPOINT_PAGES, reserve_bytes // 4 // _PAGE_BYTES) or _CHECKPOINT_PAGES

    def connect(connection: sqlite3.Connection) -> None:
        # Takes effect only before the first table: lets a full volume get back what purged jobs held.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={pages}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        connection.execute("PRAGMA temp_store=MEMORY")

    return _engine(path, connect, poolclass=NullPool)


def reader_engine(path: Path) -> Engine:
    """Return the engine of the connections that read: they never wait for the writer, nor it for them."""

    def connect(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only=ON")

    return _engine(path, connect, poolclass=QueuePool, pool_size=READERS)


def _engine(path: Path, prepare: Callable[[sqlite3.Connection], None], **options: Any) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10.0}, **options
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver shall begin nothing by itself
        prepare(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def migrate(engine: Engine, version: str) -> None:
    """Bring a database from `version` to HEAD, in one transaction. Raises what the database raises.

    Alembic is loaded only when there is something to do: it takes longer than all else at a start.
    """
    if version == HEAD:
        return
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
