"""A job ends in the middle of a label, a receipt, a page: nobody else's paper begins with the half of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from printfabric.spooler.v1.print_service_pb2 import UNCERTAIN_DECISION_SKIP
from printfabric.spooler.v1.printer_service_pb2 import Printer, RedirectPolicy
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric_client.sync import Client
from printfabric_sim.pytest_plugin import MakePrinter, PrinterHandle
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, brief, printed, real_fabric, spooler_settings
from tests.rig.receivers import PtyReceiver, Receiver

_STALL_AT = 900  # bytes: in the first half unit
_UEL = b"\x1b%-12345X"
_LONG = 400_000  # bytes of a unit that no buffer on the way takes whole; over TCP as many again and again


def _zpl(text: bytes) -> bytes:
    return b"^XA^FO20,20^FD%b^FS^XZ" % text


def _receipt(text: bytes) -> bytes:
    return b"\x1b@%b\n\x1dVB\x00" % text


def _pages(text: bytes) -> bytes:
    return _UEL + b"@PJL ENTER LANGUAGE=PCL\r\n\x1bE%b\x0c\x1bE" % text + _UEL


def _text(text: bytes) -> bytes:
    return b"%b\n\x0c" % text


UNIT: dict[str, Callable[[bytes], bytes]] = {
    "zpl": _zpl,
    "escpos": _receipt,
    "pjl": _pages,
    "plain": _text,
}


class Sim(Receiver):
    """A simulated printer on a port."""

    def __init__(self, port: str, make: MakePrinter, personality: str, plug: str, folder: Path) -> None:
        super().__init__(port)
        node = folder / f"node-{port}"
        more: dict[str, Any] = {"pty": str(node)} if plug == "pty" else {"tcp": 0, "rcvbuf_bytes": 8192}
        self.monitor = "serial" if plug == "pty" else "raw"
        self.personality, self.plug = personality, plug
        self.sim: PrinterHandle = make(personality, faults=f"zero-window@byte:{_STALL_AT}", **more)
        self.units: list[bytes] = []
        self.sim.printer.core.on_unit.append(lambda _entry, unit: self.units.append(unit.content))
        self._node = node
        self.grace_s = 30.0

    @property
    def settings(self) -> dict[str, Any]:
        if self.plug == "pty":
            return {"device": str(self._node), "baud": 115200, "flow": "none", "graceS": self.grace_s}
        return {"host": "127.0.0.1", "port": self.sim.port}

    def _run(self) -> None:
        """The simulator has a thread of its own."""

    def goes_on(self) -> None:
        """It takes bytes again."""
        self.sim.clear("zero-window")

    def unit(self, text: bytes) -> bytes:
        return UNIT[self.personality](text)


def half_job(client: Client, sim: Sim, printer: str = "") -> Job:
    """Submit two units and the beginning of a third, and wait until the printer has a part of that."""
    whole = [sim.unit(b"mine 1"), sim.unit(b"mine 2")]
    size = _LONG if sim.plug == "pty" else 12 * _LONG
    job = client.submit(b"".join(whole) + sim.unit(b"MINE" * (size // 4)), printer=printer or sim.port)

    def amid() -> bool:
        return client.get(job.number).ledger.offsets.accepted > _STALL_AT + 200

    wait_until(amid, why="the third unit is not begun")
    return client.get(job.number)


def theirs_is_clean(client: Client, sim: Sim, printer: str, half: Job) -> None:
    """Print for somebody else, and look at the paper."""
    document = sim.unit(b"theirs")
    job = client.wait(client.submit(document, printer=printer).number, timeout_s=30, or_decision=True)
    assert printed(job), brief(job)
    wait_until(
        lambda: any(b"theirs" in one for one in sim.units), why=f"it did not come out: {sim.units[-1:]}"
    )
    last = next(one for one in sim.units if b"theirs" in one)
    assert b"MINE" not in last, last[:80]
    said = client.explain(f"jobs/{job.number}")
    assert f"of job {half.number}" in str(said), said


@pytest.mark.timeout(120)
def test_what_a_cancelled_job_left_is_closed_before_the_next_one(
    tmp_path: Path, sim_printer: MakePrinter
) -> None:
    kinds = [(personality, plug) for personality in UNIT for plug in ("pty", "tcp")]
    sims = [Sim(f"{name}_{plug}", sim_printer, name, plug, tmp_path) for name, plug in kinds]
    with real_fabric(tmp_path, sims) as found, found.client() as client:
        halves = [half_job(client, sim) for sim in sims]
        for sim, half in zip(sims, halves, strict=True):
            client.cancel(half.number)
            sim.goes_on()
            ended = client.wait(half.number, timeout_s=30)
            assert ended.state == JobState.JOB_STATE_CANCELED, brief(ended)
            theirs_is_clean(client, sim, sim.port, half)
            said = client.explain(f"jobs/{half.number}")
            assert "before job" in said.loss, said


@pytest.mark.timeout(150)
def test_it_is_closed_after_kills_too_and_for_another_printer_of_the_port(
    tmp_path: Path, sim_printer: MakePrinter
) -> None:
    sims = [
        Sim("labels", sim_printer, "zpl", "pty", tmp_path),
        Sim("receipts", sim_printer, "escpos", "tcp", tmp_path),
    ]
    with real_fabric(tmp_path, sims) as found, found.client() as client:
        for sim in sims:
            client.printers.create(f"{sim.port}-2", [f"{HOST}/{sim.port}"], allow_unknown_ports=True)
        for killed in (found.spooler, found.portmon):
            halves = [half_job(client, sim) for sim in sims]
            killed.kill()
            killed.start()
            for sim, half in zip(sims, halves, strict=True):
                client.cancel(half.number)
                sim.goes_on()
                ended = client.wait(half.number, timeout_s=30)
                assert ended.state == JobState.JOB_STATE_CANCELED, brief(ended)
                theirs_is_clean(client, sim, f"{sim.port}-2", half)
                sim.units.clear()
                sim.sim.fault("zero-window")


@pytest.mark.timeout(90)
def test_it_is_closed_where_a_job_left_its_port_for_another(tmp_path: Path, sim_printer: MakePrinter) -> None:
    sims = [Sim(name, sim_printer, "zpl", "pty", tmp_path) for name in ("one", "two")]
    first, second = sims
    with real_fabric(tmp_path, sims) as found, found.client() as client:
        rules = Printer(
            accepting=True,
            redirect=RedirectPolicy.REDIRECT_POLICY_REDIRECT_NOW,
            on_uncertain=UNCERTAIN_DECISION_SKIP,
        )
        client.printers.create(
            "pool", [f"{HOST}/one", f"{HOST}/two"], settings=rules, allow_unknown_ports=True
        )
        second.goes_on()
        half = half_job(client, first, "pool")
        first.sim.fault("device-gone=1,same")
        assert printed(client.wait(half.number, timeout_s=30, or_decision=True))
        assert any(b"MINEMINE" in unit for unit in second.units)
        first.goes_on()
        theirs_is_clean(client, first, "one", half)


@pytest.mark.timeout(90)
def test_where_nobody_knows_what_closes_it_the_port_waits_for_a_person_or_the_next_sheet_is_named(
    tmp_path: Path,
) -> None:
    line = PtyReceiver("LINE", rate=2000)
    with real_fabric(tmp_path, [line]) as found, found.client() as client:
        rules = Printer(accepting=True, on_uncertain=UNCERTAIN_DECISION_SKIP)
        client.printers.create("goes-on", [f"{HOST}/LINE"], settings=rules, allow_unknown_ports=True)

        def half() -> Job:
            job = client.submit(b"\x01\x02MINE" * 60_000, printer="line")
            wait_until(lambda: client.get(job.number).ledger.offsets.accepted > 1000)
            client.cancel(job.number)
            assert "nobody knows what closes it" in client.explain(f"jobs/{job.number}").loss
            return client.wait(job.number, timeout_s=30)

        before = half()
        line.rate = 0
        job = client.submit(b"\x01\x02theirs", printer="line")
        # "may lie", while all that the line took may have been dropped by the cancel
        words = f"half of job {before.number} "
        wait_until(lambda: words in str(client.explain(f"jobs/{job.number}")).lower(), why="nobody is told")
        assert client.get(job.number).ledger.offsets.accepted == 0
        assert (
            client.explain(f"jobs/{job.number}").actions[0].command == f"printfabric ports resume {HOST}/LINE"
        )
        client.ports.resume(f"{HOST}/LINE")
        assert printed(client.wait(job.number, timeout_s=30))
        assert f"of job {before.number} may lie" in client.explain(f"jobs/{job.number}").loss

        line.rate = 2000
        before = half()
        line.rate = 0
        job = client.wait(client.submit(b"\x01\x02theirs", printer="goes-on").number, timeout_s=30)
        assert printed(job), brief(job)
        assert f"of job {before.number} may lie" in client.explain(f"jobs/{job.number}").loss


@pytest.mark.timeout(90)
def test_a_spooler_that_lost_its_lease_leaves_a_half_that_another_fabric_hears_of(
    tmp_path: Path, sim_printer: MakePrinter
) -> None:
    sim = Sim("labels", sim_printer, "zpl", "pty", tmp_path)
    sim.grace_s = 1.0
    with real_fabric(tmp_path, [sim], portmon="most_lease_s = 1\nlease_s = 1") as found:
        with found.client() as client:
            half_job(client, sim)
            found.spooler.kill()
        (tmp_path / "b").mkdir()
        settings = spooler_settings(tmp_path / "b", found.portmon.address, {"theirs": [sim.port]})
        other = Program("spooler", tmp_path / "b", settings)
        try:
            other.start()
            with Client(other.address) as client:
                job = client.submit(sim.unit(b"theirs"), printer="theirs")

                def told() -> bool:
                    words = str(client.explain(f"jobs/{job.number}"))
                    return "may lie in the printer" in words or "lies in the printer" in words

                wait_until(told, why="nobody is told")
                assert client.get(job.number).ledger.offsets.accepted == 0
        finally:
            other.stop()
