"""A sender at a device node, and what of its bytes went through each opening of the printer's line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from pathlib import Path

from tests.simulators.bookkeeping import Books

_PIECE_BYTES = 4096


async def write(path: Path, data: bytes, patience_s: float = 20) -> bytes:
    """Write all of `data` and return it as the kernel took it; a node that is gone is opened anew. Raises TimeoutError."""
    taken = b""
    async with asyncio.timeout(patience_s):
        while len(taken) < len(data):
            with contextlib.suppress(OSError):
                fd = _opened(path)
                try:
                    taken += await _write_on(fd, data[len(taken) :])
                finally:
                    os.close(fd)
            await asyncio.sleep(0.01)
    return taken


def _opened(path: Path) -> int:
    """Open a node as a program does that minds XOFF and CTS. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    with contextlib.suppress(termios.error):  # a FIFO has no settings
        tty.setraw(fd, termios.TCSANOW)
        settings = termios.tcgetattr(fd)
        settings[0] |= termios.IXON
        settings[2] |= termios.CRTSCTS
        termios.tcsetattr(fd, termios.TCSANOW, settings)
    return fd


async def _write_on(fd: int, data: bytes) -> bytes:
    """Write until all is taken or the node is gone; return what was taken."""
    done = 0
    while done < len(data):
        try:
            done += os.write(fd, data[done : done + _PIECE_BYTES])
        except BlockingIOError:
            pass
        except OSError:
            break
        await asyncio.sleep(0.002)
    return data[:done]


def line_up(books: Books, taken: bytes, kept: bytes) -> None:
    """Give every inlet its part of what was `taken`: the printer `kept` what arrived, one inlet after the other.

    What it kept must be what was written, in order; a node that went away has swallowed the rest. Noise is told apart
    by the places the record names.
    """
    position = start = 0
    for inlet in sorted(books.streams):
        ends = [span[2] for row in (*books.units, *books.losses) for span in row["spans"] if span[0] == inlet]
        told = [e["received"] for e in books.events if e["event"] == "disconnected" and e["inlet"] == inlet]
        size = max([*ends, *told, 0])
        arrived = bytearray(kept[start : start + size])
        for damage in (damage for damage in books.damage if damage.inlet == inlet):
            arrived[damage.start : damage.end] = bytes(b ^ 0x5A for b in arrived[damage.start : damage.end])
        at = taken.find(arrived, position)
        assert at >= 0, f"inlet {inlet}: what arrived was not written"
        books.streams[inlet] = taken[at : at + size]
        position, start = at + size, start + size
    assert start == len(kept), "bytes that are in nobody's account"
