"""Numbered documents for several spoolers on one store, and what became of them on the papers."""

from __future__ import annotations

import itertools
import threading
import uuid

from printfabric_client.errors import FabricError
from printfabric_client.retry import Retry
from tests.rig.papers import numbered, read_stream
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, printed
from tests.rig.replicas import ReplicaFabric

MOST = 2000  # jobs over all printers; so many as the strikes take are sent
AHEAD = 300_000  # bytes that were sent and are not on paper, at most about
RATE = 60_000  # bytes a second


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
