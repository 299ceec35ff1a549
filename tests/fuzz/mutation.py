"""Inputs made of good ones: flipped, cut, doubled, spliced, with numbers that are too large. Seeded, so that they come again."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_MOST_BYTES = 8192
_NUMBER = re.compile(rb"[0-9]+")
_NASTY = (
    b"", b"\x00", b"\xff", b"\r\n", b"\x1b", b"\x02", b"\x03", b"\x0c", b'"', b"{", b"[" * 200, b"9" * 400, b"-1", b"%s", b"\\",
    b"\xed\xa0\x80", b"\xc3\x28", b"^XA", b"^XZ", b"~HS", b"\x1b%-12345X", b"@PJL ", b"\x1d(k", b"\x10\x04\x01", b"," * 300,
    b"NaN", b"1e999", b"null", b'{"":', b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"Transfer-Encoding: chunked\r\n",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a fresh input: a good one after one to six strokes, now and then pure noise."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(300))
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(1, 7)):
        _stroke(data, seeds, chance)
    return bytes(data[:_MOST_BYTES])


def _stroke(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 2, 4, 16, 200)))
    match chance.randrange(7):
        case 0:
            if data:
                data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
        case 1:
            del data[at:end]
        case 2:
            data[at:at] = data[at:end] * chance.choice((1, 2, 50))
        case 3:
            data[at:end] = chance.choice(_NASTY)
        case 4:
            data[at:at] = chance.choice(_NASTY)
        case 5:
            other = chance.choice(seeds)
            data[at:] = other[chance.randrange(len(other) + 1) :]
        case _:
            numbers = list(_NUMBER.finditer(data))
            if numbers:
                found = chance.choice(numbers)
                value = chance.choice(
                    (b"0", b"-1", b"65535", b"65536", b"4294967295", b"18446744073709551616", b"007")
                )
                data[found.start() : found.end()] = value


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """Return an input in pieces, as a connection delivers it."""
    if chance.random() < 0.5:
        return [data]
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 6)))
    return [data[start:end] for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True)]
