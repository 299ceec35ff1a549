"""A crash between any two commits: what has changed is in the history, and what the history says has been changed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chassis.errors import DeadlineExceeded, FabricError, HostUnreachable, InvalidSettings
from printfabric.spooler.v1 import registry_service_pb2 as registry_pb
from spooler.managed import ManagedPorts
from spooler.printer import PortName
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.store import SqlStore
from tests.fabric.spooler_rig import access_of_people, spooler_running
from tests.fabric.test_audit_of_all import CALL_ROWS, ROWS, Scene, call_all
from tests.rig.audited_commits import Ask, AuditedCommits
from tests.rig.postgres import PostgresServer, postgres_server

Opened = tuple[Callable[[Path], Awaitable[SqlStore | PostgresStore]], Ask]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: Any, tmp_path: Path) -> Iterator[Opened]:
    """How the store is opened, and how anybody else may ask it meanwhile."""
    (tmp_path / "state").mkdir()
    if request.param == "sqlite":

        def ask(question: str) -> Sequence[Sequence[Any]]:
            with closing(sqlite3.connect(tmp_path / "state" / "spooler.db")) as connection:
                return connection.execute(question).fetchall()

        yield SqlStore.open, ask
        return
    url = request.getfixturevalue("server").database()
    with psycopg.connect(url, autocommit=True) as connection:
        yield (
            lambda _folder: PostgresStore.open(url),
            lambda question: connection.execute(question.replace("%", "%%")).fetchall(),
        )


@asynccontextmanager
async def at_a_spooler(
    tmp_path: Path, opened: Opened, who: str = "ada"
) -> AsyncIterator[tuple[Scene, AuditedCommits]]:
    """Run a spooler whose commits are looked at; `who` calls it, "": anybody may do anything."""
    (tmp_path / "people").mkdir()
    opening, ask = opened
    access = access_of_people(tmp_path / "people") if who else None
    async with (
        spooler_running(tmp_path / "state", access=access, opening=opening) as rig,
        AsyncExitStack() as stack,
    ):
        caller = await stack.enter_async_context(rig.as_caller(who, tmp_path / "people")) if who else rig
        commits = AuditedCommits(ask)
        commits.attach(rig.parts["store"])
        await rig.add_printer()
        await rig.add_printer("spare", "P2:")
        yield Scene(caller), commits


async def test_each_commit_of_each_act_has_its_line_with_it(tmp_path: Path, opened: Opened) -> None:
    async with at_a_spooler(tmp_path, opened) as (scene, commits):
        for row in ROWS:
            before = commits.commits
            await row.act(scene)
            assert commits.faults == [], row.method
            assert commits.commits > before, row.method


async def test_each_commit_of_windows_calls_has_its_line_with_it(tmp_path: Path, opened: Opened) -> None:
    async with at_a_spooler(tmp_path, opened) as (scene, commits):
        async for row in call_all(scene):
            assert commits.faults == [], row.function
        assert commits.commits > len(CALL_ROWS)


async def test_what_hosts_and_resources_leave_has_its_line_with_it(tmp_path: Path, opened: Opened) -> None:
    async with at_a_spooler(tmp_path, opened, who="") as (scene, commits):
        rig = scene.rig
        await rig.registry.PutHostConfig(registry_pb.PutHostConfigRequest(host="edge", document=b"{}"))
        managed, port = ManagedPorts(rig.store), PortName("edge", "P1:")
        before = commits.commits
        await managed.claim(port, "resource:print/till-3")
        await managed.claim(port, "resource:print/till-3")  # it is already
        await managed.release(port)
        assert commits.commits == before + 2
        assert commits.faults == []


AT_HOSTS = [row for row in ROWS if row.method in ("AddPort", "ConfigurePort", "DeletePort", "XcvData")]


@pytest.mark.parametrize("error", [HostUnreachable("gone"), DeadlineExceeded("late"), InvalidSettings("no")])
async def test_what_a_host_is_asked_to_do_is_in_the_history_before_it_does_it(
    tmp_path: Path, opened: Opened, error: FabricError
) -> None:
    async with at_a_spooler(tmp_path, opened) as (scene, _commits):
        _opening, ask = opened
        at_the_host: list[tuple[str, str, str]] = []

        def done(command: str) -> None:
            if command in ("AddPort", "ConfigPort", "DeletePort"):
                at_the_host.append(_newest(ask))
                raise error  # whether it was done, nobody hears

        scene.rig.link.on_done = done
        for row in AT_HOSTS:
            with pytest.raises(type(error)):
                await row.act(scene)
            asked = ("asked-of-host", "token:ada", row.kind)
            assert at_the_host.pop() == asked, row.method
            refused = isinstance(error, InvalidSettings)
            assert (_newest(ask) == asked) is not refused, row.method


def _newest(ask: Ask) -> tuple[str, str, str]:
    ((what, who, detail),) = ask("SELECT what, who, detail FROM history ORDER BY id DESC LIMIT 1")
    return what, who, detail.partition(" ")[0].rstrip(":")
