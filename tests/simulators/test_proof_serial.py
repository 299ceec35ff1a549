"""Under every fault of a line or a device node the record is exact: compared with what was written to it."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tests.simulators.bookkeeping import Books, check
from tests.simulators.lives import make_unit
from tests.simulators.nodes import line_up

FAULTS = [
    "noise=3@byte:{n}",
    "noise=1@unit:3..6*4",
    "xoff=0.05@byte:{n}",
    "cts-low=0.05@unit:3",
    "freeze=0.05@byte:{n}",
    "power-cut=0.05@byte:{n}",
    "media-out=0.05@unit:4",
    "jam=0.02@start:5",
    "slow=20000,0.05@byte:{n}",
    "reset@unit:5",
    "garbage=4@unit:2",
    "device-gone=0.1,same@byte:{n}",
    # Before anybody has opened the line:
    "xoff=0.1",
    "cts-low=0.1",
    "freeze=0.1",
    "noise=2",
    "power-cut=0.05",
    "device-gone=0.1,same",
]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["xonxoff", "none", "device", "fifo"])
def test_the_record_of_a_line_or_a_device_is_exact(sim_printer, tmp_path, seed, kind):
    dice = random.Random(seed)
    personality = dice.choice(["zpl", "escpos", "plain"])
    units = [make_unit(personality, n, dice.randint(1, 300), 1) for n in range(30)]
    data = b"".join(units)
    possible = [fault for fault in FAULTS if kind != "fifo" or not fault.startswith(("noise", "garbage"))]
    faults = "; ".join(fault.format(n=dice.randint(1, len(data))) for fault in dice.sample(possible, 2))
    node = tmp_path / "tty"
    line = {"pty": str(node), "line": "115200,8,N,1", "flow": kind}
    printer = sim_printer(
        personality, **({kind: str(node)} if kind in ("device", "fifo") else line), buffer_bytes=2048,
        units_per_second=dice.choice([0, 400]), faults=faults, seed=seed, record=str(tmp_path), keep_bytes=str(tmp_path / "bytes"),
    )  # fmt: skip
    streams = write(node, data, serial_line=kind not in ("device", "fifo"))
    time.sleep(0.1)
    printer.clear()
    if not any(word in faults for word in ("noise", "power-cut", "device-gone")):
        deadline = time.monotonic() + 8
        while printer.status()["received_bytes"] < len(streams) and time.monotonic() < deadline:
            time.sleep(0.02)  # at the pace of the line
        assert (tmp_path / "bytes").read_bytes() == streams, "what arrived is not what was written"
        assert printer.status()["received_bytes"] == len(streams)
    printer.wait_idle()
    printer.stop()
    books = Books(personality, tmp_path, {})
    line_up(books, streams, (tmp_path / "bytes").read_bytes())
    check(books, printer.status()["received_bytes"])
    assert printer.status()["printed"] > 0


@contextlib.contextmanager
def opened(path: Path, *, serial_line: bool) -> Iterator[int]:
    """Open the node as a program does that minds XOFF, or that only writes; never waits in a write."""
    if serial_line:
        with serial.Serial(str(path), 115200, xonxoff=True) as port:
            port.reset_input_buffer()
            yield port.fileno()
        return
    fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def write(path: Path, data: bytes, *, serial_line: bool) -> bytes:
    """Write all of `data`; return what the kernel took, over all times the node was opened."""
    taken = b""
    deadline = time.monotonic() + 8
    while len(taken) < len(data) and time.monotonic() < deadline:
        with (
            contextlib.suppress(serial.SerialException, OSError),
            opened(path, serial_line=serial_line) as fd,
        ):
            while len(taken) < len(data):
                rest = data[len(taken) : len(taken) + 200]
                taken += rest[: os.write(fd, rest)]
            time.sleep(0.05)
        time.sleep(0.01)
    return taken
