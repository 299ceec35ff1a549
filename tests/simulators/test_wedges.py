"""Whatever came before, the next sender is served: garbage on every plug, full buffers, work that is thrown away."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from printfabric_sim.plan import Plan, build
from tests.simulators.lives import wrapped
from tests.simulators.test_zpl import label

UEL = b"\x1b%-12345X"
# Pieces that mean something, so that garbage gets past the first byte.
PIECES = {
    "zpl": [
        b"^XA", b"^XZ", b"^FD", b"^FS", b"^PQ", b"~HS", b"~JA", b"~JR", b"~PH", b"~HQ", b"^LL", b"^DF", b"~PP", b"~PS",
        b"~WC", b'! U1 getvar "', b'{}{"', b"^", b"~", b"~JX", b"^XG", b"^GFA,9,9,9,",
    ],
    "escpos": [
        b"\x1b@", b"\x1dV\x00", b"\x1d(H\x06\x0000abcd", b"\x10\x04\x01", b"\x10\x05\x02", b"\x1dv0", b"\x1b*", b"\x1d(k",
        b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", b"\x1d8L", b"\x1da\xff", b"\x1dI", b"\x1dr", b"\x1d", b"\x1b", b"\x10",
    ],
    "pjl": [
        UEL, b"@PJL ", b"@PJL SET COPIES=", b"@PJL USTATUS TIMED=5\r\n", b"@PJL INFO ", b"@PJL ENTER LANGUAGE=", b"PDF",
        b"POSTSCRIPT", b"\r\n", b"%!PS-Adobe\n%%Page: 1 1\n", b"showpage ", b"%PDF-1.4 /Type /Page ", b"/Count 9",
        b"\x1b*b9W", b"\x1bE", b"\x0c", b"\x1b&l2X", b"@PJL EOJ\r\n", b'@PJL JOB NAME="x"\r\n',
    ],
    "plain": [b"\x0c", b"\n", b"\r", b"text", b"\n" * 70],
}  # fmt: skip
# What begins anew after anything, with the serial text 777.
FRESH = {
    "zpl": b"^XZ^XA^FDSERIAL 777^FS^XZ",
    "escpos": b"\n" * 400 + b"\x1b@Receipt no 777\n\x1dV\x00",
    "pjl": UEL + UEL + b"@PJL\r\n" + UEL + b"page no 777\n\x0c",
    "plain": b"\x0cpage no 777\x0c",
}
STARTS = {
    "tcp": [b""],
    "lpd": [b"\x02q\n\x03200 df\n", b"\x02q\n\x03%d df\n" % 10**17, b"\x02q\n\x020 cf\n", b"", b"\x03q\n"],
    "ipp": [
        b"POST / HTTP/1.1\r\nContent-Type: application/ipp\r\nContent-Length: 300\r\n\r\n\x02\x00\x00\x02\x00\x00\x00\x01",
        b"POST / HTTP/1.1\r\nContent-Type: application/ipp\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\x02\x00\x00\x02\x00\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    "rfc2217": [b"", b"\xff\xfa\x2c", b"\xff\xfb\x2c"],
}


async def exchange(port: int, data: bytes, patience_s: float) -> None:
    """Send, say FIN, and stay until the printer closes or patience ends."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(data)
                writer.write_eof()
                await reader.read()
            finally:
                writer.close()


async def one_life(seed: int) -> str:
    """Send garbage, throw everything away, print something; return what is wrong."""
    dice = random.Random(seed)
    personality, kind = dice.choice(list(PIECES)), dice.choice(list(STARTS))
    settings = {"tcp": 0, "units_per_second": dice.choice([0, 500]), "buffer_bytes": dice.choice([64, 2048])}
    printer = build(Plan.from_mapping({"personality": personality, **settings, kind: 0}))
    await printer.start()
    try:
        ports = {name: plug.port for plug in printer.connections for name in plug.address()}  # type: ignore[attr-defined]
        atoms = [
            dice.choice([dice.choice(PIECES[personality]), dice.randbytes(dice.randint(0, 9)), b"%d" % dice.randint(0, 99999)])
            for _ in range(dice.randint(1, 60))
        ]  # fmt: skip
        await exchange(ports[kind], dice.choice(STARTS[kind]) + b"".join(atoms), 0.5)
        printer.core.cancel("enough")
        for _ in range(5):
            printer.clear()  # the garbage may have pressed the pause key
            await exchange(ports["tcp"], FRESH[personality], 10)
            if any(unit.serial == "777" for unit in printer.record.units):
                break
        else:
            return f"seed {seed}: {personality} by {kind} prints no more: {printer.status()}"
        failed = [event for event in printer.record.events if event["event"] == "personality failed"]
        return f"seed {seed}: {failed}" if failed else ""
    finally:
        await printer.stop()


async def test_after_any_garbage_the_next_sender_prints():
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    wrong = await asyncio.gather(*(one_life(seed) for seed in range(60)))
    assert [each for each in wrong if each] == []
    assert errors == []


@pytest.mark.parametrize("kind", ["tcp", "lpd", "ipp"])
async def test_a_page_longer_than_half_the_buffer_stalls_nobody(start, kind):
    """The first page leaves the buffer more than half full of the second, whose end is still with the sender."""
    printer = await start("plain", lpd=0, ipp=0, buffer_bytes=1500, units_per_second=100, path_depth=1)
    document = b"".join(b"page no %d %s\x0c" % (n, b"x" * (1200 if n % 2 else 580)) for n in range(20))
    head, tail, _ = wrapped(kind, document)
    port = next(plug.port for plug in printer.connections if kind in plug.address())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head + document + tail)
    await printer.wait_units(20, 5)
    assert printer.record.serials() == [str(n) for n in range(20)]
    writer.close()
    del reader


async def test_a_sender_whose_work_was_thrown_away_leaves_the_port_to_the_next(start):
    printer = await start("zpl", faults="pause")
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.tcp.port)
    writer.write(b"".join(label(n) for n in range(20)))
    writer.write_eof()
    await asyncio.sleep(0.1)
    printer.core.cancel("lprm")
    assert await asyncio.wait_for(reader.read(), 2) == b""
    writer.close()
    printer.clear("pause")
    await exchange(printer.tcp.port, label(77), 2)
    assert printer.record.serials() == ["00077"]


async def test_an_ipp_job_whose_document_was_thrown_away_is_not_called_complete(start):
    printer = await start("zpl", ipp=0, faults="pause")
    document = b"".join(label(n) for n in range(20))
    head, tail, answer = wrapped("ipp", document)
    (ipp,) = (plug for plug in printer.connections if "ipp" in plug.address())
    reader, writer = await asyncio.open_connection("127.0.0.1", ipp.port)
    writer.write(head + document + tail)
    assert await asyncio.wait_for(reader.readexactly(len(answer)), 2) == answer
    printer.core.cancel("~JA")
    printer.clear("pause")
    await printer.wait_idle()
    assert ipp.jobs[1].state(printer.core).name == "ABORTED"
    writer.close()


async def test_an_ipp_job_whose_last_label_was_torn_by_a_power_cut_is_not_called_complete(start):
    printer = await start("zpl", ipp=0, units_per_second=100, faults="power-cut=0.1@start:3")
    head, tail, answer = wrapped("ipp", b"".join(label(n) for n in range(3)))
    (ipp,) = (plug for plug in printer.connections if "ipp" in plug.address())
    reader, writer = await asyncio.open_connection("127.0.0.1", ipp.port)
    writer.write(head + b"".join(label(n) for n in range(3)) + tail)
    assert (await asyncio.wait_for(reader.readexactly(len(answer)), 30)).startswith(b"HTTP/1.1 200")
    for _ in range(3000):
        if ipp.jobs[1].ended:
            break
        await asyncio.sleep(0.01)
    assert ipp.jobs[1].state(printer.core).name == "ABORTED"
    writer.close()
