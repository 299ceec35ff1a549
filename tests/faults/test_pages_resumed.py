"""A laser printer resets its connection between pages; printing goes on at one of them, on what the pages before have set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from printfabric.types.v1.job_pb2 import Job
from printfabric.types.v1.ledger_pb2 import UNIT_KIND_PAGE, Outcome
from printfabric_client.command.program import program
from printfabric_client.sync import Client
from printfabric_sim.pytest_plugin import MakePrinter
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, printer_of, real_fabric
from tests.rig.receivers import Receiver, TcpReceiver
from tests.unit.spooler.pcl_model import Printer

COUNT = 60
BROKEN_BEHIND = 7  # pages, of each of which two copies come out
UEL = b"\x1b%-12345X"
FILLING = b"".join(b"line %02d %b\r\n" % (line, b"x" * 400) for line in range(30))
FONT = b"\x1b*c5D\x1b)s100000W" + b"\x0c" * 100_000


def in_pjl(language: bytes, payload: bytes) -> bytes:
    head = b'@PJL JOB NAME="a"\r\n@PJL SET COPIES=2\r\n@PJL ENTER LANGUAGE=%b\r\n' % language
    return UEL + head + payload + UEL + b"@PJL EOJ\r\n" + UEL


PCL = FONT.join([
    b"\x1bE\x1b&l1o6d2e60F\x1b&a8L\x1b(8U\x1b(s0p12h10V",
    b"\x1b(5X" + b"".join(b"\r\x1b&d0Dpage %03d\x1b&d@\r\n%b\x0c" % (page, FILLING) for page in range(1, COUNT + 1)) + b"\x1bE",
])  # fmt: skip
LONG = b"%" + b"-" * 1_900_000 + b"\n"  # in a prolog that fills most of a message
PROLOG = b"%!PS-Adobe-3.0\n%%EndComments\n%%BeginProlog\n/p {show} def\n%%EndProlog\n"
PAGES = [
    b"%%%%Page: %d %d\n(page %03d) p\n%%%b\nshowpage\n" % (n, n, n, b"x" * 12_000)
    for n in range(1, COUNT + 1)
]
POSTSCRIPT = PROLOG + b"".join(PAGES) + b"%%Trailer\n%%EOF\n"


class Laser(Receiver):
    """A simulated laser printer that breaks its connection off behind some pages."""

    monitor = "raw"

    def __init__(self, port: str, make: MakePrinter) -> None:
        super().__init__(port)
        self.sim = make("pjl", faults=f"reset=drop@unit:{2 * BROKEN_BEHIND}", tcp=0, rcvbuf_bytes=8192)
        self.copies: list[bytes] = []
        self.sim.printer.core.on_unit.append(self._left)

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.sim.port}

    def _run(self) -> None:
        """The simulator has a thread of its own."""

    def _left(self, _entry: object, unit: Any) -> None:
        self.copies.append(unit.content)

    @property
    def pages(self) -> list[bytes]:
        """The pages on paper; of each there are two."""
        assert self.copies[::2][: len(self.copies) // 2] == self.copies[1::2]
        return self.copies[1::2]

    @property
    def numbers(self) -> list[int]:
        return [int(number) for page in self.pages for number in re.findall(rb"page (\d{3})", page)]


def run(fabric: RealFabric, *arguments: object) -> str:
    result = CliRunner().invoke(program, [*map(str, arguments), "--address", fabric.spooler.address])
    assert result.exit_code == 0, result.output
    return result.stdout


def broken(client: Client, laser: Receiver, document: bytes) -> Job:
    job = client.wait(
        client.submit(document, printer=printer_of(laser)).number, timeout_s=30, or_decision=True
    )
    assert job.outcome in (Outcome.OUTCOME_UNKNOWN, Outcome.OUTCOME_PARTIAL), brief(job)
    assert (job.ledger.units.kind, job.ledger.units.total) == (UNIT_KIND_PAGE, COUNT), brief(job)
    return job


def gone_on(fabric: RealFabric, client: Client, laser: Laser, job: Job) -> str:
    """Go on behind the last page that is on paper; return what is said of it."""
    wait_until(lambda: len(laser.pages) >= BROKEN_BEHIND)
    run(fabric, "resume", job.number, "--at", laser.numbers[-1] + 1)
    client.ports.resume(f"edge/{laser.port}")
    done = client.wait(job.number, timeout_s=30, or_decision=True)
    assert printed(done), brief(done)
    wait_until(lambda: len(laser.numbers) >= COUNT, why=f"only {laser.numbers}")
    assert laser.numbers == list(range(1, COUNT + 1)), "each page once"
    return run(fabric, "job", job.number)


def on_paper(receiver: TcpReceiver) -> list[int]:
    """Return the pages that came out whole."""
    return [int(found[1]) for found in re.finditer(rb"\(page (\d{3})\) p\n%x*\nshowpage", receiver.paper)]


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_pages_behind_a_reset_come_out_once_each_under_what_was_set_before(
    tmp_path: Path, sim_printer: MakePrinter
) -> None:
    pcl, postscript = Laser("PCL", sim_printer), Laser("PS", sim_printer)
    with real_fabric(tmp_path, [pcl, postscript]) as fabric, fabric.client() as client:
        said = gone_on(fabric, client, pcl, broken(client, pcl, in_pjl(b"PCL", PCL)))
        assert re.search(r"100,\d{3} bytes before page", said), said
        before, behind = pcl.pages[:BROKEN_BEHIND], pcl.pages[BROKEN_BEHIND:]
        paper = Printer().read(b"".join(before)).marks + Printer().read(b"".join(behind)).marks
        assert paper == Printer().read(PCL).marks, "as if nothing had happened"

        job = broken(client, postscript, in_pjl(b"POSTSCRIPT", POSTSCRIPT))
        gone_on(fabric, client, postscript, job)
        assert PROLOG in postscript.pages[BROKEN_BEHIND]
        run(fabric, "reprint", job.number, "9-10", "59")
        wait_until(lambda: postscript.numbers[COUNT:] == [9, 10, 59], why="they were not printed again")
        words = r"units 9-10, 59 as job \d+ \(\d+ bytes before page 9; \d+ bytes before page 59\)"
        wait_until(
            lambda: re.search(words, run(fabric, "job", job.number)), why=run(fabric, "job", job.number)
        )


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_prolog_of_two_megabytes_goes_before_the_page_again(tmp_path: Path) -> None:
    receiver = TcpReceiver("LONG", rate=20_000_000)
    receiver.breaks_at = len(LONG) + 9 * len(PAGES[0])
    prolog = PROLOG.replace(b"/p {", LONG + b"/p {")
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        job = broken(client, receiver, prolog + b"".join(PAGES) + b"%%Trailer\n%%EOF\n")
        wait_until(lambda: receiver.ends[-1:] == ["broken here"])
        last = on_paper(receiver)[-1]
        run(fabric, "resume", job.number, "--at", last + 1)
        client.ports.resume("edge/LONG")
        assert printed(client.wait(job.number, timeout_s=30, or_decision=True))
        wait_until(lambda: receiver.ends[-1:] == ["fin"])
        assert bytes(receiver.connections[-1]) == prolog + b"".join(PAGES[last:]) + b"%%Trailer\n%%EOF\n"
        assert on_paper(receiver) == list(range(1, COUNT + 1))
        assert f"{len(prolog):,} bytes before page {last + 1}" in run(fabric, "job", job.number)
