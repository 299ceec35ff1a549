"""Whoever needs a lane's port for a question and brings no document: they wait until it is open their way."""

from __future__ import annotations

import asyncio

from chassis.errors import FabricError, PortBusy, Verdict
from spooler.port import OpenPort
from spooler.printer import PortName, Way


def goes_another_way(port: PortName) -> PortBusy:
    """Return why a port cannot be opened as somebody needs it."""
    text = f"documents are on their way through another language monitor of port {port}"
    return PortBusy(text, verdict=Verdict.RETRY, port=port)


class LaneVisitors:
    """Those who wait for one lane's hold, in the order in which they came."""

    def __init__(self, port: PortName) -> None:
        self._port = port
        self._waiting: list[tuple[Way, asyncio.Future[OpenPort]]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def way(self) -> Way | None:
        """What the first of them needs the port opened through; None: nobody waits."""
        return self._waiting[0][0] if self._waiting else None

    async def wait(self, way: Way) -> OpenPort:
        """Return the hold once the port is open. Raises why it is not."""
        hold: asyncio.Future[OpenPort] = asyncio.get_running_loop().create_future()
        self._waiting.append((way, hold))
        return await hold

    def let_in(self, hold: OpenPort, way: Way) -> None:
        """The port is open; documents go before those who need it opened another way."""
        for needed, future in self._leave():
            if needed == way:
                future.set_result(hold)
            else:
                future.set_exception(goes_another_way(self._port))

    def turn_away(self, error: FabricError) -> None:
        """The port cannot be opened, or is let go."""
        for _, future in self._leave():
            future.set_exception(error)

    def _leave(self) -> list[tuple[Way, asyncio.Future[OpenPort]]]:
        waiting, self._waiting = self._waiting, []
        return [one for one in waiting if not one[1].done()]
