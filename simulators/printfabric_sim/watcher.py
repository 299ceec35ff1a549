"""What a printer tells of its life, moment by moment, to whoever lies in wait."""

from __future__ import annotations

from collections.abc import Callable

# Makes a lie of the same form of a reply; the reply itself, or None, where there is none.
Lie = Callable[[bytes], bytes | None]


class Watcher:
    """What the fault engine hears of; does nothing by itself."""

    next_byte: float = float("inf")  # total of received bytes at which `byte` is to be called

    def unit(self, number: int) -> None:
        """Unit `number` has left."""

    def start(self, number: int) -> None:
        """Unit `number` begins to move."""

    def byte(self, total: int) -> None:
        """`total` bytes have arrived."""

    def job(self, number: int) -> None:
        """Job `number` begins."""

    def connect(self, number: int) -> None:
        """Connection `number` was accepted."""

    def replies(self, data: bytes, lie: Lie) -> list[tuple[float, bytes]]:
        """Return what becomes of a reply: (delay in seconds, bytes) each. `lie` is what it is if it is to be untrue."""
        return [(0.0, data)]
