"""What a splitter is: it reads a document once, in any pieces, and says where its units end. Pure.

A unit begins where the one before it ends, so units lie end to end; what stands between two of them (white space,
settings) belongs to the one it precedes. Bytes behind the last unit that print nothing belong to none. No byte is ever
changed, and what is remembered is bounded however long the document and whatever it holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from spooler.ledger import UnitKind
from spooler.units.prefix import MOST_BYTES, MOST_STRETCHES, NO_PREFIX, Prefix

SETUP_BYTES = 64 * 1024  # of what may be sent before a unit that is not the first


class Setup(NamedTuple):
    """What has to be sent before a unit so that it prints as it would have; or why that cannot be had."""

    prefix: Prefix = NO_PREFIX
    refusal: str = ""


def sendable(prefix: Prefix) -> Setup:
    """Return a prefix, or the reason why there is too much of it."""
    if prefix.size > MOST_BYTES or len(prefix.taken) > MOST_STRETCHES:
        why = f"{prefix.size:,} bytes would have to go before it, and {MOST_BYTES:,} are the most"
        return Setup(refusal=why)
    return Setup(prefix)


class Close(NamedTuple):
    """What gets a printer out of a unit of which it has only the beginning."""

    data: bytes  # empty: it stands between two units
    drops: bool = False  # the printer throws the unit away; else what it has of it comes out


NOTHING_OPEN = Close(b"")


class Splitter(ABC):
    """Reads one document, from its first byte to its last.

    Args:
        collect: remember also what `setup` needs; it costs time.
    """

    kind: UnitKind
    prints_at_end = False  # nothing of a unit comes out before its last byte is there
    has_mark = False  # a line of text can be put on a unit: see `mark`

    def __init__(self, *, collect: bool = False) -> None:
        self.collect = collect
        self.repeats = False  # some unit comes out several times (^PQ, copies of a page)
        self._at = 0  # offset in the document of what is looked at next
        self._kept = b""  # from there on: the beginning of something that is not all here
        self._skip = 0  # bytes that are payload of a command, whatever they look like
        self._ends: list[int] = []

    def feed(self, data: bytes) -> list[int]:
        """Take the next bytes; return the offsets, each one past a unit's last byte, that have become known."""
        if self._skip:
            count = min(self._skip, len(data))
            self._passed(data[:count])
            self._skip -= count
            self._at += count
            data = data[count:]
            if not data:
                return []
        self._look(self._kept + data if self._kept else data, final=False)
        ends, self._ends = self._ends, []
        return ends

    def finish(self) -> list[int]:
        """The document is over; return the ends that this decides."""
        if self._skip == 0 and self._kept:
            self._look(self._kept, final=True)
        self._over()
        ends, self._ends = self._ends, []
        return ends

    def setup(self, head: bytes) -> Setup:
        """Say what is needed before the unit that would follow what was fed; `head` are its first bytes."""
        return Setup()

    def close(self) -> Close | None:
        """Say what closes the unit that was begun by what was fed, and by no more; None: nobody knows.

        The rest of what is counted out (an image, a download) is filled with zeros first, else it would swallow the close.
        """
        return None

    def leave(self) -> bytes:
        """Return what ends a document behind the unit that was fed last, where no more of it is sent."""
        return b""

    def mark(self, text: str) -> bytes:
        """Return what prints a line of text on a unit when it is sent at its `mark_place`."""
        raise NotImplementedError(f"{type(self).__name__} has no mark")

    def mark_place(self, start: int) -> int:
        """Return the byte before which a mark goes, in the unit that was fed last and that began at `start`."""
        return start

    def _look(self, buffer: bytes, *, final: bool) -> None:
        used = self._scan(buffer, final=final)
        self._kept = buffer[used:]
        self._skip = max(0, used - len(buffer))
        self._at += min(used, len(buffer))

    @abstractmethod
    def _scan(self, buffer: bytes, *, final: bool) -> int:
        """Read a piece that begins at `self._at`; return how much of it is done with.

        More than its length: so many bytes that follow are payload. Less: the rest comes again, with more behind it;
        that is so only while what is there could still become one thing or another, whatever the pieces.
        """

    def _passed(self, data: bytes) -> None:
        """See payload go by."""

    def _over(self) -> None:
        """See the document's end."""

    def _end(self, at: int) -> None:
        """A unit ends at this place of the present piece."""
        self._ends.append(self._at + at)

    @property
    def _position(self) -> int:
        """Where the document ends, once all of it was looked at."""
        return self._at + len(self._kept)
