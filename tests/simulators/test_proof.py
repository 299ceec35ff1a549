"""Under every fault the record is exact: compared with what a recording proxy saw."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from printfabric_sim import Outcome, SimulatedPrinter
from printfabric_sim.connections.tcp import TcpConnection
from tests.simulators.recording_proxy import RecordingProxy

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


LASTING = [
    "freeze",
    "zero-window",
    "refuse",
    "blackhole",
    "accept-close",
    "busy",
    "media-out",
    "ribbon-out",
    "cover-open",
    "jam",
    "head-hot",
    "cutter",
    "pause",
    "xoff",
    "cts-low",
    "dsr-low",
    "dcd-low",
]
OTHERS = [
    "reset",
    "reset",
    "power-cut=0.02",
    "power-cut=0.05",
    "reboot=0.01",
    "reset=keep",
    "fin",
    "fin=drop",
    "power-cut=0.03",
    "reboot=0.03",
    "slow=20000,0.05",
    "accept-late=0.02",
    "garbage=9",
    "status-late=0.01",
    "status-twice",
    "status-missing",
    "status-wrong",
    "noise=4",
    "device-gone=0.02",
]


@dataclass(frozen=True)
class Scenario:
    """A life drawn from one number: what is printed, how it is sent, what goes wrong."""

    units: list[bytes]
    copies: int
    faults: str
    chunk: int
    overlap: int
    rate: int
    buffer_bytes: int
    seed: int

    @classmethod
    def draw(cls, personality: str, seed: int) -> Scenario:
        dice = random.Random(seed)
        copies = dice.choice([1, 1, 2, 3])
        size = dice.choice([5, 60, 400])
        units = [
            make_unit(personality, n, dice.randint(1, size * 2), copies) for n in range(dice.randint(3, 40))
        ]
        total = sum(map(len, units))

        def fault() -> str:
            lasting = dice.choice(LASTING) + dice.choice(["", "=0.02", "=0.05"])
            what = dice.choice([lasting, dice.choice(OTHERS), dice.choice(OTHERS)])
            when = [
                f"@unit:{dice.randint(1, len(units))}",
                f"@start:{dice.randint(1, len(units))}",
                f"@byte:{dice.randint(1, total)}",
                f"@time:{dice.randint(0, 60)}ms",
                f"@connect:{dice.randint(1, 3)}",
                f"@job:{dice.randint(1, 4)}",
                "@chance:0.1",
                "@unit:3..9*3",
            ]
            return what + dice.choice(when)

        return cls(
            units,
            copies,
            "; ".join(fault() for _ in range(dice.choice([0, 1, 1, 2, 3, 4]))),
            chunk=dice.choice([1000, 77, 4096, 13]),
            overlap=dice.choice([0, 500, 100_000]),
            rate=dice.choice([0, 300, 1000]),
            buffer_bytes=dice.choice([2048, 65536]),
            seed=seed,
        )


async def send(printer: SimulatedPrinter, port: int, data: bytes, chunk: int) -> int:
    """Send `data` in chunks and stay until it is printed; return how far it got, as a client would believe.

    -1 when all was sent and nothing broke.
    """
    done = 0
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.4):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while done < len(data):
                    writer.write(data[done : done + chunk])
                    await writer.drain()
                    done += chunk
                    await asyncio.sleep(0)
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
        if printer.idle and printer.core.intake.received >= size:
            return False


async def live(printer: SimulatedPrinter, units: list[bytes], chunk: int, overlap: int) -> RecordingProxy:
    """Print `units` through a proxy, going on after breaks a little before where the client believes to be."""
    async with RecordingProxy(printer.tcp.port) as proxy:
        todo = b"".join(units)
        for _ in range(4):
            sent = await send(printer, proxy.port, todo, chunk)
            if sent < 0:
                break
            todo = todo[max(0, sent - overlap) :]
        await asyncio.sleep(0.02)
        printer.clear()
        await settled(printer)
    return proxy


async def settled(printer: SimulatedPrinter) -> None:
    """Wait until every sender is gone, nothing is wrong and all that can be printed is."""
    for _ in range(1000):
        if printer.idle and not printer.core.conditions and not printer.core.intake.inlets:
            return
        await asyncio.sleep(0.005)


def check(printer: SimulatedPrinter, streams: dict[int, bytes], directory: Path) -> None:
    """Compare the record with what was seen on the wire."""
    record = printer.record
    seen: dict[tuple[object, int], int] = {}
    first_of: dict[tuple[str, int], tuple[int, object]] = {}
    covered: Counter[tuple[int, int]] = Counter()
    for unit in record.units:
        for span in unit.spans:
            assert 0 <= span.start < span.end <= len(streams[span.inlet]), "printed what did not arrive"
        whole = b"".join(streams[span.inlet][span.start : span.end] for span in unit.spans)
        assert unit.bytes == len(whole)
        assert unit.sha256 == hashlib.sha256(whole).hexdigest(), "the hash is not that of the bytes"
        if unit.outcome is Outcome.TRUNCATED:
            continue
        key = (unit.spans, unit.copy)
        assert key not in seen, f"unit {unit.unit} is unit {seen.get(key)} printed twice"
        seen[key] = unit.unit
        if unit.copy == 1:
            covered.update((span.inlet, at) for span in unit.spans for at in range(span.start, span.end))
        first = first_of.setdefault((unit.sha256, unit.copy), (unit.unit, unit.spans))
        assert unit.duplicate_of == (None if first[1] == unit.spans else first[0])
    assert all(count == 1 for count in covered.values()), "one byte in two units"
    rows = [json.loads(row) for row in (directory / "units.jsonl").read_text().splitlines()]
    assert rows == [json.loads(json.dumps(unit.as_dict())) for unit in record.units]
    assert printer.core.intake.received == sum(inlet_received(printer).values())


def inlet_received(printer: SimulatedPrinter) -> dict[int, int]:
    """Return how many bytes the record says arrived on each inlet."""
    return {e["inlet"]: e["received"] for e in printer.record.events if e["event"] == "disconnected"}


async def one_life(personality: str, life: Scenario, directory: Path) -> Counter[str]:
    """Live through a scenario, check the record, and return its counters."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    printer = SimulatedPrinter(
        personality,
        units_per_second=life.rate,
        faults=life.faults,
        seed=life.seed,
        buffer_bytes=life.buffer_bytes,
        record_dir=directory,
    )
    printer.connect(lambda core: TcpConnection(core, rcvbuf_bytes=8192, simultaneous=2))
    await printer.start()
    try:
        proxy = await live(printer, life.units, life.chunk, life.overlap)
    finally:
        await printer.stop()
    streams = {
        event["inlet"]: bytes(proxy.sent.get(event["peer"], b""))
        for event in printer.record.events
        if event["event"] == "connected"
    }
    check(printer, streams, directory)
    assert errors == []
    if not life.faults:
        assert printer.record.counts["garbled"] == printer.record.counts["truncated"] == 0
        assert printer.record.printed == len(life.units) * (life.copies if personality == "zpl" else 1)
    return printer.record.counts


@pytest.mark.parametrize("personality", ["zpl", "escpos", "pjl", "plain"])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**31))
def test_the_record_is_exact_under_every_fault(personality, seed):
    with TemporaryDirectory() as folder:
        asyncio.run(one_life(personality, Scenario.draw(personality, seed), Path(folder)))


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        ("reset=keep@byte:777", ["garbled", "duplicates"]),
        ("power-cut=0.02@start:5", ["truncated", "duplicates", "event.cancelled"]),
        ("reset@unit:4", ["duplicates"]),
        ("fin=drop@byte:1500; media-out=0.03@unit:2", ["duplicates"]),
    ],
)
def test_the_record_is_exact_where_paper_is_torn_garbled_and_doubled(fault, outcomes):
    units = [make_unit("escpos", n, 100, 1) for n in range(20)]
    life = Scenario(units, 1, fault, chunk=77, overlap=100_000, rate=300, buffer_bytes=2048, seed=1)
    with TemporaryDirectory() as folder:
        counts = asyncio.run(one_life("escpos", life, Path(folder)))
    assert [name for name in outcomes if counts[name] == 0] == []
    assert counts["printed"] >= 19


@pytest.mark.parametrize(
    "fault", ["reset@unit:5", "power-cut=0.05@unit:6", "jam=0.02@start:4", "reset=keep@byte:777"]
)
async def test_the_same_script_and_bytes_leave_the_same_paper(fault, start):
    lives = []
    for _ in range(2):
        printer = await start("zpl", faults=fault, units_per_second=400, seed=3)
        inlet_data = b"".join(make_unit("zpl", n, 40, 1) for n in range(20))
        await send(printer, printer.tcp.port, inlet_data, 64)
        await settled(printer)
        lives.append([(unit.outcome, unit.serial, unit.spans) for unit in printer.record.units])
    assert lives[0] == lives[1]
    assert lives[0]
