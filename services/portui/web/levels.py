"""What runs low, for lists of printers: each port's levels, asked for all who look and remembered a little."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from chassis.errors import FabricError
from portui.fabric_status import Status
from portui.live import Live
from portui.model import Port, PortState, Printer
from portui.standing import Supply

_KNOWN_S = 30.0
_PATIENCE_S = 0.4  # so long a page waits; what comes later draws it anew
_AT_A_TIME = 8
_MOST_PORTS = 2000
_NOBODY_ANSWERS = (PortState.OFFLINE, PortState.UNKNOWN)


class Levels:
    """Asks ports for what is used up in them: each at most twice a minute, however many look, and only while somebody does."""

    def __init__(self, status: Status, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        self._status, self._live, self._clock = status, live, clock
        self._known: dict[str, tuple[float, tuple[Supply, ...]]] = {}
        self._asked: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(_AT_A_TIME)

    async def of(self, ports: Iterable[Port]) -> Mapping[str, tuple[Supply, ...]]:
        """Return the supplies of ports by their keys, as far as they are known within a moment."""
        wanted = {one.key: one for one in ports if one.state not in _NOBODY_ANSWERS}
        now = self._clock()
        due = [
            one
            for key, one in wanted.items()
            if key not in self._asked and (key not in self._known or now - self._known[key][0] >= _KNOWN_S)
        ]
        if due:
            self._asked.update(one.key for one in due)
            asking = asyncio.create_task(self._ask(due), name="portui levels")
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            await asyncio.wait({asking}, timeout=_PATIENCE_S)
        return {key: self._known[key][1] for key in wanted.keys() & self._known.keys()}

    async def _ask(self, ports: Sequence[Port]) -> None:
        before = {one.key: self._known.get(one.key, (0.0, ()))[1] for one in ports}
        began = self._clock()
        await asyncio.gather(*map(self._one, ports))
        late = self._clock() - began > _PATIENCE_S
        if late and any(_shown(before[key]) != _shown(self._known.get(key, (0.0, ()))[1]) for key in before):
            self._live.looks_different()

    async def _one(self, port: Port) -> None:
        found: tuple[Supply, ...] = ()
        try:
            async with self._turn:
                found = (await self._status.of(port.name)).supplies
        except FabricError:
            pass  # its state says what is the matter
        finally:
            self._asked.discard(port.key)
            if len(self._known) >= _MOST_PORTS:
                self._known.clear()
            self._known[port.key] = self._clock(), found


def _shown(supplies: Iterable[Supply]) -> list[tuple[str, int | None]]:
    return [(one.name, one.level) for one in supplies]


def lowest(printer: Printer, known: Mapping[str, Sequence[Supply]]) -> Supply | None:
    """Return what of a printer's supplies runs out first, on any of its ports; None when it tells no level."""
    told = [one for key in printer.ports for one in known.get(key, ()) if one.level is not None]
    return min(told, key=lambda one: (not one.low, one.level or 0), default=None)
