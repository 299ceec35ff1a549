"""A job ends in the middle of a label, a receipt, a page: nobody else's paper begins with the half of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric_client.sync import Client
from printfabric_sim.pytest_plugin import MakePrinter, PrinterHandle
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import Receiver

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

    @property
    def settings(self) -> dict[str, Any]:
        if self.plug == "pty":
            return {"device": str(self._node), "baud": 115200, "flow": "none"}
        return {"host": "127.0.0.1", "port": self.sim.port}

    def _run(self) -> None:
        """The simulator has a thread of its own."""

    def goes_on(self) -> None:
        """It takes bytes again."""
        self.sim.clear("zero-window")

    def unit(self, text: bytes) -> bytes:
        return UNIT[self.personality](text)


def half_job(client: Client, sim: Sim) -> Job:
    """Submit two units and the beginning of a third, and wait until the printer has a part of that."""
    whole = [sim.unit(b"mine 1"), sim.unit(b"mine 2")]
    size = _LONG if sim.plug == "pty" else 12 * _LONG
    job = client.submit(b"".join(whole) + sim.unit(b"MINE" * (size // 4)), printer=sim.port)

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
