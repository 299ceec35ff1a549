"""What lies at its host when a printer stops taking anything, and does not say why, waits as long, and is held as well.

Real programs. Nobody does anything but give the printer paper again.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric.types.v1.job_pb2 import JobState
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, printed, real_fabric
from tests.rig.receivers import TcpReceiver

pytestmark = pytest.mark.timeout(120)
_LONG = 400_000  # bytes: less than a port is sent at a time, and more than the printer takes
_LIMIT_S = 1.0


def test_small_jobs_behind_one_that_stands_still_are_had_back_and_held(tmp_path: Path) -> None:
    printer = TcpReceiver("IP_A")
    with (
        real_fabric(tmp_path, [printer], spooler="[explain]\nstall_s = 0.5") as fabric,
        fabric.client() as client,
    ):
        rules = Printer(accepting=True)
        rules.max_backlog_age.FromMilliseconds(int(_LIMIT_S * 1000))
        client.printers.create("tickets", [f"{HOST}/IP_A"], settings=rules, allow_unknown_ports=True)
        printer.rate = 1
        long = client.submit(b"x" * _LONG + b"-end-", printer="tickets")
        wait_until(lambda: client.get(long.number).ledger.offsets.accepted > 0, why="it is not begun")
        small = [client.submit(b"small %d\n" % number, printer="tickets").number for number in range(4)]

        def all_are(*states: JobState.ValueType) -> bool:
            return {client.get(number).state for number in small} <= {*states}

        waiting = (JobState.JOB_STATE_PENDING, JobState.JOB_STATE_PENDING_HELD)  # held at a try in between
        wait_until(lambda: all_are(*waiting), why="they are not had back")
        time.sleep(_LIMIT_S + 0.1)  # they get older than the printer allows
        printer.rate = 0
        assert printed(client.wait(long.number, timeout_s=60))
        wait_until(lambda: all_are(JobState.JOB_STATE_PENDING_HELD), why="they are not held")
        assert printer.settled().endswith(b"-end-")
        client.release(small[0])
        assert printed(client.wait(small[0], timeout_s=60))
        assert printer.settled().endswith(b"-end-small 0\n")
