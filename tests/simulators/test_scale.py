"""What the simulators cost, and how fast they are. The figures in the docs come from here (pytest -s shows them)."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulators.test_zpl import label

FLEET = """
defaults: {host: 127.0.0.1, tcp: 0, units_per_second: 4}
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
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


@pytest.mark.parametrize(
    ("personality", "unit"),
    [
        ("zpl", b"^XA^FDSERIAL 1^FS^GFA,60000,60000,100," + b"A5" * 60000 + b"^FS^XZ"),
        ("escpos", b"\x1b@Receipt no 1\n\x1dv0\x00\x48\x00\xe8\x03" + bytes(72000) + b"\x1dV\x00"),
        ("pjl", b"\x1b*b60000W" + b"\x0c" * 60000 + b"page no 1\x0c"),
        ("plain", b"page no 1\n" + b"x" * 60000 + b"\x0c"),
    ],
)
async def test_one_printer_takes_a_hundred_megabytes_a_second(start, personality, unit):
    """Counted by this process' processor time, sender included: the machine is shared with others."""
    printer = await start(personality)
    piece = unit * (4_000_000 // len(unit))
    best = 0.0
    for run in range(2):
        _, writer = await asyncio.open_connection("127.0.0.1", printer.tcp.port)
        began, clock = time.process_time(), time.perf_counter()
        for _ in range(25):
            writer.write(piece)
            await writer.drain()
        await printer.wait_units((run + 1) * 25 * (4_000_000 // len(unit)), 30)
        size = 25 * len(piece) / 1e6
        best = max(best, size / (time.process_time() - began))
        print(
            f"{personality}: {size / (time.perf_counter() - clock):.0f} MB/s, {best:.0f} MB a processor second"
        )
        writer.close()
        await writer.wait_closed()
        if best > 150:
            break
    assert best > 100


async def test_small_labels_leave_by_the_thousand(start):
    printer = await start("zpl")
    data = b"".join(label(n % 100_000) for n in range(20_000))
    _, writer = await asyncio.open_connection("127.0.0.1", printer.tcp.port)
    began = time.perf_counter()
    writer.write(data)
    await printer.wait_units(20_000, 30)
    rate = 20_000 / (time.perf_counter() - began)
    writer.close()
    print(f"{rate:.0f} labels/s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    assert rate > 2000
