"""A host without a clock of its own: after a power cut it is behind, and its newest journal pages are gone."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from printfabric.types.v1.job_pb2 import JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric
from tests.rig.receivers import TcpReceiver, all_settled

LABEL = b"^XA^FDwristband of bed 7^FS^XZ\n"
LABELS = 2000
BOOT_ID, CLEAN = slice(4 * 8, 6 * 8), slice(8 * 8, 9 * 8)  # in the journal's header
# What the interpreter runs first, where PYTHONPATH leads to it.
AN_HOUR_BEHIND = """
import time
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() - 3600
time.time_ns = lambda: _time_ns() - 3600 * 10**9
"""


def lose_power(fabric: RealFabric, receiver: TcpReceiver, platter: bytes) -> None:
    """End the port monitor, and leave of its journal what had reached the disk before."""
    [journal] = list(fabric.folder.rglob("*.journal"))
    fabric.portmon.kill()
    receiver.rate = 0
    all_settled([receiver])
    after = bytearray(platter)
    after[BOOT_ID], after[CLEAN] = random.randbytes(16), bytes(8)
    journal.write_bytes(after)


def test_a_host_that_comes_back_with_an_old_clock_prints_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = TcpReceiver("IP_A")
    with real_fabric(tmp_path, [receiver], proxied=True) as fabric, fabric.client() as client:
        assert fabric.proxy is not None
        client.wait(client.submit(LABEL, printer="ip_a"), timeout_s=60)
        [journal] = list(tmp_path.rglob("*.journal"))
        with journal.open("rb+") as file:
            os.fsync(file.fileno())
        platter, before = journal.read_bytes(), receiver.count
        receiver.rate = 5000  # slow enough not to be at the end before its host is
        number = client.submit(LABEL * LABELS, printer="ip_a").number
        wait_until(lambda: receiver.count > before + len(LABEL) * 100, 60)
        fabric.proxy.part()
        lose_power(fabric, receiver, platter)
        out = (receiver.count - before) // len(LABEL)
        assert 100 <= out <= LABELS

        site = tmp_path / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(AN_HOUR_BEHIND)
        with monkeypatch.context() as patched:
            patched.setenv(
                "PYTHONPATH", os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
            )
            fabric.portmon.start()
        fabric.proxy.away = False
        job = client.wait(number, timeout_s=60, or_decision=True)
        assert job.state == JobState.JOB_STATE_PENDING_HELD, brief(job)
        assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
        all_settled([receiver])
        assert (receiver.count - before) // len(LABEL) == out

        newer = client.wait(client.submit(LABEL, printer="ip_a"), timeout_s=60)
        assert printed(newer), brief(newer)
