"""Several senders at a time, noise, every break and fault: each byte is in one place, or was a command. In virtual time.

What is sent are commands whole and in halves, out of place as well; what may be in no unit and no loss is said by
regular expressions that share nothing with the interpreters.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections import defaultdict

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.inlet import Inlet
from printfabric_sim.noise import Noise
from printfabric_sim.record import UnitRecord
from tests.simulators.test_counted_data import LOSSES, ZPL
from tests.simulators.test_zpl import plug
from tests.simulators.virtual_time import printer_of, run

UEL = b"\x1b%-12345X"
_IMAGE = b"\x1dv0\x00\x3c\x00\x0a\x00" + bytes(300) + b"\x10\x04\x01" + bytes(297)
PIECES = {
    "zpl": [*ZPL, b"~HS", b"^PQ0", b'! U1 getvar "device.x"\r\n', b"^XA^FDSERIAL 3^FS^PQ3^XZ", b"^XA^MMT^XZ", b"~WC", b"~PH"],
    "escpos": [
        b"\x1b@", b"\n", b"Receipt no 1\n", b"Receipt no 2\n", b"\x1dV\x00", b"\x1dV\x42\x05", b"\x1bi", b"\x1bp\x00\x19\xfa", b"\x10\x04\x01",
        b"\x10\x05\x02", b"\x10\x05\x01", b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", b"\x1dr\x01", b"\x1dI\x01", b"\x1da\xff",
        b"\x1d(H\x06\x00\x30\x300001", b"\x1dv0\x00\x04\x00\x0a\x00" + bytes(range(40)), _IMAGE, b"\x1b", b"\x1d", b"\x10", b"\x1dV", b"x" * 1100,
        b"\x1d!\x11", b"   ", b"\x1b@Receipt no 9\n\x1dV\x00", b"\x1dk\x04AB", b"\x1d(k\x03\x001Q0", b"\x1bD\x01\x08\x00",
    ],
    "pjl": [
        UEL, UEL + b"@PJL\r\n", b"@PJL SET COPIES=2\r\n", b"@PJL ECHO x\r\n", b'@PJL JOB NAME="a"\r\n', b"@PJL EOJ\r\n", b"@PJL ENTER LANGUAGE=PCL\r\n",
        b"@PJL ENTER LANGUAGE=POSTSCRIPT\r\n%!\n", b"@PJL ENTER LANGUAGE=PDF\r\n%PDF-1.4\n", b"page no 1\n", b"\x0c", b"\x1bE", b"\x1b*b5Wabcde",
        b"\x1b*b5", b"showpage\n", b"(x) show\n", b"/Type /Page\n", b"\n", b" ", b"@PJ", b"x" * 1100, b"@PJL ENTER LANGUAGE=PCLXL\r\n",
        UEL + b"@PJL ENTER LANGUAGE=PCL\r\n\x1bEpage no 3\n\x0c\x1bE" + UEL, b") HP-PCL XL;2;0\n", b"\x43", b"\x44", b"\x1b&l2X",
    ],
    "plain": [b"page no 1\n", b"\x0c", b"\n", b"\n" * 20, b" ", b"x" * 1100, b"\r\n", b"page no 2\n\x0c"],
}  # fmt: skip
# Commands that were obeyed or have no effect, and gaps.
NOWHERE = {
    "zpl": rb'~(?:H[IS]|J[AXR]|P[PSH]|WC)|! U1 getvar "[a-z._]+"\r\n|[\s\x00]',
    "escpos": (
        rb"\x10[\x04\x05].|\x10\x14\x08.{7}|\x10\x14\x03.{5}|\x10\x14\x07.|\x10\x14[^\x03\x07\x08].{2}|\x1d[rIa!].|\x1d\(H\x06\x00.{6}"
        rb"|\x1b@|\x1bp...|\x1bD\x01\x08\x00"
    ),
    "pjl": rb"\x1b%-12345X|@PJL[^\n]*\n|\x1bE|\x1b&l2X|\x1b\*b5[A-Z]|%[^\n]*(?:\n|$)|\) HP-PCL XL;2;0\n|\s|\x00",
    "plain": rb"\x0c",
}
BREAKS = [("fin", False), ("fin", True), ("reset", True), ("reset", False), ("closed", False)]
FAULTS = [
    "power-cut=0.02", "reboot=0.02", "media-out=0.03", "cover-open=0.02", "jam=0.03", "pause=0.02", "busy=0.02", "slow=20000,0.02", "clear",
]  # fmt: skip
WHEN = ["", "", "@unit:{}", "@start:{}"]
# A damaged byte excuses the command around it, and no more.
_LONGEST = {"zpl": 30, "escpos": 12, "pjl": 60, "plain": 1}
Piece = tuple[int, int, int]


class Senders:
    """They open, send and break off by dice; `streams` is what came from each, `hits` what was damaged of it."""

    def __init__(self, printer: SimulatedPrinter, personality: str, dice: random.Random) -> None:
        self.streams: dict[int, bytes] = {}
        self.hits: list[Piece] = []
        self._printer, self._dice = printer, dice
        self._pieces = PIECES[personality]
        self._noise = Noise(printer.record)
        self._lossy = dice.random() < 0.4
        self.inlets: list[Inlet] = []

    async def step(self) -> None:
        """Do one thing."""
        dice, printer, turn = self._dice, self._printer, self._dice.random()
        going = [inlet for inlet in self.inlets if not inlet.ended]
        if turn < 0.07 or not going:
            self._open()
        elif turn < 0.15:
            how, drop = dice.choice(BREAKS)
            printer.core.end(dice.choice(going), how, drop=drop)
        elif turn < 0.17:
            printer.core.intake.drop(dice.choice(going))
        elif turn < 0.27:
            when = dice.choice([*WHEN, f"@byte:{printer.core.intake.received + dice.randint(1, 100)}"])
            printer.fault(dice.choice(FAULTS[:-1]) + when.format(printer.record.made + dice.randint(1, 3)))
        elif turn < 0.33:
            self._noise.more(dice.randint(1, 4))
        elif turn < 0.38:
            await asyncio.sleep(dice.choice([0.001, 0.01, 0.05]))
        else:
            data = b"".join(dice.choice(self._pieces) for _ in range(dice.randint(1, 6)))
            self._send(
                dice.choice(going), data[: dice.choice([None, None, None, dice.randint(0, len(data))])]
            )

    def _open(self) -> None:
        inlet, _ = plug(self._printer)
        inlet.lossy = self._lossy
        self.inlets.append(inlet)
        self.streams[inlet.number] = b""

    def _send(self, inlet: Inlet, data: bytes) -> None:
        while data:
            cut = self._dice.randint(1, len(data))
            sent, data = data[:cut], data[cut:]
            came = sent if inlet.ended else self._noise.spoil(inlet, sent)
            changed = sum(a != b for a, b in zip(sent, came, strict=True))
            if changed:
                self.hits.append((inlet.number, inlet.received, inlet.received + changed))
            self.streams[inlet.number] += came
            self._printer.core.feed(inlet, came)


def gaps(printer: SimulatedPrinter, senders: Senders) -> list[Piece]:
    """Return what is in no unit and no loss. Fails if a byte is in two."""
    made: dict[tuple[Piece, ...], list[UnitRecord]] = defaultdict(list)
    for unit in printer.record.units:
        made[unit.spans].append(unit)
    for spans, units in made.items():
        _check_units(senders, spans, units)
    told = [span for spans in made for span in spans]
    told += [tuple(span) for e in printer.record.events if e["event"] in LOSSES for span in e["spans"]]
    left = []
    for number, stream in senders.streams.items():
        position = 0
        for _, start, end in [
            *sorted(each for each in told if each[0] == number),
            (number, len(stream), len(stream)),
        ]:
            assert start >= position, f"inlet {number}: {start} to {position} are in two places"
            if start > position:
                left.append((number, position, start))
            position = end
    return left


def _check_units(senders: Senders, spans: tuple[Piece, ...], units: list[UnitRecord]) -> None:
    whole = b"".join(senders.streams[number][start:end] for number, start, end in spans)
    damaged = any(_meet(hit, span) for hit in senders.hits for span in spans)
    for unit in units if spans else []:
        assert (unit.bytes, unit.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
        assert not damaged or unit.outcome.value != "printed", f"damaged, and called clean: {unit}"
    out = [unit.copy for unit in units if unit.outcome.value != "truncated"]
    assert not spans or out == list(range(1, len(out) + 1))


def _meet(one: Piece, other: Piece) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def _untold(senders: Senders, personality: str, gap: Piece) -> bool:
    """Say whether a gap has more in it than commands, around what was damaged."""
    number, position, end = gap
    stream, nowhere = (
        senders.streams[number],
        re.compile(b"(?:%b)*" % NOWHERE[personality], re.DOTALL | re.IGNORECASE),
    )
    hits = sorted(hit for hit in senders.hits if _meet(hit, gap))
    for _, start, stop in [*hits, (number, end, end)]:
        text = stream[position : max(position, start)]
        if not nowhere.fullmatch(text) and not (hits and len(text.strip()) < _LONGEST[personality]):
            return True
        position = max(position, stop)
    return False


@pytest.mark.parametrize("personality", list(PIECES))
@pytest.mark.parametrize("seed", range(40))
def test_every_byte_is_in_one_place_or_was_a_command(personality, seed):
    dice = random.Random(seed)
    how = {
        "buffer_bytes": dice.choice([256, 1024, 4096]),
        "units_per_second": dice.choice([0, 200, 1000]),
        "path_depth": dice.choice([1, 2, 5]),
        "warm_up_s": dice.choice([0, 0, 0.01]),
    }

    async def life() -> None:
        async with printer_of(personality, **how) as printer:
            senders = Senders(printer, personality, dice)
            for _ in range(dice.randint(5, 60)):
                await senders.step()
            if dice.random() < 0.5:  # else the simulator is stopped with all that is in it
                printer.clear()
                for inlet in senders.inlets:
                    printer.core.end(inlet, "fin")
                await asyncio.sleep(5)
            await printer.stop()
            left = gaps(printer, senders)
            untold = [gap for gap in left if _untold(senders, personality, gap)]
            assert [senders.streams[n][start:end] for n, start, end in untold] == []
            assert [e["error"] for e in printer.record.events if e["event"] == "personality failed"] == []

    run(life())
