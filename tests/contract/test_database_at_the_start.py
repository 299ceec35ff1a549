"""A spooler that starts before its database can be written to: it stands by, and goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from chassis.errors import StoreUnavailable
from spooler.sql.postgres.connection import is_refusal
from spooler.sql.postgres.store import PostgresStore
from tests.rig.postgres import postgres_server
from tests.rig.programs import wait_until

pytestmark = pytest.mark.timeout(120)


async def opens_after(url: str, change: asyncio.Future[None]) -> list[str]:
    """Open a store that is not let in before a change; return what it said meanwhile."""
    with capture_logs() as said:
        opening = asyncio.ensure_future(PostgresStore.open(url, wait_s=60))
        async with asyncio.timeout(60):
            while not said:
                assert not opening.done(), opening.exception()
                await asyncio.sleep(0.05)
            change.set_result(None)
            store = await opening
    await store.close()
    return [str(line["why"]) for line in said if str(line["event"]).startswith("stands by: the database")]


async def test_a_server_that_is_not_there_yet_is_waited_for_and_named_once() -> None:
    with postgres_server() as server:
        url = server.database()
        server.stop()
        there = asyncio.get_running_loop().create_future()
        starting = asyncio.ensure_future(_start(server.start, there))
        (why,) = await opens_after(url, there)
        await starting
        assert "does not answer" in why


async def _start(start: Callable[[], object], when: asyncio.Future[None]) -> None:
    await when
    await asyncio.to_thread(start)


async def test_a_server_that_cannot_be_written_to_is_waited_for() -> None:
    with postgres_server() as server:
        url, admin = server.database(), server.url("postgres")
        server.ask(admin, "ALTER SYSTEM SET default_transaction_read_only = on")
        server.ask(admin, "SELECT pg_reload_conf()")
        there = asyncio.get_running_loop().create_future()

        def become() -> None:
            server.ask(admin, "ALTER SYSTEM RESET default_transaction_read_only")
            server.ask(admin, "SELECT pg_reload_conf()")

        becoming = asyncio.ensure_future(_start(become, there))
        (why,) = await opens_after(url, there)
        await becoming
        assert "read-only" in why


async def test_after_its_patience_it_ends_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await PostgresStore.open(f"postgresql://spool@/spool?host={tmp_path}", wait_s=0.6)


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("spool:geheim@", "password authentication failed"),
        ("spool@", "no password supplied"),
        ("stranger:geheim@", "no pg_hba.conf entry"),
    ],
)
async def test_a_user_whom_the_server_does_not_let_in_is_told_so_at_once(user: str, said: str) -> None:
    with postgres_server() as server:
        url, admin = server.database(), server.url("postgres")
        server.ask(admin, "ALTER USER spool PASSWORD 'right'")
        (server.folder / "data" / "pg_hba.conf").write_text("local all spool scram-sha-256\n", "utf-8")
        server.ask(admin, "SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            await asyncio.to_thread(wait_until, lambda: not _lets_in(url))  # by its former rules
            with pytest.raises(
                StoreUnavailable, match=f"does not take the user and password.*{said}"
            ) as caught:
                await PostgresStore.open(url.replace("spool@", user), wait_s=600)
        assert "geheim" not in str(caught.value)


def _lets_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (
            'FATAL:  password authentication failed for user "a"',
            "FATAL:  the database system is starting up",
            False,
        ),
        ('FATAL:  password authentication failed for user "a"', "Connection refused", False),
        ('FATAL:  role "a" does not exist', 'FATAL:  password authentication failed for user "a"', True),
        ("FATAL:  sorry, too many clients already", 'FATAL:  database "b" does not exist', False),
    ],
)
def test_of_several_servers_one_that_may_let_us_in_yet_is_waited_for(
    first: str, second: str, refused: bool
) -> None:
    text = (
        f'connection failed: connection to server at "b", port 2 failed: {second}\n'
        "Multiple connection attempts failed. All failures were:\n"
        f"- host: 'a': connection failed: connection to server at \"a\", port 1 failed: {first}\n"
        f"- host: 'b': connection failed: connection to server at \"b\", port 2 failed: {second}"
    )
    assert is_refusal(psycopg.OperationalError(text)) is refused
