"""The lock of a database: of all spoolers on it, one writes, and the others stand by."""

from __future__ import annotations

import asyncio
import time

from chassis import logs
from chassis.errors import StoreUnavailable
from spooler.sql.postgres.connection import Connection, Failure, connect, place_of, told

log = logs.get(__name__)

_LOCK = 0x50465350  # the same number for every spooler
_LOOK_S = 0.1  # how often one that waits looks whether it is free


async def locked_connection(url: str, name: str, wait_s: float) -> Connection:
    """Return a connection that holds the lock until it is closed or breaks.

    name: who connects, for those who look at the server.
    wait_s: how long to stand by while another has the lock.

    Raises:
        StoreUnavailable: no such database, or another spooler has it for longer than `wait_s`.
    """
    where = place_of(url)
    try:
        connection = await asyncio.to_thread(connect, url, name)
        try:
            await _take(connection, where, time.monotonic() + wait_s)
        except BaseException:  # one that is told to stop while it stands by, too
            connection.close()
            raise
    except Failure as error:
        raise told(error, where) from error
    return connection


async def _take(connection: Connection, where: str, deadline: float) -> None:
    said = False
    while not await asyncio.to_thread(_try, connection):
        if time.monotonic() >= deadline:
            raise StoreUnavailable(f"another spooler has the database at {where}", database=where)
        if not said:
            log.info("stands by: another spooler has the database", database=where)
            said = True
        await asyncio.sleep(_LOOK_S)


def _try(connection: Connection) -> bool:
    found = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    return bool(found and found[0])
