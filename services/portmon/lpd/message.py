"""RFC 1179 as bytes: commands, the control file, and what an answer means. Pure."""

from __future__ import annotations

import re

_MOST_TEXT = 200
_NOT_NAME = re.compile(rb"[^A-Za-z0-9._-]")
# RFC 1179, 7: how long the lines of a control file may be.
_HOST, _USER, _JOB, _SOURCE = 31, 31, 99, 131


def receive_job(queue: str) -> bytes:
    """Return the command that begins a job (5.2)."""
    return b"\x02" + queue.encode() + b"\n"


def control_file_command(size: int, number: int, host: str) -> bytes:
    """Return the subcommand that announces a control file (6.2)."""
    return b"\x02%d cfA%03d%s\n" % (size, number % 1000, _name(host))


def data_file_command(size: int, number: int, host: str) -> bytes:
    """Return the subcommand that announces a data file (6.3); size 0: it ends with the connection."""
    return b"\x03%d dfA%03d%s\n" % (size, number % 1000, _name(host))


def control_file(host: str, user: str, title: str, number: int) -> bytes:
    """Return a control file for one data file, to be printed as it is (7: H, P, J, l, U, N)."""
    file = b"dfA%03d%s" % (number % 1000, _name(host))
    rows = [
        b"H" + _name(host),
        b"P" + _line(user or "print-fabric", _USER),
        b"J" + _line(title or f"job {number}", _JOB),
        b"l" + file,
        b"U" + file,
        b"N" + _line(title or f"job {number}", _SOURCE),
    ]
    return b"\n".join(rows) + b"\n"


def refusal(answer: bytes) -> str:
    """Return what a negative answer says, for people: the octet, and the text that some daemons add."""
    words = "".join(
        letter if letter.isprintable() else " " for letter in answer[1:].decode("utf-8", "replace")
    )
    text = " ".join(words.split())[:_MOST_TEXT]
    known = {1: "no such queue, or it takes nothing now", 2: "no room", 3: "rejected for good"}
    octet = answer[0]
    return text or f"octet {octet}" + (f": {known[octet]}" if octet in known else "")


def _name(host: str) -> bytes:
    """Return a host's name that no daemon trips over."""
    return _NOT_NAME.sub(b"-", host.encode("ascii", "replace"))[:_HOST] or b"host"


def _line(text: str, most: int) -> bytes:
    """Return a text that stays on its line: control characters blank, cut between characters."""
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(words.split()).encode("utf-8", "replace")[:most].decode("utf-8", "ignore").encode()
