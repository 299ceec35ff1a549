"""Under every fault the record is exact: compared with what a recording proxy saw."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from printfabric_sim import SimulatedPrinter
from tests.simulators.bookkeeping import Books, check
from tests.simulators.lives import Life, completed, live, make_unit, plug_of, send, settled


async def all_lives(personality: str, lives: list[Life], directory: Path) -> list[Counter[str]]:
    """Live through several at a time: most of a life is waiting. Return the counters of each."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    counts = await asyncio.gather(
        *(one_life(personality, life, directory / str(number)) for number, life in enumerate(lives))
    )
    assert errors == []
    return counts


async def one_life(personality: str, life: Life, directory: Path) -> Counter[str]:
    """Live through it, check the record, and return its counters."""
    printer = SimulatedPrinter(
        personality,
        units_per_second=life.rate,
        faults=life.faults,
        seed=life.seed,
        buffer_bytes=life.buffer_bytes,
        record_dir=directory,
    )
    printer.connect(lambda core: plug_of(life.kind, core))
    await printer.start()
    try:
        passed = await live(printer, life)
    finally:
        await printer.stop()
    check(Books(personality, directory, *passed, completed(printer)), printer.core.intake.received)
    if not life.faults:
        assert printer.record.counts["garbled"] == printer.record.counts["truncated"] == 0
        assert printer.record.printed == len(life.units) * (life.copies if personality == "zpl" else 1)
    return printer.record.counts


@pytest.mark.parametrize(
    ("kind", "personality"),
    [
        *(("tcp", personality) for personality in ("zpl", "escpos", "pjl", "plain")),
        ("lpd", "zpl"),
        ("lpd", "escpos"),
        ("ipp", "zpl"),
        ("ipp", "pjl"),
        ("rfc2217", "escpos"),
        ("rfc2217", "zpl"),
    ],
)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(seeds=st.lists(st.integers(0, 2**31), min_size=8, max_size=8))
def test_the_record_is_exact_under_every_fault(kind, personality, seeds):
    lives = [Life.draw(kind, personality, seed) for seed in seeds]
    with TemporaryDirectory() as folder:
        asyncio.run(all_lives(personality, lives, Path(folder)))


# Lives that the record once did not tell rightly.
@pytest.mark.parametrize(
    ("kind", "personality", "seed"),
    [
        ("tcp", "escpos", 1341),  # a sender goes on with a line feed and a cut: a receipt with nothing on it
    ],
)
def test_the_record_of_a_hard_life_is_exact(tmp_path, kind, personality, seed):
    asyncio.run(all_lives(personality, [Life.draw(kind, personality, seed)], tmp_path))


@pytest.mark.parametrize("kind", ["tcp", "lpd", "ipp"])
@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        ("reset=keep@byte:777", ["garbled", "duplicates"]),
        ("power-cut=0.02@start:5", ["truncated", "duplicates", "event.cancelled"]),
        ("reset@unit:4", ["duplicates"]),
        ("fin=drop@byte:1500; media-out=0.03@unit:2", ["duplicates"]),
    ],
)
def test_the_record_is_exact_where_paper_is_torn_garbled_and_doubled(kind, fault, outcomes):
    # More than fits into buffer and path before the fault strikes, or a sender may be told that all went well before.
    units = [make_unit("escpos", n, 100, 1) for n in range(40)]
    life = Life(kind, units, 1, fault, 77, 100_000, 300, buffer_bytes=2048, seed=1, patience_s=20)
    with TemporaryDirectory() as folder:
        (counts,) = asyncio.run(all_lives("escpos", [life], Path(folder)))
    assert [name for name in outcomes if counts[name] == 0] == []
    assert counts["printed"] >= len(units) - 1


@pytest.mark.parametrize(
    "fault", ["reset@unit:5", "power-cut=0.05@unit:6", "jam=0.02@start:4", "reset=keep@byte:777"]
)
async def test_the_same_script_and_bytes_leave_the_same_paper(fault, start):
    lives = []
    for _ in range(2):
        printer = await start("zpl", faults=fault, units_per_second=400, seed=3)
        inlet_data = b"".join(make_unit("zpl", n, 40, 1) for n in range(20))
        await send(printer, printer.tcp.port, "tcp", inlet_data, 64, patience_s=20)
        await settled(printer)
        lives.append([(unit.outcome, unit.serial, unit.spans) for unit in printer.record.units])
    assert lives[0] == lives[1]
    assert lives[0]
