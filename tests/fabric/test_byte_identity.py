"""What is accepted is what comes out: through three real processes, to printers that others wrote."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from printfabric_client.sync import Client
from tests.rig.documents import ALL_BYTES, pdf, zpl
from tests.rig.foreign import P910nd, p910nd, socat_serial
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric
from tests.rig.receivers import FifoReceiver, FileReceiver, PtyReceiver, Receiver, TcpReceiver

DOCUMENTS = {
    "one byte": b"\x00",
    "no byte": b"",
    "all byte values": ALL_BYTES,
    "10,000 labels": zpl(10_000),
    "60 MB PDF": pdf(60_000_000, seed=1),
    "another byte": b"\x13",
}


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealFabric]:
    """Lend a fabric with every kind of receiver."""
    folder = tmp_path_factory.mktemp("identity")
    with contextlib.ExitStack() as stack:
        receivers: list[Receiver] = [
            stack.enter_context(p910nd("IP_P910ND", folder)),
            stack.enter_context(socat_serial("COM1:", folder, "rtscts")),
            stack.enter_context(socat_serial("COM2:", folder, "xonxoff")),
            FifoReceiver("LPT1:", folder / "fifo"),
            FileReceiver("out.prn", folder / "pm"),
            TcpReceiver("IP_OWN"),
        ]
        yield stack.enter_context(real_fabric(folder, receivers))
    shutil.rmtree(folder)  # pytest would keep what was printed, 250 MB, for three runs


@pytest.fixture(scope="module")
def client(fabric: RealFabric) -> Iterator[Client]:
    with fabric.client() as client:
        yield client


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["ip_p910nd", "com1", "com2", "lpt1", "out.prn", "ip_own"])
def test_every_document_comes_out_as_it_went_in(fabric: RealFabric, client: Client, name: str):
    receiver = fabric.receivers[name]
    for title, document in DOCUMENTS.items():
        before = _fresh(receiver)
        job = client.submit(document, printer=name, document_name=title)
        job = client.wait(job.number, timeout_s=60, or_decision=True)
        assert printed(job), f"{title}: {brief(job)}"
        assert job.digest == hashlib.sha256(document).digest()
        got = receiver.settled()[before:]
        same = got == document  # not in the assert: a diff of 60 MB would take minutes
        assert same, f"{title}: {len(got)} of {len(document)} bytes, {brief(job)}"
        offsets = job.ledger.offsets
        assert (offsets.spooled, offsets.accepted, offsets.acked) == (len(document),) * 3, brief(job)


def _fresh(receiver: Receiver) -> int:
    """Make ready for one document; return at which byte it begins."""
    if isinstance(receiver, P910nd):
        receiver.file.write_bytes(b"")  # it writes from the beginning, over what was there
    return 0 if isinstance(receiver, P910nd | FileReceiver) else receiver.count


def test_each_document_has_a_connection_of_its_own_even_an_empty_one(fabric: RealFabric, client: Client):
    receiver = fabric.receivers["ip_own"]
    assert isinstance(receiver, TcpReceiver)
    before = len(receiver.connections)
    for document in (b"", b"\xff", b""):
        job = client.submit(document, printer="ip_own")
        assert printed(client.wait(job.number, timeout_s=20, or_decision=True))
    wait_until(lambda: len(receiver.ends) == before + 3)
    assert [bytes(page) for page in receiver.connections[before:]] == [b"", b"\xff", b""]
    assert receiver.ends[before:] == ["fin"] * 3


def test_xoff_stops_a_serial_line_in_the_middle_and_xon_lets_it_go_on_without_a_byte_more_or_less(
    tmp_path: Path,
):
    receiver = PtyReceiver("COM1:", rate=400_000, flow="xonxoff")
    document = ALL_BYTES * 400
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        job = client.submit(document, printer="com1")
        wait_until(lambda: receiver.count > 20_000)
        receiver.say(b"\x13")
        stopped_at = len(receiver.settled())
        assert stopped_at < len(document) / 2
        assert len(receiver.settled()) == stopped_at
        receiver.rate = 0
        receiver.say(b"\x11")
        job = client.wait(job.number, timeout_s=20, or_decision=True)
        assert printed(job), brief(job)
        assert receiver.settled() == document
