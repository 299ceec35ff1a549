"""One label, receipt or page on its way through the printer, and the draft it is made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """Bytes `start` to `end` (exclusive) of what one inlet received, counted from its first byte."""

    inlet: int
    start: int
    end: int


@dataclass(slots=True)
class Job:
    """What the printer takes for one job: a connection, an LPD or IPP job, or a PJL JOB…EOJ."""

    number: int
    name: str = ""
    units: int = 0  # units printed so far


# So much of a unit's end is kept where its head is all that is kept else: a serial text may stand there.
TAIL_BYTES = 8192


@dataclass(slots=True)
class Unit:
    """One finished format, receipt or page; `copies` of it will leave the printer, one after another.

    `content` is the head of its bytes, as many as the printer keeps, and `tail` the last TAIL_BYTES if those are not all;
    `size` and `digest` cover all of them.
    """

    kind: str
    digest: str
    size: int
    spans: tuple[Span, ...]
    content: bytes
    job: Job
    copies: int = 1
    garbled: str = ""  # why the content is not what the sender meant; empty: nothing known against it
    tail: bytes = b""


@dataclass(slots=True)
class Draft:
    """The unit being put together from arriving bytes.

    `keep` bounds how much content is held in memory; the hash covers everything.
    """

    keep: int
    size: int = 0
    garbled: str = ""
    cut: bool = False  # it has half a command in it
    on_paper: bool = False  # a piece of it is printed; only where paper moves as data arrives
    spans: list[Span] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    _rest: bytearray = field(default_factory=bytearray)  # the end of what is not in `content`
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, data: memoryview, inlet: int, start: int) -> None:
        """Take `data`, which lies at offset `start` of `inlet`."""
        size = len(data)
        self._hash.update(data)
        room = self.keep - self.size
        if room > 0:
            self.content += data if room >= size else data[:room]
        if size > room:
            self._rest += data[max(0, room, size - TAIL_BYTES) :]
            del self._rest[:-TAIL_BYTES]
        self.size += size
        spans = self.spans
        if spans and spans[-1].inlet == inlet and spans[-1].end == start:
            spans[-1] = Span(inlet, spans[-1].start, start + size)
        else:
            spans.append(Span(inlet, start, start + size))

    def finish(self, kind: str, job: Job, copies: int = 1) -> Unit:
        """Return the finished unit; the draft is not to be used afterwards."""
        return Unit(
            kind=kind,
            digest=self._hash.hexdigest(),
            size=self.size,
            spans=tuple(self.spans),
            content=bytes(self.content),
            job=job,
            copies=copies,
            garbled=self.garbled,
            tail=bytes((self.content[-TAIL_BYTES:] + self._rest)[-TAIL_BYTES:]) if self._rest else b"",
        )
