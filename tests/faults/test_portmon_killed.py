"""A port monitor that dies in the middle of documents: they go on at the right byte, or say what is not known."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client.sync import Client
from tests.faults.power_cut import compile_shim
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, clear_printer, printed, real_fabric
from tests.rig.receivers import FifoReceiver, FileReceiver, PtyReceiver, Receiver, TcpReceiver, all_settled
from tests.rig.truth import assert_true
from tests.surroundings import missing

POINTS = 20
SIZE = 1_200_000
RATE = 4_000_000


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_killed_port_monitor_doubles_nothing_and_says_what_it_cannot_know(
    tmp_path: Path, chance: random.Random
):
    receivers: list[Receiver] = [
        TcpReceiver("IP_A", rate=RATE),
        FifoReceiver("LPT1:", tmp_path / "fifo", rate=RATE),
        PtyReceiver("COM1:", rate=RATE),
        FileReceiver("out.prn", tmp_path / "pm"),
    ]
    ends: Counter[str] = Counter()
    with (
        real_fabric(tmp_path, receivers, proxied=True, link_rate=4 * RATE) as fabric,
        fabric.client() as client,
    ):
        for number in range(POINTS):
            batch = _Batch(fabric, client, number)
            for name, (job, _) in batch.jobs.items():
                _begin(client, fabric.receivers[name].port, job)
            aimed = chance.choice(receivers)
            point = chance.randrange(SIZE * 8 // 10)
            wait_until(lambda by=batch, at=aimed, to=point: by.received(at) >= to)  # type: ignore[misc]
            fabric.portmon.kill()
            fabric.portmon.start()
            ended = {
                name: client.wait(job.number, timeout_s=30, or_decision=True)
                for name, (job, _) in batch.jobs.items()
            }
            all_settled(receivers)
            for name, (_, document) in batch.jobs.items():
                job = ended[name]
                assert_true(job, batch.got(fabric.receivers[name]), document)
                ends[f"{name} {'printed' if printed(job) else Outcome.Name(job.outcome)}"] += 1
                # A connection is gone with its port monitor, and a FIFO keeps what nobody has read for its reader alone.
                if name in ("ip_a", "lpt1") and not printed(job):
                    assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
                if not printed(job):
                    client.cancel(job.number)
    print(dict(ends))
    for name in ("com1", "out.prn"):
        assert ends[f"{name} printed"] > POINTS / 2, "hardly anything went on by itself"


def _begin(client: Client, port: str, job: Job) -> None:
    """Wait until a job has begun; what the one before left of itself in the printer is cleared away as by a person."""

    def begun() -> bool:
        now = client.get(job.number)
        if now.ledger.offsets.accepted or now.state not in (
            JobState.JOB_STATE_PENDING,
            JobState.JOB_STATE_PROCESSING,
        ):
            return True
        clear_printer(client, port)
        return False

    wait_until(begun)


@pytest.mark.timeout(120)
def test_killed_right_behind_a_write_it_cannot_know_what_came_out_and_the_port_waits_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = compile_shim(tmp_path, "killed_in_write.c") or missing("no C compiler")
    line, last_write = PtyReceiver("COM1:"), tmp_path / "last-write"
    told = {"LD_PRELOAD": shim, "KILLED_NODE": line.device, "KILLED_FLAG": last_write}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    documents = [b"\x01\x02first", b"\x01\x02second"]  # in no language: nobody knows what closes half of one
    with real_fabric(tmp_path, [line]) as fabric, fabric.client() as client:
        last_write.touch()
        first = client.submit(documents[0], printer="com1")
        wait_until(lambda: not fabric.portmon.runs, why="it was not killed")
        fabric.portmon.start()
        first = client.wait(first.number, timeout_s=30, or_decision=True)
        assert first.outcome == Outcome.OUTCOME_UNKNOWN, brief(first)
        span = first.ledger.uncertain
        assert (span.start, span.end) == (0, first.size_bytes), brief(first)
        second = client.submit(documents[1], printer="com1")
        words = f"half of job {first.number} may lie in the printer"
        wait_until(lambda: words in str(client.explain(second.number)), why="nobody is told")
        assert line.now() == documents[0]
        clear_printer(client, line.port)
        assert printed(client.wait(second.number, timeout_s=30))
        assert line.settled() == b"".join(documents)


class _Batch:
    """One document for each printer, and what came of it."""

    def __init__(self, fabric: RealFabric, client: Client, number: int) -> None:
        self._before = {one.port: one.count for one in fabric.receivers.values()}
        for one in fabric.receivers.values():
            if isinstance(one, FileReceiver):
                one.clear()
                self._before[one.port] = 0
        self.jobs: dict[str, tuple[Job, bytes]] = {}
        for place, name in enumerate(fabric.receivers):
            document = noise(SIZE, 1000 * number + place)
            self.jobs[name] = (client.submit(document, printer=name), document)

    def received(self, receiver: Receiver) -> int:
        return receiver.count - self._before[receiver.port]

    def got(self, receiver: Receiver) -> bytes:
        if isinstance(receiver, FileReceiver):
            return receiver.now()
        return receiver.now()[self._before[receiver.port] :]
