"""What the fault campaign has found, each by itself: `make faults` looks for more."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client.sync import Client
from printfabric_sim.pytest_plugin import MakePrinter, PrinterHandle
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import brief, portmon_settings, printed, spooler_settings
from tests.rig.receivers import Receiver, TcpReceiver


class Simulated(Receiver):
    """A simulated printer as the rig's settings want it."""

    def __init__(self, port: str, printer: PrinterHandle, monitor: str, **settings: Any) -> None:
        super().__init__(port)
        self.printer, self.monitor, self._settings = printer, monitor, settings

    @property
    def settings(self) -> dict[str, Any]:
        return self._settings

    def _run(self) -> None:
        """The simulator receives."""


def label(number: int) -> bytes:
    return b"^XA^FO30,30^FDSERIAL %05d^FS^XZ\n" % number


@pytest.fixture
def fabric(tmp_path: Path):
    """Lend what starts a spooler and a port monitor with one printer, `p`."""
    started: list[Program] = []

    def start(receiver: Receiver) -> Client:
        portmon = Program("portmon", tmp_path, portmon_settings(tmp_path / "pm", [receiver]))
        portmon.start()
        started.append(portmon)
        settings = spooler_settings(tmp_path / "sp", portmon.address, {"p": [receiver.port]})
        spooler = Program("spooler", tmp_path, settings)
        spooler.start()
        started.append(spooler)
        return Client(spooler.address)

    yield start
    for program in reversed(started):
        program.stop()


def test_a_line_that_was_pulled_out_between_documents_is_opened_again(
    tmp_path: Path, sim_printer: MakePrinter, fabric: Any
):
    printer = sim_printer("zpl", pty=str(tmp_path / "tty"), paced=False)
    line = Simulated("COM1:", printer, "serial", device=str(tmp_path / "tty"), baud=115200)
    with fabric(line) as client:
        assert printed(client.wait(client.submit(label(1), printer="p").number, timeout_s=20))
        printer.fault("device-gone=0.3,same")
        printer.wait_event("device back")
        for number in (2, 3):
            assert printed(client.wait(client.submit(label(number), printer="p").number, timeout_s=20))
        printer.wait_units(3)
        assert printer.serials() == ["00001", "00002", "00003"]


def test_what_lay_in_a_fifo_that_was_replaced_is_unknown_and_the_next_one_is_used(
    tmp_path: Path, sim_printer: MakePrinter, fabric: Any
):
    """It was waited for, for ever: nobody reads a node that is gone."""
    printer = sim_printer("zpl", fifo=str(tmp_path / "lp"), paced=False)
    with fabric(
        Simulated("LPT1:", printer, "device", device=str(tmp_path / "lp"), writeTimeoutS=1)
    ) as client:
        printer.fault("zero-window")
        job = client.submit(b"".join(label(number) for number in range(3)), printer="p")
        wait_until(
            lambda: (ledger := client.get(job.number).ledger).offsets.accepted == ledger.offsets.spooled
        )
        printer.fault("device-gone=0.2,same")
        job = client.wait(job.number, timeout_s=30, or_decision=True)
        assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
        assert (job.ledger.uncertain_units.first, job.ledger.uncertain_units.last) == (1, 3)
        printer.clear()
        client.resolve(job.number, pb.UNCERTAIN_DECISION_REPRINT)
        client.wait(job.number, timeout_s=30)
        printer.wait_units(3)
        assert printer.serials() == ["00000", "00001", "00002"]


def test_a_simulated_line_that_comes_back_while_its_printer_is_full_is_read(
    tmp_path: Path, sim_printer: MakePrinter
):
    path = tmp_path / "tty"
    printer = sim_printer("zpl", device=str(path), units_per_second=20, buffer_bytes=256)
    for first in (1, 101):
        line = os.open(path, os.O_RDWR | os.O_NOCTTY)
        os.write(line, b"".join(label(number) for number in range(first, first + 40)))
        wait_until(lambda: printer.status()["buffered_bytes"] > 128)
        if first == 1:
            printer.fault("device-gone=0.1,same")
            printer.wait_event("device back")
        else:
            wait_until(lambda: "00140" in printer.serials())
        os.close(line)
    assert json.dumps(printer.status())


class ClosesEarly(TcpReceiver):
    """A printer that ends its side of the connection after `prints` bytes, and throws away what still comes."""

    prints = 0

    def _receive(self, connection: socket.socket, page: bytearray) -> str:
        while len(page) < self.prints:
            page += connection.recv(self.prints - len(page))
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
        return "fin"


@pytest.mark.parametrize("prints", [0, 100_000])
def test_a_printer_that_closes_too_early_is_not_taken_at_its_word(fabric: Any, prints: int):
    """What it acknowledged behind its own close is as unknown as what it had in its memory then."""
    receiver = ClosesEarly("IP_A")
    receiver.prints = prints
    receiver.begin()
    try:
        with fabric(receiver) as client:
            job = client.submit(b"".join(label(number) for number in range(50_000)), printer="p")
            job = client.wait(job.number, timeout_s=30, or_decision=True)
            assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
            assert job.ledger.uncertain.start <= prints, brief(job)
            assert job.ledger.uncertain.end == job.ledger.offsets.spooled
    finally:
        receiver.end()


def test_a_printer_that_takes_its_time_over_the_last_bytes_gets_its_document_ended(fabric: Any):
    """The end of a document that was answered with a time-out is said again."""
    receiver = SlowToEnd("IP_A", rate=1)
    receiver.begin()
    try:
        with fabric(receiver) as client:
            job = client.submit(b"".join(label(number) for number in range(6000)), printer="p")
            wait_until(lambda: client.get(job.number).last_error.reason == "WRITE_TIMEOUT")
            receiver.rate = 0
            assert printed(client.wait(job.number, timeout_s=20, or_decision=True))
    finally:
        receiver.end()


class SlowToEnd(TcpReceiver):
    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "writeTimeoutS": 0.4}


def test_a_simulated_printer_that_wakes_closes_what_it_has_printed(sim_printer: MakePrinter):
    printer = sim_printer("zpl", faults="freeze=0.3@unit:1")
    for _ in range(2):  # it serves one connection at a time
        with socket.create_connection(("127.0.0.1", printer.port), 5) as connection:
            connection.sendall(label(1))
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(16) == b""
