"""Documents that lie on the host whole: a cut of the network, and the death of either side, change nothing on paper."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from portmon.staging.document import BadStaged, StagedFile
from portmon.staging.state import StagedState
from printfabric.spooler.v1.printer_service_pb2 import PrefetchPolicy, Printer
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric.types.v1.port_pb2 import HostRestartPolicy
from printfabric_client.sync import Client
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric
from tests.rig.receivers import PtyReceiver, Receiver, TcpReceiver, all_settled
from tests.rig.truth import assert_true

SIZE = 240_000
SLOW = 1_000  # bytes a second: nothing ends before the fault, however slow this machine is
FINISH, HOLD = HostRestartPolicy.HOST_RESTART_POLICY_FINISH, HostRestartPolicy.HOST_RESTART_POLICY_HOLD
PATIENCE_S = 60.0
Restart: TypeAlias = "HostRestartPolicy.ValueType"


class _Line:
    """A fabric whose documents are brought to the host, and the documents on their way."""

    def __init__(self, fabric: RealFabric, client: Client, restart: Restart) -> None:
        self.fabric, self.client = fabric, client
        self.sent: dict[str, tuple[list[Job], bytes]] = {}
        for name in fabric.receivers:
            settings = Printer(
                name=f"printers/{name}",
                prefetch=PrefetchPolicy.PREFETCH_POLICY_ALWAYS,
                on_host_restart=restart,
            )
            client.printers.update(settings, "prefetch", "on_host_restart")
        self.send()

    def send(self) -> None:
        """Send two documents to each printer; wait until all lie on the host, ordered, and some of it is on paper."""
        for place, (name, receiver) in enumerate(self.fabric.receivers.items()):
            receiver.paper.clear()
            receiver.rate = SLOW
            documents = [noise(SIZE, 10 * place + number) for number in range(2)]
            jobs = [self.client.submit(one, printer=name) for one in documents]
            self.sent[name] = jobs, b"".join(documents)
        count = 2 * len(self.sent)
        wait_until(lambda: sum(1 for _ in self._ordered()) == count, PATIENCE_S, "it is not all ordered")
        self.wait_for(1)
        # The hosts' writes have come to rest: a kill inside of one would leave a byte that nobody can prove.
        all_settled(list(self.fabric.receivers.values()))

    def print_on(self) -> None:
        """Let the printers go at full speed."""
        for receiver in self.fabric.receivers.values():
            receiver.rate = 0

    def _ordered(self) -> Iterator[StagedFile]:
        for path in (self.fabric.folder / "pm" / "staged").glob("*.staged"):
            with contextlib.suppress(BadStaged):  # it is just being removed
                found = StagedFile.load(path)
                if found.state in (StagedState.ORDERED, StagedState.BEGUN):
                    yield found

    def wait_for(self, count: int, *receivers: Receiver) -> None:
        """Wait until so many bytes have come out."""
        wanted = receivers or tuple(self.fabric.receivers.values())
        wait_until(lambda: all(one.count >= count for one in wanted), PATIENCE_S, "it does not come out")

    def part(self) -> None:
        """Cut the network for good."""
        assert self.fabric.proxy is not None
        self.fabric.proxy.part()

    def join(self) -> None:
        """Mend it."""
        assert self.fabric.proxy is not None
        self.fabric.proxy.away = False

    def assert_all_printed_once(self) -> None:
        """Every job says that it is printed, and the paper says the same."""
        for name, (jobs, document) in self.sent.items():
            for job in jobs:
                ended = self.client.wait(job.number, timeout_s=PATIENCE_S, or_decision=True)
                assert printed(ended), brief(ended)
            same = self.fabric.receivers[name].settled() == document
            assert same, f"{name}: the paper is not what was sent"


@contextlib.contextmanager
def line(folder: Path, receivers: list[Receiver], restart: Restart = FINISH) -> Iterator[_Line]:
    # A lease of a second: what lies on the host whole outlives it.
    with (
        real_fabric(folder, receivers, proxied=True, portmon="most_lease_s = 1") as fabric,
        fabric.client() as client,
    ):
        yield _Line(fabric, client, restart)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_neither_a_cut_nor_a_dead_spooler_shows_on_paper_and_the_outcome_is_known_after_it(
    tmp_path: Path,
) -> None:
    with line(tmp_path, [TcpReceiver("IP_A"), PtyReceiver("COM1:")]) as way:
        way.part()
        way.print_on()
        first = way.sent["com1"][0][0]

        def explained() -> bool:
            text = way.client.explain(first.number).headline
            return "lies on host edge" in text and "cannot be reached" in text

        wait_until(explained, PATIENCE_S, "nobody says that it goes on")
        way.wait_for(2 * SIZE)
        assert way.client.get(first.number).state == JobState.JOB_STATE_PROCESSING
        way.join()
        way.assert_all_printed_once()
        way.send()
        way.fabric.spooler.kill()
        way.print_on()
        way.wait_for(2 * SIZE)
        way.fabric.spooler.start()
        way.assert_all_printed_once()


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_host_that_dies_while_cut_off_finishes_at_the_right_byte_or_says_what_nobody_knows(
    tmp_path: Path,
) -> None:
    pty, tcp = PtyReceiver("COM1:"), TcpReceiver("IP_A")
    with line(tmp_path, [pty, tcp]) as way:
        way.part()
        way.fabric.portmon.kill()
        way.print_on()
        got = tcp.settled()
        way.fabric.portmon.start()
        way.wait_for(2 * SIZE, pty)
        [first, second], document = way.sent.pop("ip_a")
        same = tcp.settled() == got
        assert same, "nothing is printed behind half a document"
        way.join()
        way.assert_all_printed_once()
        # Its connection died with the host, and with it the knowledge.
        held = way.client.wait(first.number, timeout_s=PATIENCE_S, or_decision=True)
        assert held.outcome == Outcome.OUTCOME_UNKNOWN, brief(held)
        assert_true(held, got, document[:SIZE])
        behind = way.client.wait(second.number, timeout_s=PATIENCE_S)
        assert printed(behind), brief(behind)
        same = tcp.settled() == got + document[SIZE:]
        assert same


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize(("restart", "goes_on"), [(FINISH, True), (HOLD, False)], ids=["finish", "hold"])
def test_a_host_that_is_stopped_while_cut_off_does_as_it_is_told_when_it_is_back(
    tmp_path: Path, restart: Restart, goes_on: bool
) -> None:
    pty = PtyReceiver("COM1:")
    with line(tmp_path, [pty], restart) as way:
        way.part()
        way.fabric.portmon.stop()
        way.print_on()
        there = len(pty.settled())
        way.fabric.portmon.start()
        if goes_on:
            way.wait_for(2 * SIZE)
        else:
            assert len(pty.settled()) == there < 2 * SIZE
        way.join()
        if goes_on:
            way.assert_all_printed_once()
        else:  # the line was let go in the middle of the first one, and who held it may have lost what it had
            first = way.client.wait(way.sent["com1"][0][0].number, timeout_s=PATIENCE_S, or_decision=True)
            assert first.outcome == Outcome.OUTCOME_UNKNOWN, brief(first)
            assert_true(first, pty.settled()[:SIZE], way.sent["com1"][1][:SIZE])


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_job_that_is_cancelled_while_cut_off_stops_when_the_host_is_reached_again(tmp_path: Path) -> None:
    pty = PtyReceiver("COM1:")
    with line(tmp_path, [pty]) as way:
        way.part()
        jobs, document = way.sent["com1"]
        for job in reversed(jobs):
            way.client.cancel(job.number)
        way.join()
        for job in jobs:
            ended = way.client.wait(job.number, timeout_s=PATIENCE_S)
            assert ended.state == JobState.JOB_STATE_CANCELED, brief(ended)
        paper = pty.settled()
        begins = document.startswith(paper)
        assert begins
        assert len(paper) < SIZE, "it was printed to its end"
        wait_until(lambda: not list((way.fabric.folder / "pm" / "staged").iterdir()), PATIENCE_S)
