"""Noise on a line: the next so many bytes arrive damaged."""

from __future__ import annotations

from printfabric_sim.core import Core
from printfabric_sim.inlet import Damage, Inlet


class Noise:
    """Counts the bytes still to be damaged on one line."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._left = 0

    def more(self, size: int) -> None:
        """Damage `size` more bytes; 0: no more at all."""
        self._left = self._left + size if size else 0

    def spoil(self, inlet: Inlet, data: bytes) -> bytes:
        """Return `data` as it arrives on `inlet`; what was damaged is noted in the record."""
        hit = min(self._left, len(data))
        if not hit:
            return data
        self._left -= hit
        inlet.damage.append(Damage(inlet.received, 0, "line noise", hit))
        self._core.event("bytes damaged", inlet=inlet.number, at=inlet.received, bytes=hit)
        return bytes(byte ^ 0x5A for byte in data[:hit]) + data[hit:]
