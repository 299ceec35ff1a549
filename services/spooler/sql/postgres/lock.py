"""The lock of a database: spoolers share it; who moves a store there, and spoolers that know no sharing, have it alone."""

from __future__ import annotations

import asyncio
import time

from chassis import logs
from chassis.errors import StoreUnavailable
from spooler.sql.postgres.connection import (
    Connection,
    Failure,
    concerns_all,
    connect,
    is_refusal,
    place_of,
    told,
)

log = logs.get(__name__)

_LOCK = 0x50465350  # the same number for everybody
_LOOK_S = 0.1  # how often one that waits looks whether it is free
_AGAIN_S = 0.5  # how often a server is tried that did not answer, or that cannot be written to


async def locked_connection(url: str, name: str, wait_s: float, *, shared: bool = False) -> Connection:
    """Return a connection that holds the lock until it is closed or breaks.

    name: who connects, for those who look at the server.
    wait_s: how long to stand by while no server answers that can be written to, or another has the lock.
    shared: together with others that share it.

    Raises:
        StoreUnavailable: no such database, or another has it for longer than `wait_s`.
    """
    where, deadline = place_of(url), time.monotonic() + wait_s
    try:
        connection = await _connected(url, name, where, deadline)
        try:
            await _take(connection, where, deadline, shared)
        except BaseException:  # one that is told to stop while it stands by, too
            connection.close()
            raise
    except Failure as error:
        raise told(error, where) from error
    return connection


async def _connected(url: str, name: str, where: str, deadline: float) -> Connection:
    """Connect as soon as a server lets us, or at once not at all when it knows us not. Raises what psycopg raises."""
    said = False
    while True:
        try:
            return await asyncio.to_thread(connect, url, name)
        except Failure as error:
            if is_refusal(error) or not concerns_all(error) or time.monotonic() >= deadline:
                raise
            if not said:
                log.warning("stands by: the database does not let us in", why=told(error, where).message)
                said = True
        await asyncio.sleep(_AGAIN_S)


async def _take(connection: Connection, where: str, deadline: float, shared: bool) -> None:
    said = False
    while not await asyncio.to_thread(_try, connection, shared):
        if time.monotonic() >= deadline:
            raise StoreUnavailable(f"another spooler has the database at {where}", database=where)
        if not said:
            log.info("stands by: another spooler has the database", database=where)
            said = True
        await asyncio.sleep(_LOOK_S)


def _try(connection: Connection, shared: bool) -> bool:
    kind = "_shared" if shared else ""
    found = connection.execute(f"SELECT pg_try_advisory_lock{kind}(%s)".encode(), (_LOCK,)).fetchone()
    return bool(found and found[0])
