"""What looks like a command inside counted data is data, for whoever reads it; every byte is in one place."""

from __future__ import annotations

import random
import re

import pytest

from printfabric_sim import SimulatedPrinter
from tests.simulators.test_zpl import Answers, plug
from tests.simulators.virtual_time import printer_of, run

LOSSES = ("discarded", "cancelled", "overrun", "nothing to print")
GRAPHIC = bytes(500) + b"~JA~HS~HI" + bytes(500)
LABEL = b"^XA^GFB,%d,%d,1," % (len(GRAPHIC), len(GRAPHIC)) + GRAPHIC + b"^FS^XZ"
IMAGE = b"hi\n\x1dv0\x00\x3c\x00\x0a\x00" + bytes(300) + b"\x10\x04\x01" + bytes(297) + b"\n\x1dV\x00"
ZPL = [
    b"^XA", b"^XZ", b"^FDSERIAL 1^FS", b"~HI", b"~HI", b"~JA", b"~JX", b"~JR", b"~PP", b"~PS", b"\r\n", b"junk", b"^PQ2",
    b"^GFB,20,20,1,aa~HIbb^XZcc~JAddee", b"~DYR:A,B,G,10,1,01~HI56789", b"^GFB,9,9,1,:B64:", b"~D", b"^G", b"~", b"^",
    b"^XA^FDSERIAL 2^FS^XZ", b"x" * 1100, b"^DFR:A^FS",
]  # fmt: skip
OBEYED = re.compile(rb"(?:~(?:HI|JA|JX|JR|PP|PS)|[\s\x00])*")


def nowhere(printer: SimulatedPrinter, streams: dict[int, bytes]) -> list[bytes]:
    """Return the stretches of bytes that are in no unit and no loss. Fails if one is in two."""
    spans = [span for unit in printer.record.units for span in unit.spans if unit.copy == 1]
    spans += [span for e in printer.record.events if e["event"] in LOSSES for span in e["spans"]]
    left = []
    for number, stream in streams.items():
        position = 0
        for owner, start, end in sorted(set(map(tuple, spans))):
            if owner != number:
                continue
            assert start >= position, f"{stream[start:position]!r} is in two places"
            left.append(stream[position:start])
            position = end
        left.append(stream[position:])
    return [stretch for stretch in left if stretch]


@pytest.mark.parametrize(("personality", "document"), [("zpl", LABEL), ("escpos", IMAGE)])
@pytest.mark.parametrize("read", [0, 200])
def test_a_power_cut_loses_counted_data_whole(personality, document, read):
    async def life() -> None:
        async with printer_of(personality, faults=f"busy@byte:{read}") as printer:
            inlet, heard = plug(printer)
            printer.core.feed(inlet, document)
            printer.fault("power-cut")
            assert nowhere(printer, {1: document}) == []
            assert (heard.data == b"") == (personality == "zpl")  # DLE EOT is obeyed even there

    run(life())


@pytest.mark.parametrize("how", ["drop", "~JA"])
def test_what_comes_behind_dropped_counted_data_is_read_anew(how):
    async def life() -> None:
        async with printer_of("zpl") as printer:
            inlet, heard = plug(printer)
            other, _ = plug(printer)
            printer.core.feed(inlet, b"^XA^GFB,1000,1000,10," + bytes(300))
            if how == "drop":
                printer.core.intake.drop(inlet)
            else:
                printer.core.feed(other, b"~JA")
            printer.core.feed(inlet, b"^XA^FDSERIAL 2^FS^XZ~HI")
            assert printer.record.serials() == ["2"]
            assert heard.data.count(b"\x02") == 1

    run(life())


def live(printer: SimulatedPrinter, dice: random.Random) -> tuple[dict[int, bytes], list[Answers]]:
    """Let several senders send, end and be cut off while the printer stops and goes on; return what came and who heard."""
    senders = [plug(printer)]
    streams: dict[int, bytes] = {senders[0][0].number: b""}
    for _ in range(40):
        open_now = [inlet for inlet, _ in senders if not inlet.ended]
        turn = dice.random()
        if turn < 0.05 or not open_now:
            senders.append(plug(printer))
            streams[senders[-1][0].number] = b""
            continue
        inlet = dice.choice(open_now)
        if turn < 0.1:
            printer.core.end(inlet, dice.choice(["fin", "reset"]), drop=dice.random() < 0.3)
        elif turn < 0.15:
            printer.fault(dice.choice(["jam=0.01", "busy=0.01", "slow=100000,0.01"]))
        else:
            piece = b"".join(dice.choice(ZPL) for _ in range(dice.randint(1, 6)))
            cut = dice.randint(0, len(piece))
            streams[inlet.number] += piece
            printer.core.feed(inlet, piece[:cut])
            printer.core.feed(inlet, piece[cut:])
    for inlet, _ in senders:
        printer.core.end(inlet, "fin")
    return streams, [heard for _, heard in senders]


@pytest.mark.parametrize("seed", range(60))
def test_every_status_request_is_answered_or_in_the_account(seed):
    dice = random.Random(seed)

    async def life() -> None:
        how = {"buffer_bytes": dice.choice([256, 4096]), "units_per_second": dice.choice([0, 200])}
        async with printer_of("zpl", **how) as printer:
            streams, links = live(printer, dice)
            printer.clear()
            await printer.stop()
            left = nowhere(printer, streams)
            assert [stretch for stretch in left if not OBEYED.fullmatch(stretch)] == []
            asked = sum(stretch.count(b"~HI") for stretch in left)
            assert asked == sum(heard.data.count(b"\x02") for heard in links)

    run(life())
