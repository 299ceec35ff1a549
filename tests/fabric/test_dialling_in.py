"""A host that nobody can reach, as real processes: it dials the spooler, and prints as any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from printfabric.spooler.v1.printer_service_pb2 import PrefetchPolicy
from tests.rig.dialled import DialledFabric, dialled_fabric
from tests.rig.documents import noise
from tests.rig.postgres import postgres_server
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, printed
from tests.rig.receivers import FifoReceiver, Receiver, TcpReceiver
from tests.rig.replicas import replica_fabric
from tests.rig.truth import assert_true

pytestmark = pytest.mark.timeout(150)
SIZE = 3_000_000
RATE = 2_000_000


@pytest.fixture
def socket() -> Iterator[Path]:
    # A socket's path has 107 bytes, which tmp_path may use up.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "portmon.sock"


@pytest.fixture
def fabric(tmp_path: Path, socket: Path) -> Iterator[DialledFabric]:
    receivers: list[Receiver] = [
        TcpReceiver("IP_A", rate=RATE),
        FifoReceiver("LPT1:", tmp_path / "fifo", rate=RATE),
    ]
    with dialled_fabric(tmp_path, socket, receivers) as running:
        yield running


def test_a_host_that_only_dials_out_is_listed_prints_with_progress_and_is_set_up(fabric: DialledFabric):
    receiver, document = fabric.receivers[0], noise(SIZE, 1)
    with fabric.client() as client:
        wait_until(lambda: fabric.online(client))
        [host] = client.hosts.list()
        assert (host.address, host.ports) == ("dialled in from 127.0.0.1", 2)
        job = client.submit(document, printer="ip_a")
        seen = set()
        while not printed(now := client.get(job.number)):
            seen.add(now.ledger.offsets.accepted)
        assert len(seen - {0, SIZE}) > 1, "no progress between beginning and end"
        assert receiver.settled() == document
        client.ports.add(f"{HOST}/COM1:", "Local Port", {"baud": 19200})
        with client.ports.xcv(f"{HOST}/COM1:") as xcv:
            assert b'"baud":19200' in xcv.data("GetConfigInfo", {}).output_data


def test_a_connection_cut_in_mid_document_doubles_and_loses_nothing(fabric: DialledFabric):
    with fabric.client() as client:
        wait_until(lambda: fabric.online(client))
        # Sent as they are printed, not brought to the host whole first: the cut meets a document in the middle.
        for one in client.printers.list():
            one.prefetch = PrefetchPolicy.PREFETCH_POLICY_NEVER
            client.printers.update(one, "prefetch")
        for number, receiver in enumerate(fabric.receivers):
            document, before = noise(SIZE, number), receiver.count
            job = client.submit(document, printer=receiver.port.strip(":").lower())
            for part in (4, 2):
                wait_until(lambda: receiver.count >= before + SIZE // part)  # noqa: B023
                fabric.proxy.cut()
            ended = client.wait(job.number, timeout_s=60, or_decision=True)
            assert printed(ended), ended
            assert_true(ended, receiver.settled()[before:], document)


def test_a_line_that_goes_dead_without_a_word_is_noticed_at_both_ends_and_dialled_again(
    tmp_path: Path, socket: Path
):
    receiver = FifoReceiver("LPT1:", tmp_path / "fifo")
    with dialled_fabric(tmp_path, socket, [receiver], quick=True) as fabric, fabric.client() as client:
        wait_until(lambda: fabric.online(client))
        fabric.proxy.held = True
        wait_until(lambda: not fabric.online(client))
        [host] = client.hosts.list()
        assert "dials in again by itself" in host.error
        wait_until(lambda: "spooler is not connected" in fabric.portmon.log.read_text("utf-8"))
        fabric.proxy.held = False
        wait_until(lambda: fabric.online(client))
        job = client.submit(b"still there", printer="lpt1")
        assert printed(client.wait(job.number, timeout_s=30))


def test_a_spooler_and_a_host_that_are_killed_find_each_other_again(fabric: DialledFabric):
    receiver, document = fabric.receivers[1], noise(SIZE, 5)
    with fabric.client() as client:
        wait_until(lambda: fabric.online(client))
        job = client.submit(document, printer="lpt1")
        wait_until(lambda: receiver.count >= SIZE // 4)
        fabric.spooler.kill()
        fabric.spooler.start()
        wait_until(lambda: receiver.count >= SIZE // 2)
        fabric.portmon.kill()
        fabric.portmon.start()
        ended = client.wait(job.number, timeout_s=60, or_decision=True)
        assert_true(ended, receiver.settled(), document)


def test_behind_one_address_a_host_finds_each_spooler_and_prints_on_when_a_printers_owner_dies(
    tmp_path: Path, socket: Path
):
    receiver, document = FifoReceiver("LPT1:", tmp_path / "fifo", rate=RATE), noise(SIZE, 7)
    with (
        postgres_server() as server,
        replica_fabric(tmp_path, server, [receiver], 2, dials_from=socket) as fabric,
    ):
        owner = fabric.wait_for_owners()["lpt1"]
        with fabric.client(1 - owner) as client:
            for spooler in range(2):
                with fabric.client(spooler) as each:
                    wait_until(lambda: [one.ports for one in each.hosts.list()] == [1])
            job = client.submit(document, printer="lpt1")
            wait_until(lambda: receiver.count >= SIZE // 4)
            fabric.spoolers[owner].kill()
            ended = client.wait(job.number, timeout_s=60, or_decision=True)
            assert printed(ended), ended
            assert_true(ended, receiver.settled(), document)
