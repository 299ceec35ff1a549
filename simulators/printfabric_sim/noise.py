"""Noise on the lines of a printer: the next so many bytes arrive damaged."""

from __future__ import annotations

from collections.abc import Callable

from printfabric_sim.inlet import Damage, Inlet
from printfabric_sim.record import Record


class Noise:
    """Counts the bytes still to be damaged, on whatever line they come; `spent` is called when the last one was."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._left = 0
        self.met = True  # a byte has been damaged since it began
        self.spent: Callable[[], object] = lambda: None

    def more(self, size: int) -> None:
        """Damage `size` more bytes."""
        self._left, self.met = self._left + size, self.met and self._left > 0

    def end(self) -> None:
        """Damage none of those that are left."""
        self._left = 0
        self.told()

    def told(self) -> None:
        """It is over: say so if no byte has come that it could damage."""
        if not self.met:
            why = "no byte has come that it could damage"
            self._record.event("fault without effect", fault="noise", why=why)
        self.met = True

    def spoil(self, inlet: Inlet, data: bytes) -> bytes:
        """Return `data` as it arrives on `inlet`; what was damaged is noted in the record."""
        hit = min(self._left, len(data))
        if not hit:
            return data
        self._left, self.met = self._left - hit, True
        inlet.damage.append(Damage(inlet.received, 0, "line noise", hit))
        self._record.event("bytes damaged", inlet=inlet.number, at=inlet.received, bytes=hit)
        if not self._left:
            self.spent()
        return bytes(byte ^ 0x5A for byte in data[:hit]) + data[hit:]
