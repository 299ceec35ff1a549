"""Who shares the database, and who owns which printer: rows, and the statements about them. See decision 0032."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from chassis import logs
from spooler.membership import Member, Standing
from spooler.sql.cursor import Cursor
from spooler.sql.postgres import asks
from spooler.sql.postgres.connection import DEPOSED

log = logs.get(__name__)

_JOINING = 0x50465353  # held while a member joins: no two of one name at once
_MEMBERS = 0x50465351  # advisory locks of members: (this number, the member's epoch); the view names it too
TABLES = (
    """CREATE TABLE replicas (
        epoch BIGINT PRIMARY KEY, name TEXT NOT NULL, lease_until TIMESTAMPTZ NOT NULL,
        leaving BOOLEAN NOT NULL DEFAULT false
    )""",
    "CREATE TABLE owners (printer TEXT PRIMARY KEY, epoch BIGINT NOT NULL)",
    # Members whose connection stands, and the server's process behind it.
    """CREATE VIEW connected AS SELECT objid::bigint AS epoch, pid FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 1346786129 AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""",
)
FUNCTIONS = (
    f"""CREATE OR REPLACE FUNCTION stay_member(wanted BIGINT) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        PERFORM 1 FROM replicas WHERE epoch = wanted FOR KEY SHARE;
        IF NOT FOUND THEN RAISE EXCEPTION 'deposed' USING ERRCODE = '{DEPOSED}'; END IF;
    END $$""",
)
_LOOK = """
    SELECT name, epoch, leaving, lease_until > now() AND epoch IN (SELECT epoch FROM connected)
    FROM replicas ORDER BY epoch
"""
_LIVES = """
    SELECT epoch, lease_until FROM replicas
    WHERE name = ? AND lease_until > now() AND epoch IN (SELECT epoch FROM connected)
"""
# Its renewals wait behind this lock, its open transaction does not stand in its way.
_STILL_SILENT = "SELECT 1 FROM replicas WHERE epoch = ? AND lease_until = ? FOR NO KEY UPDATE"
# Whatever a stopped process left locked is free after this.
_END_BACKEND = "SELECT pg_terminate_backend(pid) FROM connected WHERE epoch = ?"
_NEXT_EPOCH = "UPDATE meta SET value = (value::bigint + 1)::text WHERE key = 'epoch' RETURNING value"
# Renews, and says in the same breath whether the writer is connected there, and who is there: as the look would see them.
RENEW = """
    WITH standing AS MATERIALIZED (SELECT epoch FROM connected)
    UPDATE replicas AS mine SET lease_until = now() + make_interval(secs => ?) WHERE epoch = ?
    RETURNING epoch IN (SELECT epoch FROM standing), (
        SELECT string_agg(concat_ws(' ', epoch, leaving, lease_until > now() AND epoch IN (SELECT epoch FROM standing)),
            ',' ORDER BY epoch) FROM replicas)
"""
_CLAIM = "INSERT INTO owners (printer, epoch) VALUES (?, ?) ON CONFLICT (printer) DO UPDATE SET epoch = excluded.epoch"


class Beat(NamedTuple):
    """A member's last sign of life: who it was, and until when its lease ran then."""

    epoch: int
    lease_until: Any  # as the server gave it: compared, never calculated with


class NameTaken(Exception):
    """A member of this name lives."""

    def __init__(self, name: str, last: Beat) -> None:
        super().__init__(name)
        self.last = last


def next_epoch(cursor: Cursor) -> int:
    """Return a number greater than any before."""
    return int(cursor.execute(_NEXT_EPOCH).fetchone()[0])


def join(cursor: Cursor, name: str, lease_s: float, silent: Beat | None = None) -> int:
    """Become a member, on the connection that will write; return this run's epoch.

    Printers are spread by members' names, and hosts know them by these.

    silent: the last sign of life of a member of this name; it is put out unless it has given another.

    Raises:
        NameTaken: a member of this name lives.
    """
    cursor.execute("BEGIN")
    cursor.execute("SELECT pg_advisory_xact_lock(?)", (_JOINING,))
    if (row := cursor.execute(_LIVES, (name,)).fetchone()) is not None:
        last = Beat(*row)
        if last != silent or cursor.execute(_STILL_SILENT, last).fetchone() is None:
            cursor.execute("ROLLBACK")
            raise NameTaken(name, last)
        cursor.execute(_END_BACKEND, (last.epoch,))
        asks.forget_of(cursor, last.epoch)
        remove(cursor, last.epoch)  # waits for the end of what it left open
        log.warning("put out the last run of this name, for it was silent", member=name, epoch=last.epoch)
    epoch = next_epoch(cursor)
    cursor.execute("SELECT pg_advisory_lock(?, ?)", (_MEMBERS, epoch))
    cursor.execute(
        "INSERT INTO replicas (epoch, name, lease_until) VALUES (?, ?, now() + make_interval(secs => ?))",
        (epoch, name, lease_s),
    )
    cursor.execute("COMMIT")
    return epoch


def look(cursor: Cursor) -> Standing:
    """Return who is there, and whose the printers are."""
    members = [Member(name, epoch, alive, leaving) for name, epoch, leaving, alive in cursor.execute(_LOOK)]
    known = {member.epoch for member in members}
    rows = cursor.execute("SELECT printer, epoch FROM owners")
    return Standing(members, {printer: epoch for printer, epoch in rows if epoch in known})


def stay(cursor: Cursor, epoch: int) -> None:
    """Let the transaction fail unless a member is one still; who would depose it waits for the transaction's end.

    The server raises it: nothing that was sent behind it is done, and nobody has to wait for the answer first.
    """
    cursor.execute("SELECT stay_member(?)", (epoch,))


def leave(cursor: Cursor, epoch: int) -> None:
    """Mark a member that takes no printers any more."""
    cursor.execute("UPDATE replicas SET leaving = true WHERE epoch = ?", (epoch,))


def end_backend(cursor: Cursor, epoch: int) -> bool:
    """End the connection of a member that is not alive, and whatever transaction it left open; False: it is alive."""
    if epoch not in {one.epoch for one in look(cursor).members if not one.alive}:
        return False
    cursor.execute(_END_BACKEND, (epoch,))
    return True


def remove(cursor: Cursor, epoch: int) -> bool:
    """Forget a member; its printers are nobody's. False: it was gone."""
    gone = cursor.execute("DELETE FROM replicas WHERE epoch = ?", (epoch,)).rowcount
    cursor.execute("DELETE FROM owners WHERE epoch = ?", (epoch,))
    return bool(gone)


def claim(cursor: Cursor, epoch: int, printers: Collection[str]) -> int | None:
    """Make printers a member's; the rules are `Membership.claim`'s."""
    cursor.execute(
        "LOCK TABLE owners IN SHARE ROW EXCLUSIVE MODE"
    )  # one claim at a time: rows may be missing yet
    held = look(cursor).owners
    if any(held.get(printer, epoch) != epoch for printer in printers):
        return None
    cursor.executemany(_CLAIM, [(printer, epoch) for printer in printers])
    return next_epoch(cursor)


def release(cursor: Cursor, epoch: int, printers: Collection[str]) -> None:
    """Make printers of a member nobody's."""
    cursor.execute("DELETE FROM owners WHERE epoch = ? AND printer = ANY(?)", (epoch, list(printers)))
