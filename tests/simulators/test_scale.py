"""What the simulators cost, and how fast they are. The figures in the docs come from here (pytest -s shows them)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.test_zpl import label

FLEET = """
defaults: {host: 127.0.0.1, tcp: 0}
printers:
  - {personality: zpl, count: 80, snmp: 0}
  - {personality: escpos, count: 60, lpd: 0}
  - {personality: pjl, count: 50, ipp: 0}
  - {personality: plain, count: 10, pty: "tty{n}", line: "19200,8,N,1"}
"""


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmHWM")) / 1024


def print_a_little(printers: list[dict[str, Any]]) -> None:
    """Let every printer that has a TCP port print so much that it keeps all it ever keeps of contents."""
    for printer in printers:
        unit = UNITS[printer["personality"]]
        with socket.create_connection(("127.0.0.1", printer["address"]["tcp"]), 10) as sock:
            sock.settimeout(60)
            sock.sendall(unit * (1 + KEPT_BYTES // len(unit)))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.alone
def test_two_hundred_printers_in_one_process_cost_little(tmp_path):
    (tmp_path / "fleet.yaml").write_text(FLEET)
    command = [
        sys.executable,
        "-m",
        "printfabric_sim",
        "fleet",
        str(tmp_path / "fleet.yaml"),
        "--output",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert len(ready["printers"]) == 200
            print_a_little(ready["printers"])
            before, began = cpu_s(process.pid), time.monotonic()
            time.sleep(2)
            share = (cpu_s(process.pid) - before) / (time.monotonic() - began)
            memory = resident_mb(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    print(f"200 printers: {memory:.0f} MB, {share:.1%} of a core when idle")
    assert memory < 400
    assert share < 0.5


UNITS = {
    "zpl": b"^XA^FDSERIAL 1^FS^GFA,60000,60000,100," + b"A5" * 60000 + b"^FS^XZ",
    "escpos": b"\x1b@Receipt no 1\n\x1dv0\x00\x48\x00\xe8\x03" + bytes(72000) + b"\x1dV\x00",
    "pjl": b"\x1b*b60000W" + b"\x0c" * 60000 + b"page no 1\x0c",
    "plain": b"page no 1\n" + b"x" * 60000 + b"\x0c",
}
SEND_MB = 100
KEPT_BYTES = 2_000_000  # more than a printer keeps of the content of its last units
ROUNDS = 5
GOAL_MB_PER_S = 100
# A receiver that does nothing: what the machine's loopback carries at this moment, whoever else is busy.
PLAIN_COPY = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    buffer = bytearray(262144)
    while True:
        connection, _ = server.accept()
        with connection:
            while connection.recv_into(buffer):
                pass
"""


@contextlib.contextmanager
def receiver(*command: str) -> Iterator[str]:
    """Run a program that says in its first line where it listens."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()


def seconds(port: int, piece: bytes, pieces: int) -> float:
    """Send through a real socket until the other side has taken all and closed; by the clock on the wall."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.settimeout(60)
        for _ in range(pieces):
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    return time.perf_counter() - began


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("personality", list(UNITS))
@pytest.mark.alone
def test_one_printer_prints_a_hundred_megabytes_a_second(personality, tmp_path):
    """By the processor time the printer takes; on the wall others on a shared machine are in it."""
    unit = UNITS[personality]
    piece = unit * (4_000_000 // len(unit))
    pieces = SEND_MB * 1_000_000 // len(piece)
    size = len(piece) * pieces / 1e6
    rounds: list[tuple[float, float, float]] = []  # copied, printed by the clock, printed in processor time
    command = ("-m", "printfabric_sim", personality, "--tcp", "0", "--record", str(tmp_path))
    with receiver(*command) as ready, receiver("-c", PLAIN_COPY) as plain:
        port, pid = json.loads(ready)["printers"][0]["address"]["tcp"], json.loads(ready)["pid"]
        while not rounds or (len(rounds) < ROUNDS and rounds[-1][2] < 1.2 * GOAL_MB_PER_S):
            copied = size / seconds(int(plain), piece, pieces)
            before = cpu_s(pid)
            wall = seconds(port, piece, pieces)
            rounds.append((copied, size / wall, size / max(cpu_s(pid) - before, 0.01)))
    units = (tmp_path / "units.jsonl").read_bytes().count(b'"printed"')
    assert units == len(rounds) * pieces * (4_000_000 // len(unit))
    copied, printed, alone = (max(column) for column in zip(*rounds, strict=True))
    print(
        f"{personality}: {printed:.0f} MB/s printed by the clock, {alone:.0f} MB in a second of processor time, "
        f"{copied:.0f} MB/s copied by a plain socket"
    )
    assert alone > GOAL_MB_PER_S


@pytest.mark.alone
def test_small_labels_leave_by_the_thousand():
    data = b"".join(label(n % 100_000) for n in range(20_000))
    rates: list[float] = []
    with receiver("-m", "printfabric_sim", "zpl", "--tcp", "0") as ready:
        port = json.loads(ready)["printers"][0]["address"]["tcp"]
        while len(rates) < 3 and (not rates or max(rates) < 40_000):
            rates.append(20_000 / seconds(port, data, 1))
    print(f"{max(rates):.0f} labels/s")
    assert max(rates) > 1000
