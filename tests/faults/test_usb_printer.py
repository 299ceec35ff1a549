"""A USB printer whose driver returns from a write before the printer has the bytes, and throws them away at the last close.

There is no such printer here: tests/faults/usblp.c does what Linux's usblp does, below a real port monitor.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1.ledger_pb2 import DocumentKey, EvidenceSource, Outcome
from printfabric.types.v1.port_pb2 import (
    PORT_CONDITION_PAPER_OUT,
    PORT_STATE_ERROR,
    PORT_STATE_READY,
    SEVERITY_ERROR,
    STATUS_SOURCE_PRINTER,
    STATUS_SOURCE_TRANSPORT,
    Port,
)
from printfabric_client.sync import Client
from tests.faults.usb_printer import GONE, OUT_OF_PAPER, SILENTLY_GONE, UsbPrinter
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, spooler_settings
from tests.rig.until import PATIENCE_S
from tests.rig.wire import Holder, channel_to, new_key, refusal

REQUEST = 8192  # bytes that usblp sends at a time
UNNOTICED_S = 1.0  # how long a printer may be gone before the kernel says so
LABEL = b"^XA^FO20,20^FDwristband^FS^XZ\n"
LONG = b"".join(b"^XA^FDwristband %05d^FS^XZ\n" % number for number in range(1000))


class Host:
    """A host with one USB printer, and who has its port open."""

    def __init__(self, folder: Path) -> None:
        self.printer, self._fence = UsbPrinter(folder), 0
        lines = [
            f'host_name = "{HOST}"', f'state_dir = "{folder}/state"', "[server]", 'metrics_listen = "127.0.0.1:0"',
            "[[ports]]", 'name = "LPT1:"', 'monitor = "device"',
            f'settings = {{ device = "{self.printer.node}", writeTimeoutS = 600 }}',
        ]  # fmt: skip
        self.program = Program("portmon", folder, "\n".join(lines) + "\n", within=self.printer.within)

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[Holder, pb.PortHandle]]:
        """Lend the open port."""
        self._fence += 1
        with channel_to(self.program.address) as channel:
            spooler = Holder(channel)
            handle = spooler.open("LPT1:", self._fence)
            yield spooler, handle
            if self.program.runs:
                spooler.close(handle)

    def port(self) -> Port:
        """Return what the host says of its port."""
        with channel_to(self.program.address) as channel:
            found: Port = Holder(channel).stub.EnumPorts(pb.EnumPortsRequest()).ports[0]
            return found

    def known(self, key: DocumentKey) -> pb.DocumentProgress:
        """Return what the host knows of a document."""
        with channel_to(self.program.address) as channel:
            spooler = Holder(channel)
            asked = pb.QueryDocumentsRequest(owner=spooler.owner, port="LPT1:", documents=[key])
            found: pb.DocumentProgress = spooler.stub.QueryDocuments(asked).documents[0]
            return found


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Host]:
    """Run a host."""
    host = Host(folder)
    try:
        host.program.start()
        yield host
    finally:
        host.program.stop()
        host.printer.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with started(tmp_path_factory.mktemp("usb")) as host:
        yield host


@pytest.fixture
def host(shared: Host) -> Host:
    shared.printer.clear()
    return shared


def test_a_document_has_not_ended_while_its_last_request_is_on_its_way(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key = new_key()
        spooler.stub.SetPortTimeOuts(
            pb.SetPortTimeOutsRequest(handle=handle, write_total=Duration(seconds=1))
        )
        host.printer.is_now(OUT_OF_PAPER)
        spooler.start(handle, key)
        assert spooler.write(handle, key, 0, LABEL) == len(LABEL)
        late = refusal(lambda: spooler.end(handle, key))
        assert (late.reason, late.win32) == ("WRITE_TIMEOUT", 1460)
        assert "has not taken the last 30 bytes" in late.message
        assert late.metadata["acked"] == "0"
        assert host.printer.paper == b""
        host.printer.is_now()
        end = spooler.end(handle, key)
        assert (end.accepted, end.acked, end.source) == (
            len(LABEL),
            len(LABEL),
            EvidenceSource.EVIDENCE_SOURCE_USBLP,
        )
        assert host.printer.printed(len(LABEL)) == LABEL


def test_what_the_driver_took_is_accepted_and_what_arrived_is_acked(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key = new_key()
        spooler.start(handle, key)
        spooler.write(handle, key, 0, LONG[:REQUEST])
        host.printer.printed(REQUEST)
        host.printer.is_now(OUT_OF_PAPER)
        request = pb.WritePortRequest(
            handle=handle, document=key, offset=REQUEST, data=LONG[REQUEST : 2 * REQUEST]
        )
        *_, last = [one.progress for one in spooler.stub.WritePort(iter([request]))]
        assert (last.accepted, last.acked) == (2 * REQUEST, REQUEST)


def says(port: Port) -> tuple[int, list[tuple[int, int]]]:
    """Return a port's one word, and what its printer says."""
    return port.state, [
        (one.condition, one.severity) for one in port.status if one.source == STATUS_SOURCE_PRINTER
    ]


def test_a_printer_out_of_paper_says_so_while_it_takes_nothing_and_prints_on_when_it_has_some(
    host: Host,
) -> None:
    with host.opened() as (spooler, handle):
        key, ended = new_key(), list[pb.DocumentProgress]()
        spooler.start(handle, key)
        host.printer.is_now(OUT_OF_PAPER)
        request = pb.WritePortRequest(handle=handle, document=key, data=LONG)
        writing = threading.Thread(target=lambda: list(spooler.stub.WritePort(iter([request]))), daemon=True)
        writing.start()
        out = (PORT_STATE_ERROR, [(PORT_CONDITION_PAPER_OUT, SEVERITY_ERROR)])
        wait_until(lambda: says(host.port()) == out)
        sources = {one.source: one.text for one in host.port().sources}
        assert sources[STATUS_SOURCE_PRINTER] == "out of paper"
        assert sources[STATUS_SOURCE_TRANSPORT] == "in a document"
        host.printer.is_now()
        writing.join(PATIENCE_S)
        ending = threading.Thread(target=lambda: ended.append(spooler.end(handle, key)), daemon=True)
        ending.start()
        ending.join(PATIENCE_S)
        assert [one.acked for one in ended] == [len(LONG)]
        assert host.printer.printed(len(LONG)) == LONG
        assert says(host.port()) == (PORT_STATE_READY, [])


@pytest.mark.timeout(120)
def test_explain_says_that_paper_is_missing_and_the_job_prints_when_there_is_some(tmp_path: Path) -> None:
    with started(tmp_path) as host:
        settings = spooler_settings(tmp_path / "spooled", host.program.address, {"usb": ["LPT1:"]})
        spooler = Program("spooler", tmp_path, settings)
        spooler.start()
        try:
            with Client(spooler.address) as client:
                host.printer.is_now(OUT_OF_PAPER)
                job = client.submit(LABEL, printer="usb")
                wait_until(lambda: "Out of paper" in client.explain(job.number).headline)
                host.printer.is_now()
                assert client.wait(job.number, timeout_s=PATIENCE_S).outcome == Outcome.OUTCOME_PRINTED
            assert host.printer.printed(len(LABEL)) == LABEL
        finally:
            spooler.stop()


def test_a_printer_that_takes_no_last_request_says_why(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key = new_key()
        host.printer.is_now(OUT_OF_PAPER)
        spooler.start(handle, key)
        spooler.write(handle, key, 0, LABEL)
        ending = threading.Thread(target=lambda: spooler.end(handle, key), daemon=True)
        ending.start()
        wait_until(lambda: says(host.port())[1] == [(PORT_CONDITION_PAPER_OUT, SEVERITY_ERROR)])
        host.printer.is_now()
        ending.join(PATIENCE_S)
        assert says(host.port()) == (PORT_STATE_READY, [])


def test_a_cancelled_end_is_over_at_once_and_says_what_may_still_come_out(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key = new_key()
        host.printer.is_now(OUT_OF_PAPER)
        spooler.start(handle, key)
        spooler.write(handle, key, 0, LABEL)
        ended = threading.Event()
        answers: list[Exception] = []

        def end() -> None:
            try:
                spooler.end(handle, key)
            except Exception as error:  # noqa: BLE001 - looked at below
                answers.append(error)
            ended.set()

        threading.Thread(target=end, daemon=True).start()
        assert not ended.wait(0.2), answers
        how = pb.Disposition.DISPOSITION_ABORT
        spooler.stub.EndDocPort(
            pb.EndDocPortRequest(handle=handle, document=key, disposition=how), timeout=PATIENCE_S
        )
        assert ended.wait(PATIENCE_S)  # the port waits 600 s for its printer
        found = host.known(key)
        assert (found.uncertain_start, found.uncertain_end, found.resumable) == (0, len(LABEL), False)


def test_a_port_that_is_closed_in_a_document_lets_its_last_request_arrive(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key, half = new_key(), LONG[:2000]  # the cable takes that though nobody reads it yet
        spooler.start(handle, key)
        spooler.write(handle, key, 0, half)
    found = host.known(key)  # for a second nobody could know that the printer was gone
    assert (found.accepted, found.uncertain_start, found.uncertain_end) == (len(half), 0, len(half))
    assert not found.resumable
    assert host.printer.printed(len(half)) == half


def test_a_port_that_is_closed_long_after_its_last_request_goes_on_at_its_byte(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key, half = new_key(), LONG[:2000]
        spooler.start(handle, key)
        spooler.write(handle, key, 0, half)
        host.printer.printed(len(half))
        time.sleep(2 * UNNOTICED_S)
    found = host.known(key)
    assert (found.accepted, found.uncertain_end, found.resumable) == (len(half), 0, True)


def test_what_arrived_within_the_second_before_a_kill_is_in_doubt(tmp_path: Path) -> None:
    with started(tmp_path) as host:
        with host.opened() as (spooler, handle):
            key = new_key()
            spooler.start(handle, key)
            spooler.write(handle, key, 0, LONG[:REQUEST])
            host.printer.printed(REQUEST)
            host.printer.is_now(SILENTLY_GONE)
            spooler.write(handle, key, REQUEST, LONG[REQUEST : 2 * REQUEST])
            host.program.kill()
        host.printer.is_now()
        host.program.start()
        found = host.known(key)
        assert found.uncertain_start <= REQUEST
        assert (found.uncertain_end, found.resumable) == (2 * REQUEST, False)


def test_a_printer_that_is_gone_before_its_hub_says_so_has_not_printed(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key = new_key()
        spooler.start(handle, key)
        host.printer.is_now(SILENTLY_GONE)
        spooler.write(handle, key, 0, LABEL)
        gone = refusal(lambda: spooler.end(handle, key))
        assert gone.reason == "DEVICE_NOT_CONNECTED"
        assert "does not answer any more" in gone.message
        found = host.known(key)
        assert (found.uncertain_start, found.uncertain_end, found.resumable) == (0, len(LABEL), False)


def test_a_printer_that_is_pulled_out_in_a_document_leaves_what_seemed_to_arrive_in_doubt(host: Host) -> None:
    with host.opened() as (spooler, handle):
        key = new_key()
        spooler.start(handle, key)
        host.printer.is_now(SILENTLY_GONE)
        spooler.write(handle, key, 0, LONG[:REQUEST])
        host.printer.is_now(GONE)
        request = pb.WritePortRequest(handle=handle, document=key, offset=REQUEST, data=LONG[REQUEST:])
        refusal(lambda: list(spooler.stub.WritePort(iter([request]))))  # broken off by that, or before it
        found = host.known(key)
        assert (found.phase, found.error.reason) == (pb.DOCUMENT_PHASE_ENDED, "DEVICE_NOT_CONNECTED")
        assert found.uncertain_start == 0
        assert found.uncertain_end >= REQUEST
        assert not found.resumable
        assert host.printer.paper == b""


def test_what_the_driver_had_when_the_port_monitor_was_killed_is_in_doubt(tmp_path: Path) -> None:
    with started(tmp_path) as host:
        with host.opened() as (spooler, handle):
            key = new_key()
            spooler.start(handle, key)
            spooler.write(handle, key, 0, LONG[: 2 * REQUEST])
            host.printer.printed(2 * REQUEST)
            host.printer.is_now(OUT_OF_PAPER)
            assert spooler.write(handle, key, 2 * REQUEST, LONG[2 * REQUEST : 3 * REQUEST]) == 3 * REQUEST
            time.sleep(2 * UNNOTICED_S)  # what was printed before is certain now
            host.program.kill()
        host.printer.is_now()
        host.program.start()
        found = host.known(key)
        assert (found.uncertain_start, found.uncertain_end) == (2 * REQUEST, 3 * REQUEST)
        assert not found.resumable
        assert host.printer.paper == LONG[: 2 * REQUEST]
