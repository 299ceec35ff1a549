"""What a line has damaged is called garbled, or told as lost, wherever the damaged bytes fall."""

from __future__ import annotations

import asyncio

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.connections.line_settings import LineSettings
from printfabric_sim.connections.mismatch import Mismatch
from printfabric_sim.noise import Noise
from tests.simulators.test_zpl import plug
from tests.simulators.virtual_time import printer_of, run

UEL = b"\x1b%-12345X"
CUT = b"\x1dV\x00"
PRINTED, GARBLED = "printed", "garbled"
PAGE = b"@PJL ENTER LANGUAGE=PCL\r\npage 1\x0c" + UEL
# What comes before the noise, how many bytes it hits, what comes from then on, and what becomes of the units.
NOISY = {
    "the end of one receipt and the head of the next": (
        "escpos", b"Receipt no 1\n\x1dV", 6, b"\x00Receipt no 2 milk\n" + CUT, [GARBLED, GARBLED],
    ),
    "the line end of ENTER": (
        "pjl", UEL + b"@PJL ENTER LANGUAGE=PCL\r", 1, b"\nPage 1\r\nsecond line\x0c" + UEL, [GARBLED],
    ),
    "the number of copies": ("pjl", UEL + b"@PJL SET COPIES=", 1, b"3\r\n" + PAGE, [GARBLED]),
    "a line between two jobs": ("pjl", UEL + b"@PJL SET ", 3, b"X=3\r\n@PJL RESET\r\n" + PAGE, [PRINTED]),
    "the page behind another job": (
        "pjl", UEL + b"@PJL SET COPIES=", 1, b"3\r\n" + PAGE + b'@PJL JOB NAME="x"\r\n' + PAGE, [GARBLED, PRINTED],
    ),
    "the gap between two labels": ("zpl", b"^XA^FD1^FS^XZ", 2, b"\r\n^XA^FD2^FS^XZ", [PRINTED, PRINTED]),
    "the field of a label": ("zpl", b"^XA^FD", 2, b"12^FS^XZ^XA^FD2^FS^XZ", [GARBLED, PRINTED]),
}  # fmt: skip


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("pieces", [1, 100])
def test_noise_garbles_what_it_hits_and_what_depends_on_it(name, pieces):
    personality, before, hit, after, outcomes = NOISY[name]

    async def life() -> None:
        async with printer_of(personality) as printer:
            inlet, _ = plug(printer)
            noise = Noise(printer.record)
            printer.core.feed(inlet, before)
            noise.more(hit)
            size = len(after) // pieces + 1
            for at in range(0, len(after), size):
                printer.core.feed(inlet, noise.spoil(inlet, after[at : at + size]))
            assert [unit.outcome.value for unit in printer.record.units] == outcomes

    run(life())


@pytest.mark.parametrize("sent", [38400, 19200, 4800, 2400])
def test_the_same_bytes_become_the_same_garbage_in_whatever_pieces(sent):
    async def life() -> None:
        async with printer_of("plain") as printer:
            text, heard = b"0123456789abcdef" * 4, []
            for size in (64, 1, 3, 7):
                inlet, _ = plug(printer)
                mismatch = Mismatch(printer.core, LineSettings(9600))
                pieces = [text[at : at + size] for at in range(0, len(text), size)]
                heard.append(b"".join(mismatch.heard(inlet, piece, LineSettings(sent)) for piece in pieces))
            assert set(heard) == {heard[0]}
            assert heard[0] != text

    run(life())


def _outcomes(printer: SimulatedPrinter) -> list[str]:
    return [unit.outcome.value for unit in printer.record.units]


def _lost(printer: SimulatedPrinter) -> list[tuple[str, list[list[int]]]]:
    losses = [e for e in printer.record.events if e["event"] in ("discarded", "overrun", "cancelled")]
    return [(e["event"], e["spans"]) for e in losses]


def test_noise_on_bytes_that_come_without_power_harms_nothing_that_comes_later():
    async def life() -> None:
        async with printer_of("zpl", faults="power-cut=1") as printer:
            inlet, _ = plug(printer)
            noise = Noise(printer.record)
            noise.more(4)
            printer.core.feed(inlet, noise.spoil(inlet, b"^XA^FDlost^FS^XZ"))
            await asyncio.sleep(2)
            # In pieces smaller than the noise was.
            for at in range(0, 16, 2):
                printer.core.feed(inlet, b"^XA^FDkept^FS^XZ"[at : at + 2])
            assert [(unit.outcome.value, unit.spans) for unit in printer.record.units] == [
                ("printed", ((1, 16, 32),))
            ]
            assert _lost(printer) == [("discarded", [[1, 0, 16]])]

    run(life())


def test_noise_is_held_against_what_comes_behind_a_line_thrown_away_in_the_middle_of_it():
    async def life() -> None:
        async with printer_of("zpl") as printer:
            inlet, _ = plug(printer)
            noise = Noise(printer.record)
            noise.more(30)
            data = noise.spoil(inlet, b"^XA^FD1")
            printer.core.feed(inlet, data)
            whole = b"^XA^FD2^FS^XZ"
            changed = bytes(byte ^ 0x5A for byte in whole)
            noise.spoil(inlet, whole)  # on the line when the reset comes
            printer.core.intake.drop(inlet)
            printer.core.feed(inlet, bytes(byte ^ 0x5A for byte in changed))
            assert _outcomes(printer) == ["garbled"]

    run(life())


def test_a_command_that_is_obeyed_while_the_buffer_is_full_is_not_lost():
    async def life() -> None:
        async with printer_of("zpl", faults="busy", buffer_bytes=256) as printer:
            inlet, heard = plug(printer)
            inlet.lossy = True
            printer.core.feed(inlet, b"x" * 255)
            printer.core.feed(inlet, b"~HI")
            assert heard.data.startswith(b"\x02")
            assert _lost(printer) == []
            printer.core.feed(inlet, b"more")
            assert _lost(printer) == [("overrun", [[1, 258, 262]])]

    run(life())


def test_half_a_command_that_finds_the_buffer_full_is_lost_and_never_completed():
    async def life() -> None:
        async with printer_of("zpl", faults="busy", buffer_bytes=256) as printer:
            inlet, heard = plug(printer)
            inlet.lossy = True
            printer.core.feed(inlet, b"x" * 256 + b"~H")
            printer.core.feed(inlet, b"I")
            assert heard.data == b""
            assert _lost(printer) == [("overrun", [[1, 256, 258]]), ("overrun", [[1, 258, 259]])]

    run(life())


def test_what_looks_like_a_command_in_the_data_of_another_is_lost_with_it():
    async def life() -> None:
        async with printer_of("escpos", faults="pause", path_depth=1) as printer:
            inlet, _ = plug(printer)
            # GS V takes the first two bytes of DLE ENQ 2 for its own, and DLE ENQ 2 is obeyed all the same.
            printer.core.feed(inlet, b"text\n\x1dV\x10\x05")
            printer.core.feed(inlet, b"\x02")
            assert printer.record.units == []
            assert _lost(printer) == [("cancelled", [[1, 9, 10], [1, 0, 9]])]

    run(life())
