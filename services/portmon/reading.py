"""What a device sent back, read with Windows' time-outs (ReadPort, COMMTIMEOUTS)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from chassis.errors import DeviceNotConnected
from portmon.counters import BackChannel
from portmon.port_state import PortState


@dataclass(slots=True)
class ReadTimeOuts:
    """How long a read lasts; Windows' local monitor's, until SetPortTimeOuts changes them.

    total_s and, for each byte asked for, per_byte_s: all of it. interval_s: the longest pause after a byte, which ends it
    early; 0: pauses do not end it.
    """

    total_s: float = 5.0
    per_byte_s: float = 0.0
    interval_s: float = 0.2


class Reading:
    """Reads of one open port, on the event loop. `check` raises when the port is closed."""

    def __init__(
        self,
        name: str,
        back: BackChannel,
        call: Callable[[Callable[[], None]], None],
        check: Callable[[], None],
        state: Callable[[], PortState],
    ) -> None:
        self.time_outs = ReadTimeOuts()
        self._name, self._back, self._check, self._state = name, back, check, state
        self._arrived = asyncio.Event()
        back.arrived = lambda: call(self._arrived.set)  # from the port's thread

    def end(self) -> None:
        """Let those look anew who wait: the port is closed, or its device is another or gone."""
        self._arrived.set()

    async def read(self, size: int, total_s: float | None = None) -> bytes:
        """Return at most `size` bytes: when there are so many, after a pause or at the end of the time.

        What a read had gathered that is cancelled is there for the next one.

        Raises:
            InvalidHandle: the port is closed. DeviceNotConnected: its device is gone, and all that it had sent was read.
        """
        found = bytearray()
        try:
            await self._gather(found, size, total_s)
        except asyncio.CancelledError:
            self._back.give_back(bytes(found))
            self._arrived.set()
            raise
        return bytes(found)

    async def _gather(self, found: bytearray, size: int, total_s: float | None) -> None:
        limits = self.time_outs
        own_s = limits.total_s + limits.per_byte_s * size
        deadline = time.monotonic() + (own_s if total_s is None else total_s)
        while True:
            self._check()
            self._arrived.clear()
            found += self._back.take(size - len(found))
            lost = self._state() is PortState.FAILED
            if lost and not found:
                raise DeviceNotConnected(f"port {self._name} lost its device", port=self._name)
            left = 0.0 if lost else deadline - time.monotonic()
            if found and limits.interval_s:
                left = min(left, limits.interval_s)
            if len(found) >= size or left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await self._arrived.wait()
            except TimeoutError:
                return
