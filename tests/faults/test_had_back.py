"""Small jobs behind one that takes long lie at the host and are not begun: people and rules reach them as if they waited.

Real programs, and a printer that takes nothing meanwhile. What is had back does not come out, and what is not does, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from printfabric.spooler.v1.printer_service_pb2 import DailyWindow
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric_client.names import port_name
from printfabric_client.sync import Client
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, RealFabric, brief, printed, real_fabric
from tests.rig.receivers import TcpReceiver

pytestmark = pytest.mark.timeout(120)
_LONG = 400_000  # bytes: less than a port is sent at a time, and more than the printer takes


class Stuck(NamedTuple):
    """A printer `ip_a` that stands still in a long job, small ones behind that."""

    fabric: RealFabric
    client: Client
    printer: TcpReceiver
    long: Job
    small: list[Job]

    def numbers(self) -> list[int]:
        return [job.number for job in self.small]

    def states(self) -> set[int]:
        return {self.client.get(number).state for number in self.numbers()}

    def becomes(self, state: JobState.ValueType) -> None:
        wait_until(
            lambda: self.states() == {state}, why=f"{[brief(self.client.get(n)) for n in self.numbers()]}"
        )

    def goes_on(self) -> bytes:
        """Let the printer go on, and return what came out behind the long job."""
        self.printer.rate = 0
        assert printed(self.client.wait(self.long.number, timeout_s=60))
        return self.printer.settled().partition(b"-end-")[2]


def _small(number: int) -> bytes:
    return b"small %d\n" % number


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Stuck]:
    printer = TcpReceiver("IP_A")
    other = TcpReceiver("IP_B")
    with real_fabric(tmp_path, [printer, other]) as fabric, fabric.client() as client:
        printer.rate = 1
        long = client.submit(b"x" * _LONG + b"-end-", printer="ip_a")
        wait_until(lambda: client.get(long.number).ledger.offsets.accepted > 0, why="it is not begun")
        small = [client.submit(_small(n), printer="ip_a", expire=timedelta(hours=1)) for n in range(8)]
        found = Stuck(fabric, client, printer, long, small)
        found.becomes(JobState.JOB_STATE_PROCESSING)
        yield found


def test_their_time_ends(stuck: Stuck) -> None:
    for number in stuck.numbers():
        job = stuck.client.get(number)
        job.expire_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=1))
        stuck.client.update(job, "expire_time")
    stuck.becomes(JobState.JOB_STATE_ABORTED)
    assert stuck.goes_on() == b""


def test_the_printer_is_paused_and_resumed(stuck: Stuck) -> None:
    stuck.client.printers.pause("ip_a", reason="wrong paper")
    assert stuck.states() == {JobState.JOB_STATE_PENDING}
    assert stuck.goes_on() == b""
    stuck.client.printers.resume("ip_a")
    for number in stuck.numbers():
        job = stuck.client.wait(number, timeout_s=30)
        assert printed(job)
        assert not job.HasField("last_error"), "nothing was wrong"
    assert stuck.printer.settled().partition(b"-end-")[2] == b"".join(map(_small, range(8)))


def test_the_printers_window_shuts(stuck: Stuck) -> None:
    now = datetime.now(UTC)
    start, until = ((now - timedelta(hours=hours)).hour * 60 for hours in (3, 2))
    settings = stuck.client.printers.get("ip_a")
    settings.window.CopyFrom(DailyWindow(start_minute=start, until_minute=until))
    stuck.client.printers.update(settings, "window")
    stuck.becomes(JobState.JOB_STATE_PENDING)
    assert stuck.goes_on() == b""


def test_one_is_held_one_moved_and_the_rest_comes_out_in_order(stuck: Stuck) -> None:
    held, moved, *_ = stuck.numbers()
    assert stuck.client.hold(held).state == JobState.JOB_STATE_PENDING_HELD
    stuck.client.move(moved, "ip_b")
    assert printed(stuck.client.wait(moved, timeout_s=30))
    assert stuck.goes_on() == b"".join(map(_small, range(2, 8)))
    stuck.client.release(held)
    assert printed(stuck.client.wait(held, timeout_s=30))
    assert stuck.printer.settled().endswith(_small(0))


def test_another_port_takes_them(stuck: Stuck) -> None:
    settings = stuck.client.printers.get("ip_a")
    settings.ports.add().port.CopyFrom(port_name(f"{HOST}/IP_B"))
    stuck.client.printers.update(settings, "ports")
    for number in stuck.numbers():
        assert printed(stuck.client.wait(number, timeout_s=30))
    assert stuck.goes_on() == b""


def test_a_spooler_that_dies_while_it_has_them_back_doubles_and_loses_none(stuck: Stuck) -> None:
    stuck.client.printers.pause("ip_a")
    stuck.client.printers.resume("ip_a")  # they are on their way again, as attempts of their own
    stuck.fabric.spooler.kill()
    stuck.fabric.spooler.start()
    behind = stuck.goes_on()
    for number in stuck.numbers():
        assert printed(stuck.client.wait(number, timeout_s=30))
    assert stuck.printer.settled().partition(b"-end-")[2] == b"".join(map(_small, range(8))), behind
