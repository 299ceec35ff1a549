"""Somebody who has the console open while everything goes wrong, and comes back to it until it shows all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from urllib.request import urlopen

_PAUSE_S = 0.3
_ANSWER_S = 5.0
_MOST_WAIT_S = 60.0


class Looker:
    """Looks at a page of the console, which is to show these ports, live."""

    def __init__(self, address: str, ports: Sequence[str]) -> None:
        self._address, self._ports = address, ports
        self.pages = 0  # that were whole

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.pages += await asyncio.to_thread(self._shows_all)
            await asyncio.sleep(_PAUSE_S)

    async def sees_all(self) -> None:
        """Wait until every port is shown; fail when that never comes."""
        deadline = time.monotonic() + _MOST_WAIT_S
        while not await asyncio.to_thread(self._shows_all):
            assert time.monotonic() < deadline, "the console does not come back"
            await asyncio.sleep(_PAUSE_S)

    def _shows_all(self) -> bool:
        try:
            with urlopen(self._address, timeout=_ANSWER_S) as answer:
                page = answer.read().decode()
        except OSError:
            return False
        return 'data-live="yes"' in page and all(f'data-port="{port}"' in page for port in self._ports)
