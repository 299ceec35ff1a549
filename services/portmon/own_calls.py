"""The host's calls of what monitors bring beside their ports: commands, use of ports, sleep, the end (`own_functions`)."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

from chassis import logs
from chassis.errors import FabricError, Internal
from chassis.tasks import Tasks
from portmon.apart import OneAtATime
from portmon.monitor import PortMonitor
from portmon.own_functions import Power

CALL_S = 10.0  # `own_functions` tells who writes monitors
POWER_S = 3.0  # the machine waits
_MOST_OUTPUT = 262144
log = logs.get(__name__)
AnyMonitor = PortMonitor[Any]


class OwnCalls:
    """One host's calls. Belongs to the event loop; whoever calls waits no longer than `call_s`."""

    def __init__(self, monitors: Iterable[AnyMonitor], used: Callable[[AnyMonitor], set[str]]) -> None:
        """Take all monitors, and who knows the ports of each that printers use."""
        self.call_s = CALL_S
        self._monitors, self._used = list(monitors), used
        self._threads = {one.scheme: OneAtATime(one.scheme) for one in self._monitors}
        self._told: dict[str, set[str]] = {
            one.scheme: set()
            for one in self._monitors
            if one.has("notify_used_ports") or one.has("notify_unused_ports")
        }
        self._telling: set[str] = set()
        self._tasks = Tasks("monitors")

    async def command(self, monitor: AnyMonitor, name: str, port: str, value: Any) -> object:
        """Execute a monitor's own command (XcvDataPort) and return a JSON value.

        Raises:
            FabricError: the command's own result. DeadlineExceeded, Internal: 1460 and 31, it hangs or fails.
        """
        return await self._call(monitor, name, lambda: _answer(monitor, name, port, value))

    def used_ports(self) -> None:
        """Ports may have come to be used or not; who wants to know hears of it soon (NotifyUsedPorts and kin)."""
        for monitor in self._monitors:
            if monitor.scheme in self._told.keys() - self._telling:
                self._telling.add(monitor.scheme)
                self._tasks.spawn(f"used ports of {monitor.scheme}", self._tell_used(monitor))

    async def free(self, scheme: str) -> None:
        """Wait until a monitor has returned from what it was called for, for ever if need be."""
        await self._threads[scheme].free()

    def told(self, scheme: str) -> set[str]:
        """Return the ports that a monitor has been told are used, or is being told."""
        return self._told.get(scheme, set())

    async def _tell_used(self, monitor: AnyMonitor) -> None:
        """Tell until the monitor knows it all; while it hangs it is told nothing, and later what holds then."""
        try:
            while (used := self._used(monitor)) != (told := self._told[monitor.scheme]):
                await self.free(monitor.scheme)
                used = self._used(monitor)  # which may be others by now
                gone, new = sorted(told - used), sorted(used - told)
                self._told[monitor.scheme] = used
                if gone:
                    await self._tell(monitor, "notify_unused_ports", gone)
                if new:
                    await self._tell(monitor, "notify_used_ports", new)
        finally:
            self._telling.discard(monitor.scheme)

    async def power_event(self, event: Power) -> None:
        """Tell all that heed it (PowerEvent)."""
        told = (self._tell(one, "power_event", event, within_s=POWER_S) for one in self._monitors)
        await asyncio.gather(*told)

    async def shutdown(self) -> None:
        """Tell all that it ends (Shutdown); nothing is called afterwards."""
        await self._tasks.close()
        await asyncio.gather(*(self._tell(one, "shutdown") for one in self._monitors))

    async def _tell(
        self, monitor: AnyMonitor, function: str, *given: object, within_s: float = math.inf
    ) -> None:
        """Call a function that answers nothing, if the monitor has it; what goes wrong is the monitor's, and logged."""
        if not monitor.has(function):
            return
        try:
            await self._call(monitor, function, lambda: getattr(monitor, function)(*given), within_s)
        except FabricError as error:
            log.warning("monitor did not do it", monitor=monitor.scheme, call=function, why=error.message)

    async def _call(
        self, monitor: AnyMonitor, what: str, work: Callable[[], object], within_s: float = math.inf
    ) -> object:
        return await self._threads[monitor.scheme].call(what, work, min(within_s, self.call_s))


def _answer(monitor: AnyMonitor, name: str, port: str, value: Any) -> object:
    """Return what a command answers. Looked at on the monitor's thread: to look may be to run its code."""
    try:
        return _plain(monitor.xcv_data_port(name, port, value))
    except FabricError as error:
        if type(error.win32) is not int or not 0 < error.win32 < 1 << 32:
            raise Internal(f"the monitor refuses {name} with {error.win32!r}, which is no code") from error
        raise


def _plain(value: object) -> object:
    """Return a copy of JSON values and nothing else.

    Raises:
        Internal: it is something else, or too much.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Internal(f"the monitor's answer is no JSON document: {type(error).__name__}") from error
    if size > _MOST_OUTPUT:
        raise Internal(f"the monitor's answer has {size} bytes, and may have {_MOST_OUTPUT}")
    return json.loads(text)
