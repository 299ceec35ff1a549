"""The settings of a serial line, read from a terminal and compared with what the printer is set to."""

from __future__ import annotations

import re
import termios
from dataclasses import dataclass

_BAUDS = {
    getattr(termios, name): int(name[1:]) for name in dir(termios) if name[:1] == "B" and name[1:].isdigit()
}
_FORM = re.compile(r"([0-9]{1,8})(?:,([5-8]))?(?:,([NEO]))?(?:,([12]))?")


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Baud rate, data bits, parity (N, E, O), stop bits, as on a printer's configuration sheet."""

    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1

    def __str__(self) -> str:
        return f"{self.baudrate},{self.bytesize},{self.parity},{self.stopbits}"

    @property
    def bytes_per_s(self) -> float:
        """Characters a second the line carries at most."""
        return self.baudrate / (1 + self.bytesize + (self.parity != "N") + self.stopbits)

    @classmethod
    def parse(cls, text: str) -> LineSettings:
        """Read "9600,8,N,1"; missing parts keep their defaults. Raises ValueError."""
        found = _FORM.fullmatch(text.replace(" ", "").upper())
        if found is None or int(found[1]) not in _BAUDS.values() or int(found[1]) == 0:
            raise ValueError(
                f"cannot read line settings {text!r}; the form is 9600,8,N,1, with a usual baud rate"
            )
        return cls(int(found[1]), int(found[2] or 8), found[3] or "N", int(found[4] or 1))


@dataclass(frozen=True, slots=True)
class HostLine:
    """What the host has set on its side of a pty. Linux ptys know 8 data bits without parity only (`pty_set_termios`)."""

    baudrate: int
    xon_xoff: bool
    rts_cts: bool


def host_line(fd: int) -> HostLine:
    """Read what the opener of a terminal has set. Raises termios.error when it is gone."""
    iflag, _, cflag, _, _, ospeed, _ = termios.tcgetattr(fd)
    return HostLine(_BAUDS.get(ospeed, 0), bool(iflag & termios.IXON), bool(cflag & termios.CRTSCTS))


def host_minds(fd: int) -> HostLine:
    """Read the same; nothing is set where there is no terminal any more."""
    try:
        return host_line(fd)
    except (termios.error, ValueError):  # ValueError: fd is -1
        return HostLine(0, False, False)


def set_baudrate(fd: int, baudrate: int) -> None:
    """Set a terminal's speed, so that a client which sets none agrees with the printer."""
    iflag, oflag, cflag, lflag, _, _, chars = termios.tcgetattr(fd)
    speed = getattr(termios, f"B{baudrate}", termios.B9600)
    termios.tcsetattr(fd, termios.TCSANOW, [iflag, oflag, cflag, lflag, speed, speed, chars])


def damaged(data: bytes, sent: LineSettings, expected: LineSettings, before: int = 0) -> bytes:
    """Return what a receiver set to `expected` makes of `data` sent with `sent`, `before` more bytes having gone before.

    A wrong baud rate gives framing errors and rubbish of another length; a wrong parity or size flips top bits. The
    same bytes give the same rubbish, so that tests can repeat it.
    """
    if sent == expected:
        return data
    if sent.baudrate != expected.baudrate:
        # Sampled too fast one character becomes several, too slowly several become one.
        ratio = max(1, round(expected.baudrate / max(1, sent.baudrate)))
        step = max(1, round(sent.baudrate / max(1, expected.baudrate)))
        return bytes(
            (byte * 37 + 0x80) & 0xFF for byte in data[-before % step :: step] for _ in range(min(ratio, 4))
        )
    if sent.bytesize != expected.bytesize or (sent.parity == "N") != (expected.parity == "N"):
        return bytes(byte ^ 0x80 if byte.bit_count() & 1 else byte for byte in data)
    if sent.parity != expected.parity:
        return b"?" * len(data)  # every character fails its parity check and is replaced
    return data  # stop bits: the receiver looks at one only
