"""Who has in hand what needs somebody, kept as new as the rest of what pages show, while somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from chassis.errors import FabricError
from portui.attention import Attention
from portui.live import Live
from portui.model import Acknowledged

EVERY_S = 2.0  # no watch tells of it, and somebody else's word may come so late


class Alerts(Protocol):
    """Where it is kept."""

    async def acknowledged(self) -> Mapping[str, Acknowledged]:
        """Return all that holds."""

    async def acknowledge(self, name: str, until: datetime, reason: str) -> None:
        """Say that the caller has it in hand."""

    async def withdraw(self, name: str) -> None:
        """Take it back."""


class Acknowledging:
    """Asks for all viewers together; pages look different when somebody has said something."""

    def __init__(
        self, live: Live, alerts: Alerts, attention: Attention | None = None, every_s: float = EVERY_S
    ) -> None:
        self._live, self._alerts, self._every_s = live, alerts, every_s
        self._attention = attention or Attention()

    async def follow(self) -> None:
        """Ask for ever, while the spooler is there and somebody looks."""
        await self._live.ready.wait()
        await self._attention.keep_asking(self._ask)

    async def _ask(self) -> float:
        if self._live.connected:
            await self._look()
        return self._every_s

    async def acknowledge(self, name: str, until: datetime, reason: str) -> None:
        """Say to everybody that somebody has it in hand. Raises FabricError."""
        await self._alerts.acknowledge(name, until, reason)
        await self._look()

    async def withdraw(self, name: str) -> None:
        """Take it back. Raises FabricError."""
        await self._alerts.withdraw(name)
        await self._look()

    async def _look(self) -> None:
        try:
            found = await self._alerts.acknowledged()
        except FabricError:  # a spooler that is away, or older: what was known stays
            return
        if found != self._live.acknowledged:
            self._live.acknowledged = found
            self._live.looks_different()
