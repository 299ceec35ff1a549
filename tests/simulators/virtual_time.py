"""An event loop whose clock jumps to the next timer: hours of a printer's life in no time, and always the same."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from printfabric_sim import SimulatedPrinter
from printfabric_sim.connections.connection import Connection, Reach

T = TypeVar("T")


class _Jumps(selectors.DefaultSelector):
    """Never waits: what it would have waited for is added to the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """For printers that are fed by hand; a socket would find that no time passes for it."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now


class Unplugged(Connection):
    """A plug that every fault reaches and nothing comes through: the test feeds the printer itself."""

    reach = frozenset(Reach)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def address(self) -> dict[str, object]:
        return {}


def printer_of(personality: str = "zpl", **how: Any) -> SimulatedPrinter:
    """Return a printer without a socket."""
    printer = SimulatedPrinter(personality, **how)
    printer.connect(Unplugged)
    return printer


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
