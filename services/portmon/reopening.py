"""Devices that would not open: tried again each second while somebody wants them, so that it is heard at once when one does.

Whoever is refused asks again now and then for as long as jobs wait; a device that nobody has asked for lately is left alone.
"""

from __future__ import annotations

import asyncio
import random
import time

from chassis.errors import AccessDenied, DeviceNotConnected, DeviceOffline, FabricError, PortBusy
from chassis.tasks import Tasks
from portmon.device_wait import DeviceWait
from portmon.host_port import HostPort
from portmon.monitor import OpenContext
from portmon.ports import Ports
from portmon.reports import OPENING, TRIED

_EVERY_S = 1.0  # less up to a quarter
_WANTED_S = 30.0  # after the last refusal; spoolers ask again within 15 s
_REFUSED = (AccessDenied, DeviceNotConnected, DeviceOffline, PortBusy)


class Reopening:
    """Tries them one after the other, on a thread. Belongs to the event loop; has no task while there are none."""

    def __init__(self, ports: Ports, tasks: Tasks) -> None:
        self._ports, self._tasks = ports, tasks
        self._until: dict[str, float] = {}  # port -> monotonic time
        self._task: asyncio.Task[None] | None = None

    def refused(self, port: HostPort, error: FabricError) -> None:
        """A port did not open for somebody: tried again, if that was for its device and not for who holds it."""
        if port.hold is not None or not isinstance(error, _REFUSED) or not port.device.startswith("/"):
            return
        self._until[port.name] = time.monotonic() + _WANTED_S
        self._say(port, refused=True)
        if self._task is None or self._task.done():
            self._task = self._tasks.supervise("reopening", self._try_all)

    async def _try_all(self) -> None:
        while self._until:
            await asyncio.sleep(_EVERY_S * random.uniform(0.75, 1.0))  # noqa: S311 - spreads load, guards nothing
            for name, until in list(self._until.items()):
                await self._try(name, until)

    async def _try(self, name: str, until: float) -> None:
        if name not in self._ports:
            del self._until[name]
            return
        port, error = self._ports.get(name), None
        if time.monotonic() < until:
            async with port.lock:
                used = port.hold is not None or port.session is not None or port.deleted
                if not used and not self._ports.access.withheld:
                    trying = asyncio.ensure_future(asyncio.to_thread(_refusal, port))
                    error = await self._ports.access.use(trying)
        if not isinstance(error, _REFUSED) and self._until.get(name) == until:  # else it was asked for again
            del self._until[name]
            self._say(port, refused=False)

    def _say(self, port: HostPort, *, refused: bool) -> None:
        self._ports.report(port, OPENING, [TRIED] if refused else [], None)


def _refusal(port: HostPort) -> FabricError | None:
    """Open a port's device and close it again; return why it did not open."""
    wait = DeviceWait()
    try:
        context = OpenContext(port.name, wait, port.journal.note)
        port.monitor.open_port(port.name, port.settings, context).close()
    except FabricError as error:
        return error
    finally:
        wait.close()
    return None
