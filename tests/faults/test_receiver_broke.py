"""Where the printer's own connection breaks, the job says so, and what it says is true."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from printfabric.types.v1.ledger_pb2 import Outcome
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, real_fabric
from tests.rig.receivers import TcpReceiver
from tests.rig.truth import assert_true

POINTS = 20
SIZE = 3_000_000


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_printer_that_resets_its_connection_at_twenty_points_leaves_a_held_job_with_a_true_span(
    tmp_path: Path, chance: random.Random
):
    receiver = TcpReceiver("IP_A", rate=30_000_000)
    spans = []
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        for number in range(POINTS):
            document = noise(SIZE, number)
            receiver.breaks_at = chance.randrange(SIZE)
            job = client.submit(document, printer="ip_a")
            job = client.wait(job.number, timeout_s=30, or_decision=True)
            wait_until(lambda: receiver.ends[-1:] == ["broken here"])
            assert len(receiver.connections) == number + 1, "it was sent again although some of it came out"
            assert_true(job, bytes(receiver.connections[-1]), document)
            assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
            assert job.last_error.reason == "DEVICE_FAULT", brief(job)
            spans.append(job.ledger.uncertain.end - job.ledger.uncertain.start)
            client.cancel(job.number)
            client.ports.resume("edge/IP_A")  # else it rests longer after each
    print(f"uncertain bytes: {min(spans)} to {max(spans)} of {SIZE}")
    assert max(spans) < SIZE / 3, "nearly all of it is uncertain, so the ledger is of little use"
