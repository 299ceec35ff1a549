"""What SQLite's failures mean to a caller."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chassis.errors import FabricError, InvalidArgument, SpoolFull, StoreUnavailable

_UNREADABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# Not one operation's fault: the whole batch fails, and trying its members one by one is of no use.
_ALL_ALIKE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_NOMEM,
        *_UNREADABLE,
    }
)

REFUSED_VALUES = (OverflowError, UnicodeEncodeError)  # a number of more than 64 bits; text that is no Unicode


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, without the extension; -1 if the driver gave none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else -1


def concerns_all(error: Exception) -> bool:
    """Return whether the disk or the file failed, rather than one operation of a batch."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in _ALL_ALIKE


def told(error: Exception, path: Path) -> FabricError:
    """Return what a caller is told."""
    if isinstance(error, REFUSED_VALUES):
        return InvalidArgument(f"a value cannot be stored: {error}")
    if not isinstance(error, sqlite3.Error):
        return StoreUnavailable(f"the store failed: {error}", path=path)
    if not concerns_all(error):
        return StoreUnavailable(f"the database {path} refuses it: {error}", path=path)
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return SpoolFull(f"no room for the database {path}", path=path)
    if code in _UNREADABLE:
        return unreadable(path, str(error))
    name = getattr(error, "sqlite_errorname", "")
    return StoreUnavailable(f"the database {path} does not answer: {error}", path=path, sqlite=name)


def unreadable(path: Path, detail: str) -> StoreUnavailable:
    """Return the error for a file that is damaged or not ours, with what to do about it."""
    return StoreUnavailable(
        f"{path} cannot be used as a spooler database: {detail}; nothing was changed. Put a good copy in its place "
        f"(with its -wal file, if there is one), or move {path.name}, {path.name}-wal and {path.name}-shm away to "
        "begin with an empty store",
        path=path,
        detail=detail,
    )
