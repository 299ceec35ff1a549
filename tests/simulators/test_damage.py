"""What a line has damaged is called garbled, or told as lost, wherever the damaged bytes fall."""

from __future__ import annotations

import pytest

from printfabric_sim.connections.line_settings import LineSettings
from printfabric_sim.connections.mismatch import Mismatch
from printfabric_sim.connections.noise import Noise
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
            noise = Noise(printer.core)
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
