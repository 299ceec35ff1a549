"""Passwords as they are kept: scrypt with a salt of its own (RFC 7914). Pure but for the randomness of the salt.

    scrypt$32768$8$3$<salt>$<hash>      n, r, p; salt and hash in base64

The numbers are OWASP's of 2025: 32 MiB and about 0.2 s for one try. They stand in the line, so that they can grow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

_N, _R, _P = 1 << 15, 8, 3
_MOST_BYTES = 128 << 20  # what a line may ask of our memory
_MOST_ROUNDS = 16
_LONGEST = 1024  # a password in bytes
# No password fits it, and to find that out takes as long as with any other.
NOBODYS = f"scrypt${_N}${_R}${_P}${'A' * 22}==${'A' * 43}="


def hashed(password: str, n: int = _N, r: int = _R, p: int = _P) -> str:
    """Return the line under which a password is kept; n, r and p are scrypt's own.

    Raises:
        ValueError: it is empty, or longer than 1024 bytes.
    """
    if not password or len(password.encode()) > _LONGEST:
        raise ValueError(f"a password has 1 to {_LONGEST} bytes")
    salt = os.urandom(16)
    return f"scrypt${n}${r}${p}${_text(salt)}${_text(_scrypt(password, salt, n, r, p))}"


def fits(password: str, line: str) -> bool:
    """Say whether a password is that of a line. Slow on purpose: not on the event loop.

    Raises:
        ValueError: the line is none of ours.
    """
    n, r, p, salt, expected = parsed(line)
    if len(password.encode("utf-8", "replace")) > _LONGEST:
        return False
    return hmac.compare_digest(_scrypt(password, salt, n, r, p), expected)


def parsed(line: str) -> tuple[int, int, int, bytes, bytes]:
    """Return n, r, p, salt and hash of a line.

    Raises:
        ValueError: it is none of ours, or asks for more than 128 MiB.
    """
    name, *numbers, salt, expected = [*line.split("$"), "", ""][:6]
    if name != "scrypt" or len(numbers) != 3 or line.count("$") != 5:
        raise ValueError("not scrypt$n$r$p$salt$hash")
    n, r, p = (int(number) for number in numbers)
    if n < 2 or n & (n - 1) or r < 1 or not 1 <= p <= _MOST_ROUNDS or 128 * n * r > _MOST_BYTES:
        raise ValueError("scrypt's numbers are out of bounds")
    return n, r, p, base64.b64decode(salt, validate=True), base64.b64decode(expected, validate=True)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "replace"), salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_BYTES, dklen=32
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
