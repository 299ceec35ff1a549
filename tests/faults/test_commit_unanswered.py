"""The connection to the database breaks between a commit and its answer: nobody was told OK, and the job is there."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from printfabric_client.errors import FabricError
from printfabric_client.retry import Retry
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import PtyReceiver

pytestmark = pytest.mark.timeout(180)
_COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"  # CommandComplete of PostgreSQL's protocol
NAME = "job of which nobody hears"
DOCUMENT = b"^XA^FDonce^FS^XZ"


class LosesTheAnswer(CuttingProxy):
    """Before a database: the answer to the commit that has `NAME` in it does not get through, once."""

    def __init__(self, target: str) -> None:
        self.lost = threading.Event()
        self._names_it: socket.socket | None = None
        super().__init__(target)

    def _passes(self, connection: socket.socket, data: bytes, *, to_target: bool) -> bool:
        if self.lost.is_set():
            return True
        if to_target and NAME.encode() in data:
            self._names_it = connection
        if not to_target and connection is self._names_it and _COMMITTED in data:
            self.lost.set()
            return False
        return True


def test_a_job_whose_commit_was_not_answered_is_there_once_and_comes_out_once(tmp_path: Path):
    with postgres_server() as server:
        proxy = LosesTheAnswer(server.socket)
        try:
            _lose_the_answer(tmp_path, server, proxy)
        finally:
            proxy.close()


def _lose_the_answer(folder: Path, server: PostgresServer, proxy: LosesTheAnswer) -> None:
    direct = server.database()
    name = direct.partition("@/")[2].partition("?")[0]
    receiver = PtyReceiver("COM1:")
    settings = f'database = "postgresql://spool@{proxy.address}/{name}"'
    with real_fabric(folder, [receiver], spooler=settings) as fabric:
        with fabric.client(retry=Retry(total_s=0)) as client, pytest.raises(FabricError):
            client.submit(DOCUMENT, printer="com1", request_id=NAME)
        assert proxy.lost.is_set()
        wait_until(lambda: not fabric.spooler.runs, why="the spooler goes on without its database")
        [(number,)] = server.ask(direct, "SELECT number FROM jobs")
        assert receiver.count == 0, "it was printed before it was known to be durable"

        fabric.spooler.start()
        with fabric.client() as client:
            again = [client.submit(DOCUMENT, printer="com1", request_id=NAME) for _ in range(2)]
            assert [job.number for job in again] == [number, number]
            job = client.wait(again[0].name, timeout_s=60, or_decision=True)
            assert printed(job), brief(job)
        assert receiver.settled() == DOCUMENT
        assert server.ask(direct, "SELECT count(*) FROM jobs") == [(1,)]
