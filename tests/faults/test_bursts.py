"""Three hundred small jobs are on their way when something dies: each comes out once, or its job says what is known.

A port monitor that dies right behind a write cannot know what of that document came out: a byte pipe's port waits for a person then.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client import job_filter, new_job
from printfabric_client.sync import Client
from tests.rig.papers import Papers, numbered, read_pages, read_stream
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import RealFabric, brief, clear_printer, printed, real_fabric
from tests.rig.receivers import FifoReceiver, PtyReceiver, Receiver, TcpReceiver

JOBS = 300
KILLS = 4
RATE = 300_000
LOOKS = 20  # so many of ours between two of a person's
PATIENCE_S = 90.0  # several programs start meanwhile, perhaps on a busy machine


def _cut(fabric: RealFabric) -> None:
    assert fabric.proxy is not None
    fabric.proxy.cut()


def _kill(program: Program) -> None:
    program.kill()
    program.start()


def _kill_both(fabric: RealFabric) -> None:
    fabric.portmon.kill()
    _kill(fabric.spooler)
    fabric.portmon.start()


FAULTS: dict[str, Callable[[RealFabric], None]] = {
    "spooler killed": lambda fabric: _kill(fabric.spooler),
    "port monitor killed": lambda fabric: _kill(fabric.portmon),
    "both killed": _kill_both,
    "line cut": _cut,
}


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_accepted_job_of_a_burst_comes_out_once_or_says_what_is_known(
    tmp_path: Path, chance: random.Random, fault: str
):
    tcp, fifo = TcpReceiver("IP_A", rate=RATE), FifoReceiver("LPT1:", tmp_path / "fifo", rate=RATE)
    receivers: list[Receiver] = [tcp, fifo, PtyReceiver("COM1:", rate=RATE)]
    documents = numbered(JOBS, chance.randrange(1 << 30))
    with real_fabric(tmp_path, receivers, proxied=True) as fabric, fabric.client() as client:
        bursts = [_Burst(client, name, documents) for name in fabric.receivers]
        for _ in range(KILLS):
            aim = _count(receivers) + chance.randrange(RATE * 2)
            _look_after(client, receivers, lambda to=aim: _count(receivers) >= to, "nothing comes out")  # type: ignore[misc]
            FAULTS[fault](fabric)
        for one in receivers:
            one.rate = 0
        for burst in bursts:
            burst.join()
        _look_after(client, receivers, lambda: not _going_on(client), "jobs go on for ever")
        pages = read_pages([bytes(page) for page in _settled(tcp)], documents)
        streams = [read_stream(one.settled(), documents) for one in receivers if one.is_pipe]
        for burst, papers in zip(bursts, (pages, *streams), strict=True):
            print(burst.printer, burst.check(client, papers))


def _count(receivers: Sequence[Receiver]) -> int:
    return sum(one.count for one in receivers)


def _look_after(client: Client, receivers: Sequence[Receiver], until: Callable[[], bool], why: str) -> None:
    """Wait until something is true; meanwhile do what a person does at the printers."""
    looks = itertools.count(1)

    def so() -> bool:
        if next(looks) % LOOKS == 0:
            for one in receivers:
                clear_printer(client, one.port)
        return until()

    wait_until(so, PATIENCE_S, why)


def _settled(receiver: TcpReceiver) -> Sequence[bytearray]:
    receiver.settled()
    return receiver.connections


def _going_on(client: Client) -> int:
    """Return how many jobs have not ended and do not wait for a person."""
    held = JobState.JOB_STATE_PENDING_HELD
    return sum(job.state != held for job in client.list(job_filter(active_only=True)))


class _Burst:
    """The jobs of one printer, submitted while the faults happen."""

    def __init__(self, client: Client, printer: str, documents: list[bytes]) -> None:
        self.printer = printer
        self._documents = documents
        self._client = client
        self.accepted: dict[int, str] = {}  # document -> job
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._submit, name=f"burst-{printer}", daemon=True)
        self._thread.start()

    def _submit(self) -> None:
        jobs = [
            new_job(document, printer=self.printer, request_id=f"{self.printer}-{number}")
            for number, document in enumerate(self._documents)
        ]
        try:
            for result in self._client.submit_many(jobs, in_flight=40):
                assert not result.HasField("error"), str(result)
                self.accepted[result.index] = result.job
        except BaseException as error:
            self.errors.append(error)
            raise

    def join(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert not self.errors
        assert len(self.accepted) == len(self._documents)

    def check(self, client: Client, papers: Papers) -> dict[str, int]:
        """Hold every job's statement against the papers."""
        jobs = {job.name: job for job in client.list(job_filter(printers=[self.printer]))}
        assert len(jobs) == len(self._documents), "a job is missing, or there twice"
        ends: Counter[str] = Counter()
        for number, name in self.accepted.items():
            job = jobs[name]
            _check(job, papers.lengths_of(number, len(self._documents[number])), len(papers.scraps))
            ends["printed" if printed(job) else Outcome.Name(job.outcome)] += 1
        order = [number for number in papers.whole if printed(jobs[self.accepted[number]])]
        numbers = [jobs[self.accepted[number]].number for number in order]
        early = [(a, b) for a, b in itertools.pairwise(numbers) if a > b]
        assert not early, f"came out too early: {early}"
        ends["beginnings"] = len(papers.beginnings) + len(papers.scraps)
        return dict(ends)


def _check(job: Job, lengths: list[int], scraps: int) -> None:
    said = f"{brief(job)}; pieces of it that came out: {lengths}"
    assert len(lengths) <= 1, said
    length = lengths[0] if lengths else 0
    if printed(job):
        assert length == job.size_bytes, said
    elif job.outcome == Outcome.OUTCOME_UNKNOWN:
        span = job.ledger.uncertain
        assert span.start <= length <= span.end or scraps, said
    elif job.outcome == Outcome.OUTCOME_PARTIAL:
        assert length == job.ledger.offsets.accepted, said
    else:
        raise AssertionError(said)
