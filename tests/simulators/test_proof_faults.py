"""Every fault on every connection where it can do anything: what must be on paper, what may be lost, what must be told."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.fault_table import ACTIONS
from printfabric_sim.plan import Plan, build
from tests.simulators.bookkeeping import Books, check
from tests.simulators.lives import Life, completed, live, make_unit, plug_of, settled
from tests.simulators.nodes import line_up, write
from tests.simulators.test_effect import REFUSED

UNITS = [make_unit("zpl", number, 60, 1) + b"~HI\n" for number in range(16)]
HALF = sum(map(len, UNITS)) // 2
RATE = 50  # units a second: slow enough that something waits when a fault strikes
NODES = ("pty", "device", "fifo")

# What is to be expected of a document that meets the fault.
KEEPS = "everything is printed once, and nothing is lost"
BREAKS = "the sender must begin again; what arrived is printed"
DESTROYS = "what had arrived and not begun to move is lost, and told"
DAMAGES = "so many bytes are damaged, and what they are in is not printed as sent"
# A new fault needs a row here: what to set, when, and what must come of it. (`clear` is no fault.)
FAULTS: dict[str, tuple[str, str]] = {
    "reset": (f"reset@byte:{HALF}", DESTROYS),
    "fin": (f"fin@byte:{HALF}", BREAKS),
    "freeze": (f"freeze=0.05@byte:{HALF}", KEEPS),
    "zero-window": (f"zero-window=0.05@byte:{HALF}", KEEPS),
    "refuse": ("refuse=0.05", KEEPS),
    "blackhole": ("blackhole=0.05", KEEPS),
    "accept-late": ("accept-late=0.05,0.2", KEEPS),
    "accept-close": ("accept-close=0.05", BREAKS),
    "busy": (f"busy=0.05@byte:{HALF}", KEEPS),
    "slow": (f"slow=20000,0.1@byte:{HALF}", KEEPS),
    "power-cut": (f"power-cut=0.05@byte:{HALF}", DESTROYS),
    "reboot": (f"reboot=0.05@byte:{HALF}", DESTROYS),
    "media-out": ("media-out=0.05@unit:5", KEEPS),
    "ribbon-out": ("ribbon-out=0.05@unit:5", KEEPS),
    "cover-open": ("cover-open=0.05@start:5", KEEPS),
    "jam": ("jam=0.05@start:5", KEEPS),
    "head-hot": ("head-hot=0.05@start:5", KEEPS),
    "cutter": ("cutter=0.05@start:5", KEEPS),
    "pause": ("pause=0.05@start:5", KEEPS),
    "xoff": (f"xoff=0.05@byte:{HALF}", KEEPS),
    "cts-low": (f"cts-low=0.05@byte:{HALF}", KEEPS),
    "dsr-low": (f"dsr-low=0.05@byte:{HALF}", KEEPS),
    "dcd-low": (f"dcd-low=0.05@byte:{HALF}", KEEPS),
    "noise": (f"noise=3@byte:{HALF}", DAMAGES),
    "device-gone": (f"device-gone=0.05,same@byte:{HALF}", BREAKS),
    "garbage": ("garbage=9@unit:3", KEEPS),
    "status-late": ("status-late=0.05@reply:3", KEEPS),
    "status-twice": ("status-twice@reply:3", KEEPS),
    "status-missing": ("status-missing@reply:3", KEEPS),
    "status-wrong": ("status-wrong@reply:3", KEEPS),
}


def test_every_fault_has_a_row_and_a_connection():
    assert FAULTS.keys() == ACTIONS.keys() - {"clear"}
    assert [name for name in FAULTS if all(name in refused for refused in REFUSED.values())] == []


async def over_the_network(kind: str, name: str, folder: Path) -> tuple[SimulatedPrinter, Books]:
    """Send to a printer through the recording proxy, as often as it takes."""
    fault, _ = FAULTS[name]
    life = Life(kind, UNITS, 1, fault, 4096, 10**6, RATE, 65536, 1, patience_s=20, tries=200, clear=False)
    printer = SimulatedPrinter("zpl", units_per_second=life.rate, faults=fault, record_dir=folder)
    printer.connect(lambda core: plug_of(kind, core))
    await printer.start()
    try:
        passed = await live(printer, life)
    finally:
        await printer.stop()
    return printer, Books("zpl", folder, *passed, completed(printer))


async def over_a_node(kind: str, name: str, folder: Path) -> tuple[SimulatedPrinter, Books]:
    """Write to a device node; a second time where the first may not have come through."""
    fault, meaning = FAULTS[name]
    node, kept = folder / "node", folder / "bytes"
    settings = {kind: str(node), "record": str(folder), "keep_bytes": str(kept), "units_per_second": RATE}
    printer = build(Plan.from_mapping({**settings, "faults": fault}))
    await printer.start()
    document, taken = b"".join(UNITS), b""
    try:
        for _ in range(1 if meaning == KEEPS else 2):
            taken += await write(node, document)
            # What the kernel still has comes when the fault is over.
            await asyncio.wait_for(quiet(printer), 20)
        await settled(printer, lines=True)
    finally:
        await printer.stop()
    books = Books("zpl", folder, {})
    line_up(books, taken, kept.read_bytes())
    return printer, books


async def quiet(printer: SimulatedPrinter) -> None:
    """Wait until no fault lasts and a while has passed without a byte."""
    while True:
        before = printer.core.intake.received
        await asyncio.sleep(0.15)
        if set(printer.actions.lasting()) <= {"noise"} and printer.core.intake.received == before > 0:
            return


async def proved(kind: str, name: str, folder: Path) -> str:
    """Live through one fault; return what is wrong."""
    walk = over_a_node if kind in NODES else over_the_network
    try:
        printer, books = await walk(kind, name, folder / name)
        check(books, printer.core.intake.received)
        expect(books, FAULTS[name][1], name)
    except (AssertionError, TimeoutError) as error:
        return f"{name}: {error!r}"[:500]
    return ""


def expect(books: Books, meaning: str, name: str) -> None:
    """Check what must have come of a fault of this kind."""
    assert [fault.partition("=")[0].partition("@")[0] for fault in books.struck] == [name]
    out = Counter(unit["serial"] for unit in books.units if unit["outcome"] == "printed")
    everything = {f"{number:05d}" for number in range(len(UNITS))}
    missing = everything - set(out)
    assert len(missing) <= (2 if meaning == DAMAGES else 0), f"never printed: {missing}"
    lost = sum(loss["bytes"] for loss in books.losses)
    if meaning == KEEPS:
        assert set(out.values()) == {1}
        assert lost == 0
    elif meaning == DESTROYS:
        assert lost > 0
    elif meaning == DAMAGES:
        assert sum(piece.end - piece.start for piece in books.damage) == 3
        assert lost > 0 or any(unit["outcome"] == "garbled" for unit in books.units)
    else:
        assert all(loss["reason"] in ("outside a format", "came after the end", "came to a closed door", "^XA inside a format",
                                      "the simulator was stopped") for loss in books.losses), books.losses  # fmt: skip


@pytest.mark.parametrize("kind", list(REFUSED))
async def test_under_every_fault_what_must_be_printed_is_and_what_is_lost_is_told(tmp_path, kind):
    # A document by IPP has no way back; who asks for states is in test_ipp_faults.
    deaf = kind == "ipp"
    names = [name for name in FAULTS if name not in REFUSED[kind] and not (deaf and "status-" in name)]
    wrong = await asyncio.gather(*(proved(kind, name, tmp_path) for name in names))
    assert [line for line in wrong if line] == []
