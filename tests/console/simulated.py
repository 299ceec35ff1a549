"""A simulated printer of the demonstration, spoken to over its own address: broken, mended, asked what came out."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from tests.console.conftest import Alive


class Simulated:
    """One printer."""

    def __init__(self, alive: Alive, name: str) -> None:
        self._address = f"{alive.address['simulators']}/printers/{name}"

    def ask(self, place: str = "", method: str = "GET", body: dict[str, Any] | None = None) -> bytes:
        """Ask it over its own API."""
        data = json.dumps(body).encode() if body is not None else None
        with urlopen(Request(self._address + place, data=data, method=method), timeout=10) as answer:
            return bytes(answer.read())

    def breaks(self, fault: str) -> None:
        """Let something happen to it."""
        self.ask("/faults", "POST", {"fault": fault})

    def mend(self) -> None:
        """End everything that is wrong with it."""
        self.ask("/faults", "DELETE")

    def speed(self, units_per_second: float) -> None:
        """Let it print faster or slower."""
        self.ask(method="PATCH", body={"units_per_second": units_per_second})

    @property
    def printed(self) -> int:
        """How many units came out of it whole."""
        return int(json.loads(self.ask())["printed"])
