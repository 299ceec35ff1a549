"""The life of a printer drawn from one number: what is printed, over which plug, in which pieces, and what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import NamedTuple

from printfabric_sim import SimulatedPrinter
from printfabric_sim.connections.connection import Connection
from printfabric_sim.connections.ipp import IppConnection
from printfabric_sim.connections.ipp_jobs import JobState
from printfabric_sim.connections.lpd import LpdConnection
from printfabric_sim.connections.rfc2217 import Rfc2217Connection
from printfabric_sim.connections.tcp import TcpConnection
from printfabric_sim.core import Core
from tests.simulators.recording_proxy import RecordingProxy

# Losses of those whom nobody has served.
OUTSIDE = ("came to a closed door", "waited to be served when the power went")
UEL = b"\x1b%-12345X"


def make_unit(personality: str, number: int, size: int, copies: int) -> bytes:
    """Return one label, receipt or page of about `size` bytes."""
    fill = (b"%05d " % number) * (size // 6 + 1)
    if personality == "zpl":
        more = b"^PQ%d" % copies if copies > 1 else b""
        return b"^XA^FDSERIAL %05d^FS^FX%s^FS%s^XZ\n" % (number, fill, more)
    if personality == "escpos":
        return b"\x1b@Receipt no %05d\n%s\n\x1dV\x00" % (number, fill)
    if personality == "pjl":
        return UEL + b"@PJL\r\n@PJL ENTER LANGUAGE=PCL\r\npage no %05d\n%s\x0c" % (number, fill) + UEL
    return b"page no %05d\n%s\x0c" % (number, fill)


def _string(tag: int, name: bytes, value: bytes) -> bytes:
    return bytes([tag]) + len(name).to_bytes(2, "big") + name + len(value).to_bytes(2, "big") + value


def ipp_request(operation: int, document: bytes, *more: tuple[int, bytes, bytes]) -> bytes:
    """Return the head of an IPP request by hand, up to its document; `more` are attributes: tag, name, value.

    RFC 8010: version 2.0, operation, request 1, operation attributes, the end.
    """
    message = (
        b"\x02\x00"
        + operation.to_bytes(2, "big")
        + b"\x00\x00\x00\x01\x01"
        + _string(0x47, b"attributes-charset", b"utf-8")
        + _string(0x48, b"attributes-natural-language", b"en")
        + _string(0x45, b"printer-uri", b"ipp://127.0.0.1/ipp/print")
        + b"".join(_string(*attribute) for attribute in more)
        + b"\x03"
    )
    head = (
        f"POST /ipp/print HTTP/1.1\r\nHost: sim\r\nContent-Type: application/ipp\r\n"
        f"Content-Length: {len(message) + len(document)}\r\n\r\n"
    )
    return head.encode() + message


def wrapped(kind: str, document: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what a connection of `kind` carries before and after a document, and how its last answer begins."""
    if kind == "lpd":
        return b"\x02labels\n\x03%d dfA001client\n" % len(document), b"\0", b"\0\0\0"
    if kind == "ipp":
        return ipp_request(2, document), b"", b"HTTP/1.1 200"
    return b"", b"", b""


def plug_of(kind: str, core: Core) -> Connection:
    """Return a plug that several senders may use at once, where the kind allows."""
    if kind == "lpd":
        return LpdConnection(core, rcvbuf_bytes=8192)
    if kind == "ipp":
        return IppConnection(core, rcvbuf_bytes=8192)
    if kind == "rfc2217":
        return Rfc2217Connection(core, rcvbuf_bytes=8192)
    return TcpConnection(core, rcvbuf_bytes=8192, simultaneous=2)


CONDITIONS = ["media-out", "ribbon-out", "cover-open", "jam", "head-hot", "cutter", "pause", "busy"]
DOORS = ["refuse", "blackhole", "accept-close", "accept-late=0.02"]
STALLS = ["freeze", "zero-window", "xoff", "cts-low"]
BREAKS = [
    "reset",
    "reset",
    "reset=keep",
    "fin",
    "fin=drop",
    "power-cut=0.02",
    "power-cut=0.05",
    "reboot=0.01",
]
REPLIES = ["status-late=0.01", "status-twice", "status-missing", "status-wrong"]


def possible(kind: str, personality: str) -> list[str]:
    """Return the faults that can do something to a printer with this plug; those of breaks are the most frequent."""
    replies = REPLIES if kind in ("tcp", "rfc2217") and personality != "plain" else []
    back = ["garbage=9"] if kind in ("tcp", "rfc2217") else []
    line = ["noise=4", "dsr-low", "dcd-low"] if kind == "rfc2217" else []
    return BREAKS * 2 + CONDITIONS + DOORS + STALLS + ["slow=20000,0.05"] + replies + back + line


@dataclass(frozen=True)
class Life:
    """What happens to one printer."""

    kind: str
    units: list[bytes]
    copies: int
    faults: str
    chunk: int
    overlap: int
    rate: int
    buffer_bytes: int
    seed: int
    patience_s: float = 0.4  # a client waits so long before it gives up and tries again
    tries: int = 4
    senders: int = 1  # at the same time, each with its share of the units
    clear: bool = True  # whatever still holds the printer up in the end, and has not struck

    @classmethod
    def draw(cls, kind: str, personality: str, seed: int) -> Life:
        """Return the life of `seed`."""
        dice = random.Random(seed)
        copies = dice.choice([1, 1, 2, 3])
        size = dice.choice([5, 60, 400])
        units = [
            make_unit(personality, n, dice.randint(1, size * 2), copies) for n in range(dice.randint(3, 40))
        ]
        total = sum(map(len, units))

        def fault() -> str:
            what = dice.choice(possible(kind, personality))
            lasting = what in CONDITIONS + DOORS[:-1] + STALLS + ["dsr-low", "dcd-low"]
            when = [
                "",  # before anybody has connected
                "@time:0",
                f"@unit:{dice.randint(1, len(units))}",
                f"@start:{dice.randint(1, len(units))}",
                f"@byte:{dice.randint(1, total)}",
                f"@time:{dice.randint(0, 60)}ms",
                f"@connect:{dice.randint(1, 3)}",
                f"@job:{dice.randint(1, 4)}",
                "@chance:0.1",
                "@unit:3..9*3",
            ]
            return what + (dice.choice(["", "=0.02", "=0.05"]) if lasting else "") + dice.choice(when)

        faults = "; ".join(fault() for _ in range(dice.choice([0, 1, 1, 2, 3, 4])))
        return cls(
            kind,
            units,
            copies,
            faults,
            chunk=dice.choice([1000, 77, 4096, 13]),
            overlap=dice.choice([0, 500, 100_000]),
            rate=dice.choice([0, 300, 1000]),
            buffer_bytes=dice.choice([2048, 65536]),
            seed=seed,
            patience_s=0.4 if faults else 20,
            senders=4 if seed % 4 == 0 else 1,
        )


async def send(
    printer: SimulatedPrinter,
    port: int,
    kind: str,
    data: bytes,
    chunk: int,
    patience_s: float = 0.4,
    ports: dict[int, bytes] | None = None,
    answered: set[int] | None = None,
) -> int:
    """Send `data` in chunks and stay until it is printed; return how far it got, as a client would believe.

    -1 when all was sent and nothing broke. A client gives up after `patience_s`. `ports` learns what the client's port
    was to carry, `answered` its number if the printer has said that it has it all.
    """
    head, tail, answer = wrapped(kind, data)
    done = 0
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if ports is not None:
                ports[writer.get_extra_info("sockname")[1]] = data
            try:
                writer.write(head)
                while done < len(data):
                    writer.write(data[done : done + chunk])
                    await writer.drain()
                    done += chunk
                    await asyncio.sleep(0)
                writer.write(tail)
                await writer.drain()
                if answer:
                    broken = await reader.readexactly(len(answer)) != answer
                    if answered is not None and not broken:
                        answered.add(writer.get_extra_info("sockname")[1])
                else:
                    broken = await _stay(printer, reader, len(data))
            finally:
                writer.close()
                await writer.wait_closed()
            if not broken:
                return -1
    return min(done, len(data))


async def _stay(printer: SimulatedPrinter, reader: asyncio.StreamReader, size: int) -> bool:
    """Keep a connection until its `size` bytes have arrived and are printed; True if it broke before."""
    while True:
        with contextlib.suppress(TimeoutError):
            if not await asyncio.wait_for(reader.read(1000), 0.005):
                return True
        if printer.idle and printer.core.intake.received - _refused(printer) >= size:
            return False


def _refused(printer: SimulatedPrinter) -> int:
    """Return how many bytes have come after the end of their connection, or to none; their senders will hear of that."""
    reasons = ("came after the end", *OUTSIDE)
    late = (event for event in printer.record.events if event.get("reason") in reasons)
    return sum(event["bytes"] for event in late)


class Passed(NamedTuple):
    """What a proxy has passed on, by the name the printer has for the sender, and to whom the printer has said that it has it all."""

    sent: dict[str, bytes]
    answered: set[str]


async def live(printer: SimulatedPrinter, life: Life) -> Passed:
    """Print through a proxy, going on after breaks a little before where the client believes to be.

    Of what was passed on the part of the document is returned.
    """
    port: int = next(getattr(plug, "port", 0) for plug in printer.connections)
    ports: dict[int, bytes] = {}
    answered: set[int] = set()

    async def sender(todo: bytes) -> None:
        for _ in range(life.tries):
            sent = await send(
                printer, proxy.port, life.kind, todo, life.chunk, life.patience_s, ports, answered
            )
            if sent < 0:
                break
            todo = todo[max(0, sent - life.overlap) :]
            if not todo:  # a data file of no bytes means one without end (RFC 1179, 6.3)
                break
            await asyncio.sleep(0.01)

    async with RecordingProxy(port) as proxy:
        shares = [b"".join(life.units[n :: life.senders]) for n in range(life.senders)]
        await asyncio.gather(*(sender(share) for share in shares if share))
        if life.clear:
            await asyncio.sleep(0.02)
            printer.clear()
        await settled(printer)
    # A client that was reset at once has sent nothing.
    documents = {peer: ports.get(client, b"") for peer, client in proxy.clients.items()}
    heads = {peer: len(wrapped(life.kind, document)[0]) for peer, document in documents.items()}
    inside = {
        peer: bytes(proxy.sent[peer])[heads[peer] : heads[peer] + len(document)]
        for peer, document in documents.items()
    }
    # Who came to a closed door, or was not served yet, spoke to nobody who could tell a document from what is around it.
    outside = {e["inlet"] for e in printer.record.events if e.get("reason") in OUTSIDE}
    peers = {e["peer"] for e in printer.record.events if e["event"] == "connected" and e["inlet"] in outside}
    sent = inside | {peer: bytes(proxy.sent[peer]) for peer in peers}
    return Passed(sent, {peer for peer, client in proxy.clients.items() if client in answered})


def completed(printer: SimulatedPrinter) -> set[int]:
    """Return the inlets of the jobs that the printer calls completed, where it has jobs with states."""
    jobs = [
        job for plug in printer.connections if isinstance(plug, IppConnection) for job in plug.jobs.values()
    ]
    return {job.inlet.number for job in jobs if job.inlet and job.state(printer.core) is JobState.COMPLETED}


async def settled(printer: SimulatedPrinter, *, lines: bool = False) -> None:
    """Wait until every sender is gone (a line stays), nothing is wrong and all that can be printed is. Raises TimeoutError."""
    quiet = 0  # times in a row: a sender in the kernel's queue is taken when the one before it has gone
    for _ in range(6000):
        links = any(getattr(plug, "links", ()) for plug in printer.connections)
        gone = lines or not (links or printer.core.intake.inlets)
        quiet = quiet + 1 if gone and printer.idle and not printer.core.conditions else 0
        if quiet == 5:
            return
        await asyncio.sleep(0.005)
    raise TimeoutError(f"not settled: {printer.status()}")
