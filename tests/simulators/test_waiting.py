"""Who waits in the queue, or is just being accepted, is no better off than who is connected when the printer dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import struct
import sys
from typing import Any

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.connections.ipp_jobs import JobState
from tests.simulators.lives import ipp_request, plug_of, wrapped
from tests.simulators.test_zpl import label

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs SO_ATTACH_FILTER")

# RFC 8011: operations of IPP, and an attribute.
PRINT_JOB, CANCEL_JOB = 0x0002, 0x0008
FIRST_JOB = (0x21, b"job-id", (1).to_bytes(4, "big"))


def client(printer, data=b""):
    """Connect, which the kernel does by itself, and send without waiting for anybody."""
    sock = socket.create_connection(("127.0.0.1", next(plug.port for plug in printer.connections)))
    sock.sendall(data)
    sock.setblocking(False)
    return sock


def unacknowledged(sock):
    """tcpi_unacked, the sixth word after eight bytes: packets that the other side's kernel has not answered."""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


async def answer(sock):
    """Return what comes until the end of the connection; None if it is reset."""
    got, loop = b"", asyncio.get_running_loop()
    with contextlib.closing(sock):
        async with asyncio.timeout(30):
            try:
                while data := await loop.sock_recv(sock, 1000):
                    got += data
            except ConnectionError:
                return None
    return got


async def until(reached):
    for _ in range(6000):
        if reached():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


async def power_back(printer):
    await until(lambda: printer.status()["power"])


async def two(printer):
    """Return a client that is served, and one that waits behind it with a label that the kernel has taken."""
    served = client(printer, label(1))
    await printer.wait_units(1)
    waiting = client(printer, label(2))
    await until(lambda: unacknowledged(waiting) == 0)
    return served, waiting


def lost(printer):
    return {
        event["reason"]: event["bytes"] for event in printer.record.events if event["event"] == "discarded"
    }


@pytest.mark.parametrize("fault", ["power-cut=0.2", "reboot=0.2"])
async def test_a_queued_connection_does_not_outlive_the_power_and_its_label_is_told_as_lost(start, fault):
    printer = await start("zpl")
    served, waiting = await two(printer)
    printer.fault(fault)
    if fault.startswith("power-cut"):
        waiting.send(b"x")
        assert unacknowledged(waiting) == 1
    assert await answer(waiting) is None
    assert await answer(served) is None
    await power_back(printer)
    assert lost(printer) == {"waited to be served when the power went": len(label(2))}
    again = client(printer, label(3))
    await printer.wait_units(2)
    assert printer.record.serials() == ["00001", "00003"]
    again.close()


async def test_power_comes_back_to_a_process_that_had_no_file_descriptor_left(start):
    printer = await start("zpl")
    served, waiting = await two(printer)
    free = os.dup(served.fileno())
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        printer.fault("power-cut=0.1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [await answer(sock) for sock in (served, waiting)] == [None, None]
    await power_back(printer)
    again = client(printer, label(3))
    await printer.wait_units(2, 30)
    assert printer.record.serials() == ["00001", "00003"]
    again.close()


async def test_who_waits_and_has_sent_nothing_is_reset_and_holds_nobody_up(start):
    printer = await start("zpl")
    served, waiting = await two(printer)
    silent = client(printer)
    printer.fault("power-cut=0.05")
    assert [await answer(sock) for sock in (served, waiting, silent)] == [None, None, None]


async def test_a_queued_connection_is_frozen_with_the_printer_and_served_when_it_wakes(start):
    printer = await start("zpl")
    served, waiting = await two(printer)
    printer.fault("freeze")
    waiting.send(label(3))
    assert unacknowledged(waiting) == 1
    served.close()
    printer.clear("freeze")
    await printer.wait_units(3, 30)
    assert printer.record.serials() == ["00001", "00002", "00003"]
    waiting.close()


async def test_of_a_frozen_queue_nothing_is_printed_when_the_power_goes_too(start):
    printer = await start("zpl")
    served, waiting = await two(printer)
    printer.fault("freeze; power-cut=0.05")
    assert await answer(waiting) is None
    assert await answer(served) is None
    printer.clear("freeze")
    again = client(printer, label(3))
    await printer.wait_units(2)
    assert printer.record.serials() == ["00001", "00003"]
    again.close()


@pytest.mark.parametrize("fault", ["freeze", "power-cut=0.2"])
async def test_who_still_waits_from_a_freeze_before_falls_silent_too(start, fault):
    printer = await start("zpl")
    served, waiting = await two(printer)
    printer.fault("freeze")
    printer.clear("freeze")
    printer.fault(fault)
    waiting.send(label(3))
    assert unacknowledged(waiting) == 1
    served.close()
    if fault == "freeze":
        printer.clear("freeze")
        await printer.wait_units(3, 30)
    else:
        assert await answer(waiting) is None
        await power_back(printer)
        assert printer.record.serials() == ["00001"]
    waiting.close()


@pytest.mark.parametrize("kind", ["tcp", "lpd", "ipp", "rfc2217"])
@pytest.mark.parametrize("fault", ["power-cut=0.03", "reboot=0.03"])
async def test_a_cut_at_any_moment_of_being_accepted_leaves_no_promise_that_is_not_kept(kind, fault):
    head, tail, _ = wrapped(kind, label(1))
    for steps in range(9):
        printer = SimulatedPrinter("zpl")
        printer.connect(lambda core: plug_of(kind, core))
        async with printer:
            sock = client(printer, head + label(1) + tail)
            for _ in range(steps):
                await asyncio.sleep(0)
            printer.fault(fault)
            got = await answer(sock)
            assert got is None, f"the connection survived the cut after {steps} steps"
            await power_back(printer)
            jobs = [job for plug in printer.connections for job in getattr(plug, "jobs", {}).values()]
            completed = [job for job in jobs if job.state(printer.core) is JobState.COMPLETED]
            assert len(completed) <= printer.record.printed, (
                f"completed, and not printed, after {steps} steps"
            )


def with_one_plug(kind, **settings) -> tuple[SimulatedPrinter, Any]:
    """Return a printer, and the plug of this kind that it has."""
    printer = SimulatedPrinter("zpl", **settings)
    printer.connect(lambda core: plug_of(kind, core))
    return printer, printer.connections[0]


async def unread(printer, plug, data):
    """Return a client whose `data` lies in the printer's reader: it has come, and nothing is made of it yet."""
    sock = client(printer)
    await until(lambda: plug.links)
    (link,) = plug.links
    for _ in range(20):  # the dialogue begins, and waits for its first line
        await asyncio.sleep(0)
    link.reader.feed_data(data)
    return sock


@pytest.mark.parametrize("kind", ["lpd", "ipp", "rfc2217"])
@pytest.mark.parametrize("fault", ["reset", "power-cut=0.03", "reboot=0.03"])
async def test_what_was_read_and_not_looked_at_is_lost_with_its_connection(kind, fault):
    head, tail, _ = wrapped(kind, label(1))
    printer, plug = with_one_plug(kind)
    async with printer:
        sock = await unread(printer, plug, head + label(1) + tail)
        printer.fault(fault)
        assert await answer(sock) is None
        await power_back(printer)
        await until(lambda: not plug.links and not printer.core.intake.inlets)
        await until(lambda: sum(lost(printer).values()) == len(label(1)))
        assert printer.record.serials() == []
        assert getattr(plug, "jobs", {}) == {}, "a job of a connection that is gone"


async def test_a_request_of_a_connection_that_was_reset_cancels_no_job():
    printer, plug = with_one_plug("ipp", faults="media-out")
    async with printer:
        first = client(printer, ipp_request(PRINT_JOB, label(1)) + label(1))
        await until(lambda: plug.jobs and printer.core.units_waiting == 1)
        first.close()
        await until(lambda: not plug.links)
        sock = await unread(printer, plug, ipp_request(CANCEL_JOB, b"", FIRST_JOB))
        printer.fault("reset")
        assert await answer(sock) is None
        await until(lambda: not plug.links)
        printer.clear()
        await printer.wait_units(1, 30)
        assert plug.jobs[1].state(printer.core) is JobState.COMPLETED


@pytest.mark.parametrize("fault", ["freeze", "power-cut=60"])
async def test_a_printer_that_plays_dead_refuses_no_request(fault):
    printer, plug = with_one_plug("ipp")
    async with printer:
        sock = await unread(printer, plug, b"GARBAGE\r\n\r\n")
        printer.fault(fault)
        for _ in range(20):
            await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        if fault == "freeze":
            printer.clear()
            got = await answer(sock)
            assert got is not None
            assert got.startswith(b"HTTP/1.1 400")
        sock.close()
