"""Several spoolers on one store: each unit comes out once, whoever of them is killed, stopped or replaced."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from printfabric.types.v1.job_pb2 import JobState
from printfabric_client.errors import FabricError
from printfabric_client.retry import Retry
from tests.rig.papers import numbered, read_stream
from tests.rig.postgres import postgres_server
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, printed
from tests.rig.receivers import PtyReceiver
from tests.rig.replicas import ReplicaFabric, replica_fabric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PORTS = ("COM1:", "COM2:", "COM3:")
MOST = 2000  # jobs over all printers; so many as the strikes take are sent
AHEAD = 300_000  # bytes that were sent and are not on paper, at most about
RATE = 60_000  # bytes a second


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[ReplicaFabric]:
    receivers = [PtyReceiver(port) for port in PORTS]
    with postgres_server(durable=True) as server, replica_fabric(tmp_path, server, receivers) as fabric:
        fabric.wait_for_owners()
        yield fabric


class Load:
    """Submits numbered documents until it is judged, now here, now there, and holds the papers against them."""

    def __init__(self, fabric: ReplicaFabric) -> None:
        self.documents = numbered(MOST, 11)
        self._enough = threading.Event()
        self.accepted: dict[int, str] = {}
        self._run = uuid.uuid4().hex
        self._fabric = fabric
        self._printers = list(fabric.receivers)
        self._before = {name: len(receiver.settled()) for name, receiver in fabric.receivers.items()}
        for receiver in fabric.receivers.values():
            receiver.rate = RATE
        self._thread = threading.Thread(target=self._submit, daemon=True)
        self._thread.start()

    def printer(self, document: int) -> str:
        """Return the printer of a document."""
        return self._printers[document % len(self._printers)]

    def _submit(self) -> None:
        replicas = itertools.cycle(range(len(self._fabric.spoolers)))
        sent, before = 0, self.printed_bytes()
        for number, document in enumerate(self.documents):
            while sent > self.printed_bytes() - before + AHEAD and not self._enough.wait(0.01):
                pass
            if self._enough.is_set():
                return
            sent += len(document)
            while number not in self.accepted:
                spooler = next(replicas)
                try:
                    with self._fabric.client(spooler, timeout_s=2, retry=Retry(total_s=0.1)) as client:
                        request_id = f"{self._run}-{number}"
                        job = client.submit(document, printer=self.printer(number), request_id=request_id)
                    self.accepted[number] = job.name
                except FabricError:
                    pass  # the next one is asked, with the same request id

    def printed_bytes(self) -> int:
        """Return how much is on paper."""
        return sum(receiver.count for receiver in self._fabric.receivers.values())

    def wait_for(self, more_bytes: int) -> None:
        """Wait until so much more is on paper."""
        aim = self.printed_bytes() + more_bytes
        wait_until(lambda: self.printed_bytes() >= aim, why="nothing is printed any more")

    def judge(self) -> None:
        """Let everything end; each document is on paper once, in the order of the jobs' numbers."""
        for receiver in self._fabric.receivers.values():
            receiver.rate = 0
        self._enough.set()
        self._thread.join(90)
        assert not self._thread.is_alive(), "a document is never accepted"
        numbers = {}
        with self._fabric.client(0) as client:
            for document, name in self.accepted.items():
                job = client.wait(name, timeout_s=60, or_decision=True)
                assert printed(job), brief(job)
                numbers[document] = job.number
        assert len(set(numbers.values())) == len(self.accepted)
        for printer, receiver in self._fabric.receivers.items():
            papers = read_stream(receiver.settled()[self._before[printer] :], self.documents)
            mine = [document for document in numbers if self.printer(document) == printer]
            assert sorted(papers.whole) == sorted(mine), f"{printer}: a job is missing, or there twice"
            order = [numbers[document] for document in papers.whole]
            assert order == sorted(order), printer


def test_each_document_comes_out_once_whatever_becomes_of_the_spoolers(fabric: ReplicaFabric):
    load = Load(fabric)
    for strike in (_kill, _stop_beyond_the_lease, _replace):
        load.wait_for(20_000)
        owner = fabric.wait_for_owners()[load.printer(0)]
        strike(fabric, owner, load)
        fabric.spoolers[owner].start()
    load.judge()


def _kill(fabric: ReplicaFabric, owner: int, load: Load) -> None:
    fabric.spoolers[owner].kill()
    _wait_for_others(fabric, owner)
    load.wait_for(10_000)


def _stop_beyond_the_lease(fabric: ReplicaFabric, owner: int, load: Load) -> None:
    """It is put out while it stands still, and ends when it finds out."""
    with fabric.stopped(owner):
        _wait_for_others(fabric, owner)
        load.wait_for(10_000)
    wait_until(lambda: not fabric.spoolers[owner].runs, why="it goes on although it was put out")


def _replace(fabric: ReplicaFabric, owner: int, load: Load) -> None:
    fabric.spoolers[owner].end()
    _wait_for_others(fabric, owner)


def _wait_for_others(fabric: ReplicaFabric, gone: int) -> None:
    wait_until(lambda: gone not in fabric.members(), why="nobody put it out")
    wait_until(lambda: gone not in fabric.wait_for_owners().values(), why="nobody took its printers over")


def test_what_is_steered_at_one_happens_at_the_owner(fabric: ReplicaFabric):
    owner = fabric.wait_for_owners()["com1"]
    others = [number for number in range(len(fabric.spoolers)) if number != owner]
    with fabric.client(others[0]) as here, fabric.client(others[1]) as there:
        here.printers.pause("com1", reason="paper is changed")
        job = there.submit(b"x" * 100, printer="com1")
        assert "paper is changed" in here.explain(job.name).headline
        assert here.hold(job.name).state == JobState.JOB_STATE_PENDING_HELD
        wait_until(lambda: there.get(job.name).state == JobState.JOB_STATE_PENDING_HELD)
        there.printers.resume("com1")
        assert here.move(job.name, "com2").printer == "printers/com2"
        there.release(job.name)
        assert printed(here.wait(job.name, timeout_s=60))
        assert fabric.receivers["com2"].settled().endswith(b"x" * 100)
