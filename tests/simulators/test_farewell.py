"""A FIN is a FIN: on every connection the sender reads an orderly end, whatever it has sent that nobody read."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.simulators.lives import wrapped
from tests.simulators.test_zpl import label

KINDS = ["tcp", "lpd", "ipp", "rfc2217"]
DOCUMENT = b"".join(label(n % 100_000) for n in range(40_000))  # more than all buffers on the way hold


async def connect(printer, kind):
    (plug,) = (plug for plug in printer.connections if kind in plug.address())
    return await asyncio.open_connection("127.0.0.1", plug.port)


async def all_sent(writer, data):
    writer.write(data)
    await writer.drain()


async def until(reached) -> None:
    """Wait until `reached()` is true; the caller has a deadline."""
    while not reached():  # noqa: ASYNC110 (what is waited for has no event)
        await asyncio.sleep(0.01)


async def until_the_end(reader) -> None:
    """Read until the orderly end; a reset raises ConnectionResetError."""
    while await reader.read(4096):
        pass


@pytest.mark.parametrize("drop", ["", "=drop"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_fin_is_no_reset_though_more_was_sent_than_was_read(start, kind, drop):
    printer = await start(
        "zpl", units_per_second=100, buffer_bytes=4096, faults=f"fin{drop}@byte:3000", **{kind: 0}
    )
    async with asyncio.timeout(30):
        reader, writer = await connect(printer, kind)
        head, tail, _ = wrapped(kind, DOCUMENT)
        sending = asyncio.create_task(all_sent(writer, head + DOCUMENT + tail))
        await until_the_end(reader)
        await sending  # nothing breaks it off
        writer.close()
        await writer.wait_closed()
        await printer.wait_idle(20)
    assert printer.record.counts["event.dialogue broken"] == 0 or kind == "ipp"
    whole = 3000 // len(label(1))
    assert printer.record.printed == whole if not drop else printer.record.printed < whole


@pytest.mark.parametrize("kind", KINDS)
async def test_accept_and_close_is_a_fin_and_what_was_sent_is_told(start, kind):
    printer = await start("zpl", faults="accept-close", **{kind: 0})
    async with asyncio.timeout(30):
        reader, writer = await connect(printer, kind)
        writer.write(label(1))
        await until_the_end(reader)
        writer.write(label(2))  # still no reset
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        size = len(label(1) + label(2))
        await until(lambda: printer.record.lost_bytes == size)
    told = [event for event in printer.record.events if event["event"] == "discarded"]
    (connected,) = (event for event in printer.record.events if event["event"] == "connected")
    spans = [span for event in told for span in event["spans"]]
    assert {inlet for inlet, _, _ in spans} == {event["inlet"] for event in told} == {connected["inlet"]}
    assert sum(end - start for _, start, end in spans) == size
    assert {event["reason"] for event in told} == {"came to a closed door"}
    assert printer.record.counts["event.accepted and closed"] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sender_that_says_nothing_more_is_let_go(start, kind):
    printer = await start("zpl", **{kind: 0})
    async with asyncio.timeout(30):
        reader, writer = await connect(printer, kind)
        (plug,) = (plug for plug in printer.connections if kind in plug.address())
        await until(lambda: plug.links)
        printer.fault("fin")
        await until_the_end(reader)
        await until(lambda: not plug.links)
        assert plug.may_accept()
        writer.close()


async def test_a_dead_printer_answers_nothing_and_a_frozen_one_when_it_wakes(start):
    printer = await start("zpl", lpd=0, faults="freeze=0.2@byte:10")
    async with asyncio.timeout(30):
        reader, writer = await connect(printer, "lpd")
        head, tail, answer = wrapped("lpd", label(1))
        writer.write(head + label(1) + tail)
        assert await reader.readexactly(3) == answer
        writer.close()
        await writer.wait_closed()
    printer.fault("power-cut=0.1@byte:50")
    async with asyncio.timeout(30):
        reader, writer = await connect(printer, "lpd")
        writer.write(head + label(1) + tail)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(3)
        writer.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_every_listener_has_an_ipv6_host(start, kind):
    printer = await start("zpl", host="::1", **{kind: 0})
    address = json.dumps(printer.status()["address"])
    (plug,) = (plug for plug in printer.connections if kind in plug.address())
    assert kind in ("tcp", "lpd") or f"[::1]:{plug.port}" in address
    async with asyncio.timeout(30):
        _, writer = await asyncio.open_connection("::1", plug.port)
        head, tail, _ = wrapped(kind, label(1))
        writer.write(head + label(1) + tail)
        await printer.wait_units(1, 20)
        writer.close()
    peers = [event["peer"] for event in printer.record.events if event["event"] == "connected"]
    assert all(peer.startswith("[::1]:") for peer in peers)


class _Transport(asyncio.Transport):
    """A connection with nobody behind it."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def test_a_connection_that_the_simulator_gives_up_is_not_called_ended_by_its_sender(start):
    printer = await start("zpl")
    link = printer.connections[0].protocol()
    link.connection_made(_Transport())
    link.connection_lost(None)  # as when it stops while it accepts: no end of the sender's has come
    (over,) = (event for event in printer.record.events if event["event"] == "disconnected")
    assert over["how"] == "closed"
