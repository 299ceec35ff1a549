"""Whether anybody may begin to use this host's devices: not while it sleeps, nor once it shuts down. The event loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from chassis.errors import FabricError, PortBusy

_ENDING_S = 10.0  # what is cancelled takes at most to let its device go


class Rest(StrEnum):
    """Why devices are left alone, as a sentence about the host ends."""

    SLEEPS = "sleeps"
    ENDS = "is shutting down"


class DeviceAccess:
    """The right to use devices: to open ports, and without a handle to run errands, to look, to ask for status."""

    def __init__(self) -> None:
        self._rests: set[Rest] = set()
        self._granted = asyncio.Event()
        self._granted.set()
        self._uses: dict[asyncio.Future[Any], Callable[[FabricError], None] | None] = {}

    def withhold(self, why: Rest) -> None:
        """Let nobody begin to use a device."""
        self._rests.add(why)
        self._granted.clear()

    def grant(self, why: Rest) -> None:
        """Take one reason back; what waits goes on when there is no other."""
        self._rests.discard(why)
        if not self._rests:
            self._granted.set()

    @property
    def withheld(self) -> bool:
        """Whether nobody may begin to use a device."""
        return bool(self._rests)

    async def granted(self) -> None:
        """Wait until devices may be used."""
        while self._rests:
            await self._granted.wait()

    def refuse(self, port: str) -> None:
        """Raise PortBusy while a port's device may not be used."""
        if self._rests:
            raise self._busy(port)

    def use(
        self, done: asyncio.Future[Any], cancel: Callable[[FabricError], None] | None = None
    ) -> asyncio.Future[Any]:
        """Count as a use of a device until it is done, and return it; without `cancel` it ends soon by itself."""
        self._uses[done] = cancel
        done.add_done_callback(self._uses.pop)
        return done

    async def quiet(self, grace_s: float) -> None:
        """Wait until nothing uses a device; after the grace time what can be cancelled is."""
        if self._uses:
            await asyncio.wait(list(self._uses), timeout=max(0.0, grace_s))
        for cancel in list(self._uses.values()):
            if cancel is not None:
                cancel(self._busy(""))
        if self._uses:
            await asyncio.wait(list(self._uses), timeout=_ENDING_S)

    def _busy(self, port: str) -> PortBusy:
        whose = f"the host of port {port}" if port else "the host"
        return PortBusy(f"{whose} {max(self._rests, default=Rest.SLEEPS)}", port=port)
