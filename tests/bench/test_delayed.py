"""The measurement over lines with delay works, by packets and by a proxy, and is as long as it says; no other time is asserted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.line import OnItsWay
from tests.surroundings import require_tool

ROOT = Path(__file__).resolve().parents[2]
PACKET = bytes(30) + b"PQRS" + bytes(1476)  # ten bytes in front, addresses, ports


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("by", ["as here", "a proxy"])
def test_each_part_has_figures(by: str, tmp_path: Path) -> None:
    environment = dict(os.environ)
    if by == "a proxy":  # without `ip` no device is made
        (tmp_path / "setpriv").symlink_to(require_tool("setpriv"))
        environment["PATH"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.delayed", "--delays", "20", "--mbit", "400", "--size", "4", "--jobs", "100"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=290,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    client, _, client_row, _, host, _, host_row = done.stdout.splitlines()[:7]
    assert client.startswith("| client, by ")
    assert host.startswith("| host, by ")
    assert ("proxy" in client) or by != "a proxy"
    assert {row.split("|")[1] for row in (client_row, host_row)} == {" 20 ms, 400 Mbit/s "}
    figures = [float(cell.replace(",", "")) for cell in client_row.split("|")[2:-1]]
    assert len(figures) == 6
    assert min(figures) > 0
    assert figures[-1] > 20  # no byte comes out sooner than there and back


def test_a_packet_comes_after_half_the_delay_and_its_turn() -> None:
    line = OnItsWay(0.025, 1_000_000)
    for _ in range(2):
        line.take(PACKET, 0.0)
    each_s = (len(PACKET) + 180) / 1e6

    assert list(line.due(0.025 + each_s - 1e-6)) == []
    assert list(line.due(0.025 + each_s + 1e-6)) == [PACKET]
    assert line.wait_s(0.0) == pytest.approx(0.025 + 2 * each_s)
    assert list(line.due(1.0)) == [PACKET]
    assert line.wait_s(1.0) is None


def test_what_would_wait_too_long_is_lost() -> None:
    line = OnItsWay(0.0, 1_000_000)
    for _ in range(1000):
        line.take(PACKET, 0.0)

    came = len(list(line.due(60.0)))
    assert 50 < came < 100  # a tenth of a second of them
