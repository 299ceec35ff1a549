"""Under every fault of a line the record is exact: compared with what was written to the pty."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import time
from pathlib import Path

import pytest
import serial

from tests.simulators.lives import make_unit

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


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("flow", ["xonxoff", "none"])
def test_the_record_of_a_serial_line_is_exact(sim_printer, tmp_path, seed, flow):
    dice = random.Random(seed)
    personality = dice.choice(["zpl", "escpos", "plain"])
    units = [make_unit(personality, n, dice.randint(1, 300), 1) for n in range(30)]
    data = b"".join(units)
    faults = "; ".join(fault.format(n=dice.randint(1, len(data))) for fault in dice.sample(FAULTS, 2))
    printer = sim_printer(
        personality, pty=str(tmp_path / "tty"), line="115200,8,N,1", flow=flow, buffer_bytes=2048,
        units_per_second=dice.choice([0, 400]), faults=faults, seed=seed, keep_bytes=str(tmp_path / "bytes"),
    )  # fmt: skip
    streams = write(tmp_path / "tty", data)
    time.sleep(0.1)
    printer.clear()
    if not any(word in faults for word in ("noise", "power-cut", "device-gone")):
        deadline = time.monotonic() + 8
        while printer.status()["received_bytes"] < len(streams) and time.monotonic() < deadline:
            time.sleep(0.02)  # at the pace of the line
        assert (tmp_path / "bytes").read_bytes() == streams, "what arrived is not what was written"
        assert printer.status()["received_bytes"] == len(streams)
    printer.wait_idle()
    check(printer, streams, units)


def write(path: Path, data: bytes) -> bytes:
    """Write as a program that minds XOFF; return what the kernel took, over all times the device was opened."""
    taken = b""
    deadline = time.monotonic() + 8
    while len(taken) < len(data) and time.monotonic() < deadline:
        with (
            contextlib.suppress(serial.SerialException, OSError),
            serial.Serial(str(path), 115200, xonxoff=True) as port,
        ):
            port.reset_input_buffer()
            while len(taken) < len(data):
                rest = data[len(taken) : len(taken) + 200]
                taken += rest[: os.write(port.fileno(), rest)]
            time.sleep(0.05)
        time.sleep(0.01)
    return taken


def check(printer, taken: bytes, units: list[bytes]) -> None:
    """Whole units are exactly what was written; no byte is in two of them."""
    inlets = [event["inlet"] for event in printer.events("connected")]
    ends: dict[int, int] = {}
    for unit in printer.units():
        if unit["outcome"] == "truncated":
            continue  # a label spoiled by a jam is printed again
        for inlet, first, last in unit["spans"]:
            assert first >= ends.get(inlet, 0), "a byte in two units"
            ends[inlet] = last
        assert unit["bytes"] <= sum(last - first for _, first, last in unit["spans"])
        # With one inlet only, offsets are offsets of what was written.
        if unit["outcome"] == "printed" and len(inlets) == 1:
            whole = b"".join(taken[first:last] for _, first, last in unit["spans"])
            assert unit["sha256"] == hashlib.sha256(whole).hexdigest()
            assert whole.strip() in {sent.strip() for sent in units}, (
                "something else than a unit is called whole"
            )
    assert printer.status()["printed"] > 0
