"""Bytes that come damaged over a serial line, counted and reported: settings that do not fit show there first."""

from __future__ import annotations

import fcntl
import struct
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from portmon.facts import Fact, Kind
from portmon.reports import Condition, Report, Severity, Source

LINE_ERRORS = "line-errors"  # the cause that the report carries
LASTS_S = 60.0  # how long it counts, and how far back it looks
_LOOK_EVERY_S = 1.0
_SHARE = 0.01  # of the bytes received
_LEAST = 2  # one damaged byte is an accident
_LEAST_UNLIKELY = 8

_TIOCGICOUNT = 0x545D  # linux/serial.h; struct serial_icounter_struct is 20 ints
_ICOUNTS = struct.Struct("20i")
_TOP_BIT = bytes(range(128))
_PATHS = tuple(
    rf"\Printer.Extension.Line:{name}" for name in ("FramingErrors", "Overruns", "ParityErrors", "Breaks")
)


class LineErrors(NamedTuple):
    """What the driver has counted since the line was made."""

    framing: int
    overrun: int
    parity: int
    breaks: int

    def since(self, before: LineErrors) -> LineErrors:
        """Return what came since."""
        return LineErrors(*(now - then for now, then in zip(self, before, strict=True)))


def counted(fd: int) -> LineErrors | None:
    """Return what the driver of a line counted; None from one that does not count, as a pty's."""
    try:
        data = fcntl.ioctl(fd, _TIOCGICOUNT, bytes(_ICOUNTS.size))
    except OSError:
        return None
    counts = _ICOUNTS.unpack(data)
    return LineErrors(counts[6], counts[7], counts[8], counts[9])


class LineWatch:
    """Looks at what comes over one line. `report` takes all that it has to say, and for how long that counts.

    Where the driver does not count, bytes with the top bit set stand for damaged ones: no printer language has them in its
    answers, and a wrong speed or parity makes many.
    """

    def __init__(
        self,
        count: Callable[[], LineErrors | None],
        report: Callable[[Sequence[Report], float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count, self._report, self._clock = count, report, clock
        self._looked_at = -_LOOK_EVERY_S
        self._begin()
        self._opened = self._before
        report([], LASTS_S)  # what was said was of the line with the settings it had

    def _begin(self) -> None:
        self._began, self._before = self._clock(), self._count()
        self._bytes = self._unlikely = 0

    def facts(self) -> dict[str, Fact]:
        """Return what came damaged since the line was opened, by path of the bidi schema; {}: its driver does not count."""
        now = None if self._opened is None else self._count()
        if now is None or self._opened is None:
            return {}
        new = now.since(self._opened)
        return {
            path: Fact(Kind.INT, count, Source.TRANSPORT) for path, count in zip(_PATHS, new, strict=True)
        }

    def take(self, data: bytes) -> None:
        """Count what has come."""
        self._bytes += len(data)
        if self._before is None:
            self._unlikely += len(data.translate(None, _TOP_BIT))
        now = self._clock()
        if now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        text = self._words()
        if text:
            report = Report(
                Condition.USER_INTERVENTION,
                Severity.WARNING,
                f"{text} in {self._bytes} bytes from the printer",
                Source.TRANSPORT,
                cause=LINE_ERRORS,
            )
            self._report([report], LASTS_S)
        if now - self._began >= LASTS_S:
            self._begin()

    def _words(self) -> str:
        """Return how many were damaged, and how; empty: too few to mean anything."""
        now = None if self._before is None else self._count()
        if now is None or self._before is None:
            found, least = [("bytes that no printer sends", self._unlikely)], _LEAST_UNLIKELY
        else:
            new = now.since(self._before)
            found, least = [("framing errors", new.framing), ("parity errors", new.parity)], _LEAST
        damaged = sum(count for _, count in found)
        if damaged < max(least, _SHARE * self._bytes):
            return ""
        return " and ".join(f"{count} {name}" for name, count in found if count)
