"""Documents to print: the ones people send, and the ones that break programs."""

from __future__ import annotations

import hashlib
import io
import random

ALL_BYTES = bytes(range(256)) + bytes(reversed(range(256)))  # XON, XOFF, ^C, ^D, NUL, CR and LF among them
_BLOCK = 1 << 20


def zpl(labels: int) -> bytes:
    """Return a ZPL file of so many different labels."""
    return b"".join(
        b"^XA\n^FO50,50^A0N,40,40^FDBox %06d of %06d^FS\n^FO50,120^BCN,100,Y^FD>:%012d^FS\n^PQ1\n^XZ\n"
        % (number, labels, number * 7919)
        for number in range(1, labels + 1)
    )


def pdf(size: int, seed: int) -> bytes:
    """Return something of exactly `size` bytes that looks like a PDF: compressed streams, a trailer."""
    head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Length 1/Filter/FlateDecode>>\nstream\n"
    tail = b"\nendstream\nendobj\ntrailer\n<</Size 2/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"
    return head + random.Random(seed).randbytes(size - len(head) - len(tail)) + tail


def noise(size: int, seed: int) -> bytes:
    """Return bytes in which every place is different, so that a shift, a gap or a repeat shows."""
    return random.Random(seed).randbytes(size)


class Endless:
    """A file of any size that is made while it is read: no two blocks are equal, and none is kept."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self._seed = seed
        self._at = 0
        self._body = random.Random(seed).randbytes(_BLOCK - 8)

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        raise io.UnsupportedOperation("it is made, not stored")

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self.size - self._at
        wanted = left if size < 0 else min(size, left)
        parts = []
        while wanted > 0:
            number, within = divmod(self._at, _BLOCK)
            if within < 8:
                part = number.to_bytes(8, "big")[within : within + wanted]
            else:
                part = self._body[within - 8 : within - 8 + wanted]
            parts.append(part)
            self._at += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def digest(self) -> str:
        """Return the SHA-256 of the whole, in hex."""
        whole, again = hashlib.sha256(), Endless(self.size, self._seed)
        while piece := again.read(_BLOCK):
            whole.update(piece)
        return whole.hexdigest()
