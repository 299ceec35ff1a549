"""A spooler on PostgreSQL: what was accepted outlives the spooler, the connection and the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import StoreUnavailable
from printfabric_client import new_job
from printfabric_client.sync import Client
from spooler.sql.postgres.store import PostgresStore
from tests.rig.papers import numbered, read_stream
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric, spooler_settings
from tests.rig.receivers import PtyReceiver

JOBS = 120


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_jobs_come_out_once_and_in_order_whatever_is_killed(tmp_path: Path):
    with postgres_server(durable=True) as server:
        _strike(tmp_path, server)


def _strike(tmp_path: Path, server: PostgresServer) -> None:
    receiver = PtyReceiver("COM1:", rate=60_000)  # slow enough that something is left behind each strike
    documents = numbered(JOBS, 7)
    size = sum(map(len, documents))
    url = server.database()
    accepted: dict[int, str] = {}
    with (
        real_fabric(tmp_path, [receiver], spooler=f'database = "{url}"') as fabric,
        fabric.client() as client,
    ):
        # A host proves that it never saw a document of a job that is younger than its journal, which begins here.
        assert printed(client.wait(client.submit(b"", printer="com1").number, timeout_s=40))
        sender = threading.Thread(target=_submit, args=(client, documents, accepted), daemon=True)
        sender.start()
        for strike in (
            _kill_spooler,
            lambda fabric: _cut(fabric, server, url),
            lambda fabric: _crash(fabric, server),
        ):
            aim = min(receiver.count + 40_000, size)  # all is out where a machine is that slow
            wait_until(lambda to=aim: receiver.count >= to)  # type: ignore[misc]
            strike(fabric)
        receiver.rate = 0
        sender.join(60)
        assert len(accepted) == JOBS
        numbers = {}
        for document, name in accepted.items():
            job = client.wait(name, timeout_s=40, or_decision=True)
            assert printed(job), brief(job)
            numbers[document] = job.number
        papers = read_stream(receiver.settled(), documents)
        assert sorted(papers.whole) == list(range(JOBS)), "a job is missing, or there twice"
        order = [numbers[document] for document in papers.whole]
        assert order == sorted(order)
    assert not list((tmp_path / "sp").glob("**/*")), "something was kept beside the database"


def _submit(client: Client, documents: list[bytes], accepted: dict[int, str]) -> None:
    jobs = [
        new_job(document, printer="com1", request_id=f"r{number}")
        for number, document in enumerate(documents)
    ]
    for result in client.submit_many(jobs, in_flight=20):
        assert not result.HasField("error"), str(result)
        accepted[result.index] = result.job


def _kill_spooler(fabric: RealFabric) -> None:
    fabric.spooler.kill()
    fabric.spooler.start()


def _cut(fabric: RealFabric, server: PostgresServer, url: str) -> None:
    """End the spooler's connections: it ends too, for another may have its database by now."""
    assert server.end_connections(url)
    wait_until(lambda: not fabric.spooler.runs, why="the spooler goes on without its database")
    fabric.spooler.start()


def _crash(fabric: RealFabric, server: PostgresServer) -> None:
    server.kill()
    server.start()
    wait_until(lambda: not fabric.spooler.runs, why="the spooler goes on without its database")
    fabric.spooler.start()


@pytest.mark.slow
def test_a_second_spooler_of_the_same_name_ends_and_says_why(tmp_path: Path, server: PostgresServer):
    url = server.database()

    def spooler(folder: str, takeover_s: int) -> Program:
        own = tmp_path / folder
        own.mkdir()
        more = f'database = "{url}"\nspooler_id = "s1"\nstandby_s = 0\ntakeover_s = {takeover_s}'
        return Program("spooler", own, spooler_settings(own / "sp", "127.0.0.1:9", {}, more))

    first, second = spooler("first", 600), spooler("second", 3)
    try:
        first.start()
        with pytest.raises(AssertionError, match="ended with 69") as ended:
            second.start()
        assert "another fabric-spooler s1 is on the database" in str(ended.value)
        assert first.runs
    finally:
        first.stop()
        second.stop()


async def test_a_database_that_is_not_a_spoolers_is_left_alone(server: PostgresServer):
    import psycopg  # noqa: PLC0415 - a guest's table is made with the guest's own tools

    url = server.database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE jobs (number int)")
    with pytest.raises(StoreUnavailable, match="another program"):
        await PostgresStore.open(url)


async def test_a_password_is_in_no_message():
    url = "postgresql://spool:geheim@127.0.0.1:1/spool"
    with pytest.raises(StoreUnavailable) as caught:
        await PostgresStore.open(url, wait_s=0)
    assert "127.0.0.1:1/spool" in str(caught.value)
    assert "geheim" not in str(caught.value)
