"""The simulated printers beside a fabric: what came out of them, and what is wrong with them on purpose. No fabric."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

_TIMEOUT_S = 3.0
_MOST_BYTES = 8 << 20
# What a visitor may do to one, and undo: the fault's name and what people call it.
MISHAPS = {
    "cover-open": "Open the cover",
    "media-out": "Take the paper out",
    "pause": "Press its pause key",
    "freeze": "Let it fall silent",
}


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulated printer: its name, where it listens, what is wrong with it."""

    name: str
    addresses: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    printed: int = 0


@dataclass(frozen=True, slots=True)
class Paper:
    """A label, receipt or page that came out of one. `path` is its picture in the console."""

    number: int
    kind: str
    outcome: str
    time: datetime
    path: str


class Simulators:
    """The simulators' control, at `http://127.0.0.1:PORT`; without an address there are none. Never fails: it is a toy."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.there = bool(address)

    async def at(self, device: str) -> Simulator | None:
        """Return the one that a port leads to; None when that is a real printer, or there are no simulators."""
        for row in _rows(await self._asked("GET", "/printers"), "printers"):
            addresses = row.get("address")
            known = addresses if isinstance(addresses, dict) else {}
            found = tuple(str(one) for one in known.values())
            if device and any(_leads_to(device, one) for one in found):
                conditions = row.get("conditions")
                named = conditions if isinstance(conditions, list) else []
                return Simulator(str(row.get("name")), found, tuple(map(str, named)), _whole(row, "printed"))
        return None

    async def paper(
        self, one: Simulator, since: datetime | None, until: datetime | None, most: int
    ) -> list[Paper]:
        """Return the newest units that came out in a time, the newest first, as far as their pictures are kept."""
        first = max(1, one.printed - 32)
        answer = await self._asked("GET", f"/printers/{quote(one.name, safe='')}/units?from={first}")
        found = []
        for row in _rows(answer, "units"):
            moment, number = datetime.fromtimestamp(float(row.get("time") or 0), UTC), _whole(row, "unit")
            if (since is None or moment >= since) and (until is None or moment <= until):
                path = f"/paper/{quote(one.name, safe='')}/{number}"
                found.append(Paper(number, str(row.get("kind")), str(row.get("outcome")), moment, path))
        return found[: -most - 1 : -1]

    async def picture(self, name: str, number: int) -> bytes:
        """Return a unit's picture as PNG; empty when it is not kept any more."""
        found = await self._asked("GET", f"/printers/{quote(name, safe='')}/units/{number}.png")
        return found if found.startswith(b"\x89PNG") else b""

    async def break_it(self, one: Simulator, mishap: str) -> bool:
        """Let one of `MISHAPS` happen to it; say whether it did."""
        body = json.dumps({"fault": mishap}).encode()
        return mishap in MISHAPS and bool(await self._asked("POST", f"{_place(one)}/faults", body))

    async def mend(self, one: Simulator) -> bool:
        """End everything that is wrong with it; say whether that was possible."""
        return bool(await self._asked("DELETE", f"{_place(one)}/faults"))

    async def _asked(self, method: str, path: str, body: bytes | None = None) -> bytes:
        if not self._address:
            return b""
        return await asyncio.to_thread(_ask, self._address, method, path, body)


def _leads_to(device: str, address: str) -> bool:
    """Say whether a port's device is a simulator's address: a node under whatever name, a URI, or a network port."""
    if device.startswith("/"):
        return address.startswith("/") and os.path.realpath(device) == os.path.realpath(address)
    return device == address or device.partition("/")[0].endswith(f":{address}")


def _ask(address: str, method: str, path: str, body: bytes | None) -> bytes:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return b""  # they are not there now; the page says nothing of them
    finally:
        connection.close()
    return content if answer.status == 200 else b""


def _place(one: Simulator) -> str:
    return f"/printers/{quote(one.name, safe='')}"


def _rows(answer: bytes, key: str) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(answer) if answer else {}
    except ValueError:
        return []
    rows = found.get(key) if isinstance(found, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _whole(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) else 0
