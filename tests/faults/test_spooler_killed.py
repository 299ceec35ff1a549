"""Nothing is lost and nothing comes twice when the spooler dies, or its line to a host is cut, again and again."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from printfabric.types.v1.ledger_pb2 import Outcome
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric
from tests.rig.receivers import FifoReceiver, FileReceiver, PtyReceiver, Receiver, TcpReceiver
from tests.rig.truth import assert_true

POINTS = 20
LINK_RATE = 3_000_000
RATES = (50_000, 150_000, 400_000)
BETWEEN_BYTES = 600_000  # at most so many, in all, between two faults


def kill_spooler(fabric: RealFabric) -> None:
    fabric.spooler.kill()
    fabric.spooler.start()


def cut_the_line(fabric: RealFabric) -> None:
    assert fabric.proxy is not None
    wait_until(lambda: fabric.proxy.connected)  # type: ignore[union-attr]
    fabric.proxy.cut()


def all_kinds(folder: Path) -> list[Receiver]:
    """Return a receiver of each kind."""
    return [
        TcpReceiver("IP_A"),
        FifoReceiver("LPT1:", folder / "fifo"),
        PtyReceiver("COM1:"),
        FileReceiver("out.prn", folder / "pm"),
    ]


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("fault", "size"), [(kill_spooler, 14_000_000), (cut_the_line, 7_000_000)], ids=["killed", "cut"]
)
def test_documents_come_out_once_through_twenty_faults_between_spooler_and_host(
    tmp_path: Path, chance: random.Random, fault: Callable[[RealFabric], None], size: int
):
    receivers = all_kinds(tmp_path)
    tcp = receivers[0]
    assert isinstance(tcp, TcpReceiver)
    with (
        real_fabric(tmp_path, receivers, proxied=True, link_rate=LINK_RATE) as fabric,
        fabric.client() as client,
    ):
        documents = {
            name: noise(size if one.rate_counts else size * 2, size + len(name))
            for name, one in fabric.receivers.items()
        }
        jobs = {name: client.submit(document, printer=name) for name, document in documents.items()}
        points = 0
        while points < POINTS:
            for one in receivers:
                one.rate = chance.choice(RATES)
            aim = sum(one.count for one in receivers) + chance.randrange(BETWEEN_BYTES)
            wait_until(lambda to=aim: sum(one.count for one in receivers) >= to)  # type: ignore[misc]
            assert not tcp.ends, f"printed after {points} faults"
            fault(fabric)
            points += 1
        print(f"received at the last fault: {[one.count for one in receivers]}")
        for one in receivers:
            one.rate = 0
        assert fabric.proxy is not None
        fabric.proxy.rate = 0
        for name, job in jobs.items():
            ended = client.wait(job.number, timeout_s=60, or_decision=True)
            assert_true(ended, fabric.receivers[name].settled(), documents[name])
            assert printed(ended), brief(ended)
            *empty, last = client.attempts(job.number)
            assert last.outcome == Outcome.OUTCOME_PRINTED
            assert last.resume_offset == 0, "it went on, it did not begin again in the middle"
            for attempt in empty:  # the fault came before its first byte
                assert attempt.outcome == Outcome.OUTCOME_NOT_PRINTED, str(attempt)
                assert attempt.ledger.offsets.accepted == 0, str(attempt)
        assert tcp.ends == ["fin"], "the printer's own connection outlives the spooler"
