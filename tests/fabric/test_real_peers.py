"""Peers that others wrote, beside those of the byte-identity tests: a terminal server, and stty as a witness."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.rig.documents import ALL_BYTES, zpl
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import PtyReceiver
from tests.rig.terminal_server import ser2net
from tests.surroundings import require_tool


@pytest.mark.timeout(90)
def test_a_serial_printer_behind_ser2net_gets_every_byte_once(tmp_path: Path):
    documents = [
        ALL_BYTES * 8,
        zpl(20),
        b"",
        b"\x00",
    ]
    with (
        ser2net("IP_PI", tmp_path) as receiver,
        real_fabric(tmp_path, [receiver]) as fabric,
        fabric.client() as client,
    ):
        before = receiver.count
        for document in documents:
            job = client.submit(document, printer="ip_pi")
            job = client.wait(job.number, timeout_s=30, or_decision=True)
            assert printed(job), brief(job)
        wait_until(lambda: receiver.count - before >= sum(map(len, documents)), why="bytes are missing")
        assert receiver.settled()[before:] == b"".join(documents)


@pytest.mark.timeout(60)
def test_stty_sees_a_serial_line_set_for_the_hold_and_as_before_after_it(tmp_path: Path):
    receiver = PtyReceiver("COM1:", rate=60_000, flow="rtscts")
    stty = [require_tool("stty"), "-F", receiver.device]
    subprocess.run([*stty, "sane", "9600", "-crtscts"], check=True)
    before = _line(stty)
    assert {"speed 9600 baud", "icanon", "echo", "-crtscts"} <= before
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        job = client.submit(ALL_BYTES * 400, printer="com1")
        wait_until(lambda: receiver.count > 1000)
        during = _line(stty)
        assert {"speed 115200 baud", "-icanon", "-echo", "-opost", "crtscts", "cs8"} <= during
        receiver.rate = 0
        assert printed(client.wait(job.number, timeout_s=20, or_decision=True))
        assert receiver.settled() == ALL_BYTES * 400, "a line that is cooked would have changed some"
        client.printers.delete("com1")  # nobody uses the port now: it is closed
        wait_until(lambda: _line(stty) == before, why="the line's settings were not given back")


def _line(stty: list[str]) -> set[str]:
    """Return a line's settings in stty's words."""
    said = subprocess.run([*stty, "-a"], check=True, capture_output=True, text=True).stdout
    return {word.strip() for line in said.splitlines() for part in line.split(";") for word in _words(part)}


def _words(part: str) -> list[str]:
    return [part] if "=" in part or "speed" in part else part.split()
