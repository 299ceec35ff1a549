"""The settings that a serial line had before it was touched, kept until it has them again, or the kernel has forgotten them."""

from __future__ import annotations

import fcntl
import termios
from typing import Any

from portmon.journal.file import boot_id
from portmon.line.terminal import let_go, open_terminal
from portmon.monitor import LineStore


def save_line(fd: int, device: str, lines: LineStore) -> None:
    """Remember what a line is set to, before it is touched. Raises termios.error: it is none."""
    now = _to_json(termios.tcgetattr(fd))
    lines.store_line({"device": device, "termios": now, "boot": boot_id().hex()})


def note_ours(fd: int, lines: LineStore) -> None:
    """Remember what we have set a line to, so that what somebody else sets it to meanwhile is left alone."""
    if saved := lines.line:
        lines.store_line({**saved, "ours": _to_json(termios.tcgetattr(fd))})


def restore_line(fd: int, device: str, lines: LineStore) -> None:
    """Set a line to what is remembered of it, unless somebody else has set it since, and forget that."""
    saved = lines.line
    if not saved or saved.get("device") != device:
        return
    if saved.get("boot") != boot_id().hex():
        lines.store_line(None)  # its settings went with the kernel that had them
        return
    try:
        fcntl.ioctl(fd, termios.TIOCNXCL)
        # Without `ours` a crash came between the two notes, and nobody knows how far the settings had got.
        if saved.get("ours") in (None, _to_json(termios.tcgetattr(fd))):
            termios.tcsetattr(fd, termios.TCSANOW, _from_json(saved["termios"]))
    except (termios.error, OSError):
        return  # the device is gone, and its settings with it
    lines.store_line(None)


def tidy_up_line(device: str, lines: LineStore) -> None:
    """Restore a line that nobody has open. Raises OSError: it is busy, or not there."""
    fd = open_terminal(device)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        restore_line(fd, device, lines)
    finally:
        let_go(fd, device)


def _to_json(attributes: list[Any]) -> list[Any]:
    return [*attributes[:6], [code if isinstance(code, int) else code.hex() for code in attributes[6]]]


def _from_json(stored: list[Any]) -> list[Any]:
    return [*stored[:6], [code if isinstance(code, int) else bytes.fromhex(code) for code in stored[6]]]
