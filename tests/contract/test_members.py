"""Members of one database: who lives, who owns, and that nobody writes who was put out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import psycopg
import pytest

from chassis.errors import FabricError, RequestIdReused, StoreUnavailable
from spooler.job import Job
from spooler.membership import Answer, Ask, News
from spooler.new_job import Duplicate, Inline, NewJob
from spooler.printer import PortName, Printer
from spooler.sql.postgres import members
from spooler.sql.postgres.connection import connect
from spooler.sql.postgres.members import NameTaken
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.postgres.writer import PostgresWriter
from spooler.store import Changes
from tests.fabric.dispatch_rig import eventually
from tests.rig.postgres import PostgresServer, postgres_server

Opening = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.database()


@pytest.fixture
async def member(url: str) -> AsyncIterator[Opening]:
    opened: list[PostgresStore] = []

    async def join(name: str, lease_s: float = 30.0, wait_s: float = 5.0) -> PostgresStore:
        opened.append(store := await PostgresStore.open(url, name, wait_s, lease_s))
        return store

    yield join
    for store in opened:
        await store.close()


def part(store: PostgresStore) -> Any:
    return store.membership


async def put_out(one: Any, other: Any) -> None:
    """Wait until a member's lease has run out, and put it out."""
    await eventually(lambda: one.depose(other.me), bool)


async def test_who_was_put_out_commits_nothing_more(member: Opening):
    stopped, living = await member("stopped", 0.3), await member("living")
    await stopped.create_printer(Printer("labels", (PortName("edge", "COM1:"),)))
    assert await part(stopped).claim({"labels"})
    (job,) = await stopped.accept([NewJob("labels", Inline(b"x" * 100_000))])
    assert isinstance(job, Job)
    await put_out(part(living), part(stopped))
    with pytest.raises(StoreUnavailable):
        await stopped.record(Changes(drop_documents=[job.number]))
    with pytest.raises(StoreUnavailable):
        await stopped.died()
    assert await living.read(job.number, 0, 200_000) == b"x" * 100_000
    assert await part(living).claim({"labels"})


async def test_a_row_that_is_gone_refuses_a_late_commit_although_the_connection_stands(
    member: Opening, server: PostgresServer, url: str
):
    stopped, living = await member("stopped"), await member("living")
    await living.create_printer(Printer("labels"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM replicas WHERE epoch = %s", (part(stopped).me,))
    with pytest.raises(StoreUnavailable, match="have taken its printers"):
        await stopped.accept([NewJob("labels", Inline(b"late"))])
    assert (await living.list_jobs()).jobs == []


async def test_a_printer_has_one_owner_and_each_owner_a_higher_epoch(member: Opening):
    first, second = await member("first"), await member("second")
    epoch = await part(first).claim({"labels", "receipts"})
    assert epoch is not None
    assert await part(second).claim({"receipts", "tickets"}) is None
    assert (await part(second).look()).owners == {"labels": part(first).me, "receipts": part(first).me}
    await part(first).release({"receipts"})
    later = await part(second).claim({"receipts", "tickets"})
    assert later is not None
    assert later > epoch


async def test_who_ends_is_gone_at_once_and_who_lives_is_left_alone(member: Opening):
    first, second = await member("first"), await member("second")
    assert not await part(second).depose(part(first).me)
    await part(first).claim({"labels"})
    await first.close()
    standing = await part(second).look()
    assert [one.name for one in standing.members] == ["second"]
    assert standing.owners == {}


async def test_two_of_one_name_are_not_on_one_store_and_the_second_is_told_why(member: Opening):
    first = await member("twin")
    with pytest.raises(StoreUnavailable, match="another twin is on the database at .* spooler_id of its own"):
        await alive_meanwhile(first, member("twin", lease_s=0.1, wait_s=6.0))
    assert [one.name for one in (await part(first).look()).members] == ["twin"]
    await first.next_epoch()


async def alive_meanwhile(store: PostgresStore, doing: Coroutine[Any, Any, PostgresStore]) -> None:
    """Let a member's lease be renewed, as its spooler does, for as long as something takes."""

    async def beat() -> None:
        while True:
            await part(store).beat()
            await asyncio.sleep(1.0)

    beating = asyncio.ensure_future(beat())
    try:
        await doing
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def test_a_run_that_gives_no_sign_of_life_makes_room_for_the_next_of_its_name(member: Opening):
    first = await member("again", lease_s=600.0)
    await part(first).claim({"labels"})
    async with asyncio.timeout(30):
        second = await member("again", lease_s=600.0)
    assert [one.epoch for one in (await part(second).look()).members] == [part(second).me]
    with pytest.raises(StoreUnavailable):
        await first.next_epoch()
    assert await part(second).claim({"labels"})


async def test_what_a_silent_run_has_left_open_lets_the_next_of_its_name_wait_no_longer(
    url: str, member: Opening
):
    stopped = PostgresWriter(connect(url, "again"), "here", "again", 600.0)
    stopped._cursor.execute("BEGIN")
    members.stay(stopped._cursor, stopped.me)  # its row is locked, as by each of its transactions
    async with asyncio.timeout(30):
        await member("again", lease_s=600.0)
    stopped.close()


async def test_a_run_that_was_put_out_is_none_that_may_speak_in_its_name(member: Opening):
    first, other = await member("first", 0.3), await member("other")
    assert await part(first).is_member()
    await put_out(part(other), part(first))
    assert not await part(first).is_member()


async def test_of_those_of_one_name_that_come_at_once_one_is_taken(url: str):
    await (await PostgresStore.open(url)).close()  # the tables are there

    def join() -> PostgresWriter | None:
        try:
            return PostgresWriter(connect(url, "twin"), "here", "twin", 30.0)
        except NameTaken:
            return None

    found = await asyncio.gather(*(asyncio.to_thread(join) for _ in range(4)))
    (writer,) = [one for one in found if one is not None]
    writer.close()


async def test_who_comes_back_waits_for_what_is_left_of_its_last_run(member: Opening):
    await member("again", lease_s=1.0)  # it stands still from now on
    second = await member("again", wait_s=30)
    assert [one.alive for one in (await part(second).look()).members] == [False, True]


async def test_a_connection_that_broke_is_seen_before_its_lease_runs_out(
    member: Opening, server: PostgresServer, url: str
):
    first, second = await member("first"), await member("second")
    server.end_connections(url, "first")
    await put_out(part(second), part(first))


async def test_numbers_rise_over_members_and_one_request_makes_one_job(member: Opening):
    members = [await member(name) for name in ("a", "b", "c")]
    await members[0].create_printer(Printer("labels"))
    last = 0
    for turn in range(9):
        (job,) = await members[turn % 3].accept([NewJob("labels", Inline(b"x"))])
        assert job.number > last
        last = job.number
    new = NewJob("labels", Inline(b"once"), owner="me", request_id="r")
    answers = await asyncio.gather(*(one.accept([new]) for one in members for _ in range(5)))
    made = [answer for (answer,) in answers if isinstance(answer, Job)]
    assert len(made) == 1
    assert all(isinstance(answer, Duplicate) for (answer,) in answers if answer is not made[0])
    (other,) = await members[1].accept([NewJob("labels", Inline(b"other"), owner="me", request_id="r")])
    assert isinstance(other, RequestIdReused)


async def test_no_job_is_accepted_for_a_printer_that_another_member_has_deleted(member: Opening):
    first, second = await member("first"), await member("second")
    await first.create_printer(Printer("labels"))
    await second.delete_printer("labels")
    (answer,) = await first.accept([NewJob("labels", Inline(b"x"))])
    assert isinstance(answer, FabricError)
    assert answer.reason == "PRINTER_NOT_FOUND"


async def test_what_one_writes_the_others_hear_of(member: Opening):
    first, second = await member("first"), await member("second")
    heard: list[News] = []
    listening = asyncio.Event()

    async def listen() -> None:
        async for news in part(second).news():
            heard.append(news)
            listening.set()

    task = asyncio.ensure_future(listen())
    try:
        async with asyncio.timeout(30):
            await listening.wait()
            assert heard[0].lost
            await first.create_printer(Printer("labels"))
            (job,) = await first.accept([NewJob("labels", Inline(b"x"))])
            number = await part(first).ask(part(second).me, Ask("HoldJob", b"request", "{}"))
            while not {number} <= heard[-1].asks:
                listening.clear()
                await listening.wait()
            assert any(news.printers for news in heard)
            assert {job.number} <= frozenset().union(*(news.jobs for news in heard))
            assert await part(second).open_asks() == [number]
            assert await part(second).take_ask(number) == Ask("HoldJob", b"request", "{}")
            assert await part(second).take_ask(number) is None
            assert not await part(first).withdraw(number)
            assert await part(first).take_answer(number) is None
            await part(second).answer(number, Answer(b"response", b""))
            assert await part(first).take_answer(number) == Answer(b"response", b"")
    finally:
        task.cancel()
        await asyncio.wait([task])
