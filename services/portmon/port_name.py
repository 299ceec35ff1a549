"""Port names: one form, compared without case, made when a port is added."""

from __future__ import annotations

import re

from chassis.errors import InvalidArgument

_NUMBERED = re.compile(r"(COM|LPT)0*(\d+):", re.IGNORECASE)
_FIRST_LPT = re.compile(r"LPT0*:", re.IGNORECASE)  # the first parallel port's other names
_MOST = 63


def canonical(name: str) -> str:
    """Return the one form of a name: trimmed, `com01:` as `COM1:`, `LPT:` as `LPT1:`; others keep their spelling.

    Raises:
        InvalidArgument: empty, too long, or with a comma or control characters (code 123, ERROR_INVALID_NAME).
    """
    name = name.strip()
    wrong = None
    if not name:
        wrong = "is empty"
    elif len(name) > _MOST:
        wrong = f"has more than {_MOST} characters"
    elif "," in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        wrong = "has a comma or a control character"
    if wrong:
        raise InvalidArgument(f"port name {name!r} {wrong}", win32=123, fields=[("name", wrong)])
    if _FIRST_LPT.fullmatch(name):
        return "LPT1:"
    match = _NUMBERED.fullmatch(name)
    return f"{match[1].upper()}{int(match[2])}:" if match else name


def same(name: str) -> str:
    """Return what two names of one port have in common; never raises."""
    if _FIRST_LPT.fullmatch(name.strip()):
        return "lpt1:"
    match = _NUMBERED.fullmatch(name.strip())
    return f"{match[1]}{int(match[2])}:".casefold() if match else name.strip().casefold()


def without_name(message: str, port: str) -> str:
    """Return what an error says of a port, for where it is clear which one is meant."""
    return message.removeprefix(f"port {port.removesuffix(':')}: ")
