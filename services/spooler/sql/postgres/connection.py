"""Connections to PostgreSQL, and the cursor that the store's statements ask for. `together` and this import psycopg, and no other."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.adapt import Buffer, Dumper, PyFormat

from chassis.errors import FabricError, InvalidArgument, SpoolFull, StoreUnavailable
from chassis.settings_sources import SettingsError
from spooler.sql.postgres.encryption import encryption
from spooler.sql.postgres.together import TogetherConnection

REFUSED_VALUES = (OverflowError, UnicodeEncodeError, psycopg.DataError)
Failure = psycopg.Error
_RACES = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
Connection = psycopg.Connection[Any]
AsyncConnection = psycopg.AsyncConnection[Any]
DEPOSED = "PF001"  # SQLSTATE of what is raised in the server for a member that is none any more
# What a server says to whom it will not let in, however often it is asked. It tells libpq a code, too, which libpq keeps to
# itself. A server that speaks another language is asked until whoever connects has no more patience.
_REFUSED = re.compile(
    r"authentication failed for user|no pg_hba\.conf entry|role \".*\" (does not exist|is not permitted to log in)"
    r"|permission denied for database|no password supplied"
)
_BUNDLE = "ca-certificates.crt"
# Where a server or a network is gone, nobody shall wait for the kernel's two hours.
_ALIVE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# The server must let go of the lock of a spooler that is gone just as soon, and of what one that was stopped has locked.
# Nor is any statement worth compiling: one that shall read no table whole looks dear, and waited 80 ms for that.
_OPTIONS = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c synchronous_commit=on"
    " -c idle_in_transaction_session_timeout=10s -c jit=off"
)
_CHANGED = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
_RESERVED = re.compile(r'(?<![.\w"])(user|window)(?![\w"])')  # words of SQL there, columns' names here


# Every commit is told, a member's own to itself, too: under load hundreds a second, each of which wakes the event loop.
_GATHERING_S = 0.02


class CommitUnproven(psycopg.OperationalError):
    """A commit is on its server, and its standby may not have it: somebody ended the wait."""


class _BoolDumper(Dumper):
    """Flags are kept as 0 and 1, as in SQLite."""

    oid = psycopg.adapters.types["int2"].oid

    def dump(self, obj: Any) -> Buffer | None:
        return b"1" if obj else b"0"


class PostgresCursor:
    """A `spooler.sql.cursor.Cursor` over psycopg's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._pipeline: psycopg.Pipeline | None = None
        self._rows: dict[str, list[Sequence[Any]]] = {}  # put off, by statement
        self._statements: dict[str, str] = {}  # whose rows these are, by table

    @contextmanager
    def pipelined(self) -> Iterator[None]:
        """Send what is executed without waiting for each answer; wait where one is asked for, and at the end.

        Rows for `executemany` are put off and sent together, of each table in the order in which they came. What
        fails is raised where the next answer is asked for, or at the end.
        """
        with self._connection.pipeline() as pipeline:
            self._pipeline = pipeline
            try:
                yield
                self._send_rows()
            finally:
                self._pipeline = None
                self._rows.clear()
                self._statements.clear()

    @property
    def rowcount(self) -> int:
        """See `Cursor.rowcount`."""
        if self._pipeline is not None:
            self._pipeline.sync()
        return self._cursor.rowcount

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Self:
        """See `Cursor.execute`."""
        self._send_rows()
        # In a pipeline the answers to all that one cursor executed are added up.
        self._cursor = self._connection.cursor()
        self._cursor.execute(_translated(sql), parameters)
        return self

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Self:
        """See `Cursor.executemany`."""
        if rows := list(parameters):
            if self._statements.setdefault(_table(sql), sql) != sql:
                self._send_rows()
                self._statements[_table(sql)] = sql
            self._rows.setdefault(sql, []).extend(rows)
            if self._pipeline is None:
                self._send_rows()
        return self

    def _send_rows(self) -> None:
        for sql, rows in self._rows.items():
            self._connection.cursor().executemany(_translated(sql), rows)
        self._rows.clear()
        self._statements.clear()

    def fetchone(self) -> Any:
        """See `Cursor.fetchone`."""
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """See `Cursor.fetchall`."""
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        """See `Cursor.__iter__`."""
        return iter(self._cursor.fetchall())


@cache
def _table(sql: str) -> str:
    """Return which table a statement for many rows changes."""
    found = _CHANGED.match(sql)
    assert found is not None, sql
    return found[1]


@cache
def _translated(sql: str) -> bytes:
    """Return a statement with `?` for parameters as psycopg wants it."""
    return _RESERVED.sub(r'"\1"', sql.replace("%", "%%").replace("?", "%s")).encode()


def parameters(url: str, name: str) -> dict[str, Any]:
    """Return what is asked of psycopg beside a URL, for all connections there are. Raises what psycopg raises."""
    said = psycopg.conninfo.conninfo_to_dict(url)
    secured = encryption(said, os.environ, _authorities())
    # Of several servers the one that is written to: what another one tells is late.
    wanted = said.get("target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS") or "read-write"
    return {
        "application_name": name,
        "options": _OPTIONS,
        "target_session_attrs": wanted,
        **_ALIVE,
        **secured,
    }


def _authorities() -> str:
    """Return the file of the authorities that this machine believes.

    libpq's own "system" is a folder of its OpenSSL, which in psycopg's wheel there is on no machine.
    """
    known = ssl.get_default_verify_paths()
    files = [known.cafile, *(f"{folder}/{_BUNDLE}" for folder in (known.capath, "/etc/ssl/certs") if folder)]
    return next((file for file in files if file and Path(file).is_file()), "system")


def connect(url: str, name: str) -> Connection:
    """Return a connection without transactions of its own. Raises what psycopg raises."""
    connection = TogetherConnection.connect(url, autocommit=True, **parameters(url, name))
    connection.adapters.register_dumper(bool, _BoolDumper)
    assert connection.adapters.get_dumper(bool, PyFormat.AUTO) is _BoolDumper
    return connection


async def connect_async(url: str, name: str) -> AsyncConnection:
    """`connect`, on the loop."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True, **parameters(url, name))


async def row_within(
    connection: AsyncConnection, sql: str, parameters: Sequence[Any], within_s: float
) -> Any:
    """Return the first row of an answer, None if it has none. Raises what psycopg raises, when it takes longer, too."""
    # To cancel would be to wait for the server again.
    deadline = asyncio.get_running_loop().call_later(within_s, cut, connection)
    try:
        return await (await connection.execute(_translated(sql), parameters)).fetchone()
    finally:
        deadline.cancel()


def cut(connection: Connection | AsyncConnection) -> None:
    """Let whoever waits for an answer on a connection have a failure instead; from any thread."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def on_unproven_commit(connection: Connection, tell: Callable[[str], object]) -> None:
    """Have `tell` called with the server's words when it answers a commit that its standby has not confirmed."""

    def heard(notice: psycopg.errors.Diagnostic) -> None:
        # The words are in the server's language, the function's name is not.
        if notice.source_function == "SyncRepWaitForLSN":
            tell(notice.message_primary or "")

    connection.add_notice_handler(heard)


async def notifications(url: str, name: str, channel: str) -> AsyncGenerator[str]:
    """Yield "" once it listens, then what is told on a channel. Raises what psycopg raises, when the line is cut, too.

    The first of a while is yielded at once; what comes right behind it lies in the socket for a moment, and comes together.
    """
    async with await connect_async(url, name) as connection:
        await connection.execute(f"LISTEN {channel}".encode())
        yield ""
        while True:
            async for told_us in connection.notifies(stop_after=1):
                yield told_us.payload
            await asyncio.sleep(_GATHERING_S)


def told(error: Exception, where: str) -> FabricError:
    """Return what a caller is told."""
    if isinstance(error, REFUSED_VALUES):
        return InvalidArgument(f"a value cannot be stored: {error}")
    if isinstance(error, psycopg.errors.DiskFull):
        return SpoolFull(f"no room for the database at {where}: {error}", database=where)
    text = " ".join(str(error).split())
    if is_refusal(error):
        return StoreUnavailable(
            f"the database at {where} does not take the user and password of the URL: {text}", database=where
        )
    if isinstance(error, CommitUnproven):
        return StoreUnavailable(f"a commit at {where} may not be at its standby: {text}", database=where)
    return StoreUnavailable(f"the database at {where} does not answer: {text}", database=where)


def is_refusal(error: Exception) -> bool:
    """Return whether each server that was reached refuses who connects: to ask again changes nothing."""
    answers = [line for line in str(error).splitlines() if "connection to server" in line]
    return bool(answers) and all(_REFUSED.search(line) for line in answers)


def is_deposed(error: Exception) -> bool:
    """Return whether a transaction failed because its member is none any more."""
    return isinstance(error, psycopg.Error) and error.sqlstate == DEPOSED


def concerns_all(error: Exception) -> bool:
    """Return whether the server or the connection failed, rather than one operation of a batch."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not is_race(error)


def is_locked(error: Exception) -> bool:
    """Return whether others had something locked for longer than was to be waited for."""
    return isinstance(error, psycopg.errors.LockNotAvailable)


def is_race(error: Exception) -> bool:
    """Return whether another spooler was faster: the same transaction may go well now."""
    return isinstance(error, _RACES)


def place_of(url: str) -> str:
    """Return where a database is, for messages: never its password.

    Raises:
        SettingsError: it is no URL, or a password with `/ @ %` as they are has been cut into what is no host.
    """
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its text shows what it could not read
        parts = {"host": "@"}
    host, port, name = parts.get("host") or parts.get("hostaddr"), parts.get("port"), parts.get("dbname")
    if any("@" in str(part) for part in (host, port, name)) or not re.fullmatch(r"[\d,]*", str(port or "")):
        raise SettingsError(
            "database: cannot be read as a URL; in its password / is written %2F, @ is %40, and % is %25"
        )
    return f"{host or 'local socket'}:{port or 5432}/{name or ''}"
