"""A fault at byte n strikes at byte n, whatever the connection, and whatever the packets are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

import pytest
import serial

from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build
from tests.simulators.lives import plug_of, wrapped
from tests.simulators.test_waiting import client, until
from tests.simulators.test_zpl import label

# pyserial's own use of threading in rfc2217.py
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

DOCUMENT = b"".join(label(n) for n in range(10))
NODES = ("pty", "unpaced", "device", "fifo")


def on_a_node(kind, folder, fault):
    plug = {
        "pty": {"pty": str(folder / "node"), "line": "19200,8,N,1", "flow": "none"},
        "unpaced": {"pty": str(folder / "node"), "flow": "none"},
        "device": {"device": str(folder / "node")},
        "fifo": {"fifo": str(folder / "node")},
    }[kind]
    return build(Plan.from_mapping({"personality": "zpl", "faults": fault, **plug}))


def write(node, data):
    fd = os.open(node, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    assert os.write(fd, data) == len(data)
    return fd


@pytest.mark.parametrize("fault", ["freeze", "zero-window"])
@pytest.mark.parametrize("kind", NODES)
async def test_a_node_takes_no_byte_behind_the_one_at_which_it_falls_silent(tmp_path, kind, fault):
    async with on_a_node(kind, tmp_path, f"{fault}@byte:30") as printer:
        fd = write(tmp_path / "node", DOCUMENT)
        await until(lambda: fault in printer.actions.lasting())
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert printer.core.intake.received == 30
        printer.clear(fault)
        await printer.wait_units(10)
        assert printer.core.intake.received == len(DOCUMENT)
        os.close(fd)


@pytest.mark.parametrize("fault", ["freeze", "zero-window"])
@pytest.mark.parametrize("kind", ["tcp", "lpd", "ipp", "rfc2217"])
async def test_a_connection_takes_no_byte_behind_the_one_at_which_it_falls_silent(kind, fault):
    printer = SimulatedPrinter("zpl", faults=f"{fault}@byte:30")
    printer.connect(lambda core: plug_of(kind, core))
    async with printer:
        head, tail, _ = wrapped(kind, DOCUMENT)
        sock = client(printer, head + DOCUMENT + tail)
        await until(lambda: fault in printer.actions.lasting())
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert printer.core.intake.received == 30
        printer.clear(fault)
        await printer.wait_units(10)
        sock.close()


@pytest.mark.parametrize("chunk", [1, 24, 1000])
@pytest.mark.parametrize("kind", ["unpaced", "device", "rfc2217"])
async def test_noise_damages_the_bytes_behind_its_moment_however_they_come(tmp_path, kind, chunk):
    fault = "noise=2@byte:30"
    if kind == "rfc2217":
        printer = SimulatedPrinter("zpl", faults=fault)
        printer.connect(lambda core: plug_of(kind, core))
    else:
        printer = on_a_node(kind, tmp_path, fault)

    def work():
        url = printer.status()["address"].get("rfc2217") or str(tmp_path / "node")
        with serial.serial_for_url(url) as port:
            for at in range(0, len(DOCUMENT), chunk):
                port.write(DOCUMENT[at : at + chunk])
            taken.wait(30)

    async with printer:
        taken = threading.Event()
        sending = asyncio.create_task(asyncio.to_thread(work))
        with contextlib.ExitStack() as stack:
            stack.callback(taken.set)
            await until(lambda: printer.core.intake.received == len(DOCUMENT))
        await sending
        hit = [
            (event["at"], event["bytes"])
            for event in printer.record.events
            if event["event"] == "bytes damaged"
        ]
        assert hit in ([(30, 2)], [(30, 1), (31, 1)])
        assert printer.actions.lasting() == []


@pytest.mark.parametrize("sent", [b"", label(1)])
async def test_noise_that_meets_no_byte_is_told_and_no_other_is(tmp_path, sent):
    async with on_a_node("device", tmp_path, "noise=2") as printer:
        assert printer.actions.lasting() == ["noise"]
        fd = write(tmp_path / "node", sent)
        await until(lambda: printer.core.intake.received == len(sent))
        assert printer.actions.lasting() == ([] if sent else ["noise"])
        os.close(fd)
    told = [event["why"] for event in printer.record.events if event["event"] == "fault without effect"]
    assert told == ([] if sent else ["no byte has come that it could damage"])
