"""A FIFO as a printer's device: whose it is, and what becomes of what is still inside when the simulator stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from printfabric_sim.connections.fifo import FifoConnection
from tests.simulators.test_zpl import label


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.write_bytes(b"mine"), os.mkdir])
async def test_what_is_there_already_is_somebody_elses(start, tmp_path, make):
    path = tmp_path / "lp"
    make(path)
    before = path.lstat()
    with pytest.raises(FileExistsError, match="there already"):
        await start("zpl", fifo=str(path))
    assert os.path.samestat(before, path.lstat())


async def test_what_has_taken_its_place_meanwhile_is_left_alone(start, tmp_path):
    path = tmp_path / "lp"
    printer = await start("zpl", fifo=str(path))
    path.unlink()
    path.write_bytes(b"mine")
    await printer.stop()
    assert path.read_bytes() == b"mine"


async def test_a_device_whose_name_is_taken_does_not_come_back_and_says_so(start, tmp_path):
    path = tmp_path / "lp"
    printer = await start("zpl", fifo=str(path))
    (plug,) = (plug for plug in printer.connections if isinstance(plug, FifoConnection))
    plug.vanish(True, False)
    path.write_bytes(b"mine")
    plug.vanish(False, False)
    assert printer.record.counts["event.device not back"] == 1
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("personality", "unfinished"),
    [("zpl", b"^XA^FDSERIAL 00009^FS"), ("escpos", b"Receipt no 00009\n"), ("plain", b"page no 9\n")],
)
def test_sigterm_tells_what_was_waiting(tmp_path, personality, unfinished):
    whole = {"zpl": label(1), "escpos": b"Receipt no 00001\n\x1dV\x00", "plain": b"page no 1\n\x0c"}[
        personality
    ]
    data = whole * 5 + unfinished
    node, record, kept = tmp_path / "lp", tmp_path / "record", tmp_path / "kept"
    plugs = ["--fifo", str(node), "--record", str(record), "--keep-bytes", str(kept)]
    command = [sys.executable, "-m", "printfabric_sim", personality, *plugs, "--units-per-second", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            with node.open("wb", buffering=0) as device:
                device.write(data)
            deadline = time.monotonic() + 30
            while kept.read_bytes() != data and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGTERM)
        last = json.loads(process.stdout.read().splitlines()[-1])
        assert process.wait(20) == 0
    events = [json.loads(row) for row in (record / "events.jsonl").read_text().splitlines()]
    (told,) = (event for event in events if event.get("spans"))
    assert (told["reason"], told["bytes"]) == ("the simulator was stopped", len(data))
    assert last["printers"][0]["received"] == len(data)
    assert (record / "units.jsonl").read_text() == ""
