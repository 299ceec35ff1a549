"""Documents whose every unit says which it is, at its beginning and its end, in the printer's language."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz"
# A unit's core: what must be on one sheet, to the byte, for the unit to be on paper.
CORE = re.compile(rb"SN (\d+-\d+)\|[A-Za-z ]*\|EN \1;")
BEGINS = re.compile(rb"SN (\d+-\d+)\|")
ENDS = re.compile(rb"\|EN (\d+-\d+);")
FORMATS = {
    "zpl": "application/vnd.zebra-zpl",
    "escpos": "application/vnd.escpos",
    "pjl": "application/vnd.hp-pcl",
    "plain": "text/plain",
}


class Paper(NamedTuple):
    """A document: its bytes, the cores of its units in order, and the byte behind each unit."""

    data: bytes
    cores: tuple[bytes, ...]
    ends: tuple[int, ...]


def serial(job: int, unit: int) -> str:
    """Return what unit `unit` (from 1) of job `job` is called on paper."""
    return f"{job}-{unit}"


def behind_core(personality: str) -> int:
    """Return how many bytes end a unit behind its core."""
    return len(_frame(personality, setup=False)[2])


def paper(personality: str, job: int, units: int, unit_bytes: int, setup: bool) -> Paper:
    """Return a document of so many units of about so many bytes; the same arguments give the same document."""
    dice = random.Random(f"{personality}/{job}")
    cores = []
    for unit in range(1, units + 1):
        name = serial(job, unit).encode()
        size = max(8, int(unit_bytes * dice.uniform(0.7, 1.3)))
        cores.append(b"SN %s|%s|EN %s;" % (name, bytes(dice.choices(_LETTERS, k=size)), name))
    head, before, after, tail = _frame(personality, setup)
    data, ends = head, []
    for core in cores:
        data += before + core + after
        ends.append(len(data))
    return Paper(data + tail, tuple(cores), tuple(ends))


def _frame(personality: str, setup: bool) -> tuple[bytes, bytes, bytes, bytes]:
    """Return what stands before the document, before and behind each unit, and behind the document."""
    if personality == "zpl":
        head = b"~DGR:LOGO.GRF,3,1,FFFFFF\n" if setup else b""
        logo = b"^FO9,9^XGR:LOGO.GRF^FS" if setup else b""
        return head, b"^XA" + logo + b"^FO30,30^FD", b"^FS^XZ\n", b""
    if personality == "escpos":
        return b"\x1b@" + (b"\x1ba\x01" if setup else b""), b"", b"\n\n\x1dV\x00", b""
    if personality == "pjl":
        head = b'\x1b%-12345X@PJL JOB NAME="x"\r\n@PJL ENTER LANGUAGE=PCL\r\n\x1bE'
        return head, b"\x1b&a0R" if setup else b"", b"\r\n\x0c", b"\x1bE\x1b%-12345X@PJL EOJ\r\n\x1b%-12345X"
    return b"", b"", b"\r\n\x0c", b""
