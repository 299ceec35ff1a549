"""What hosts see on their connectors: EnumDevices of every monitor, asked through the spooler."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.errors import FabricError
from portui.fabric import Spooler
from portui.fabric_print import Printing
from portui.live import Live

_MOST_DEVICES = 200
_MOST_TEXT = 300
_AT_A_TIME = 8
LOOK_S = 1.0  # how often a host is asked while somebody looks at it


@dataclass(frozen=True, slots=True)
class Device:
    """Something a port could be made for. All texts are the host's: shown, never trusted."""

    monitor: str
    path: str
    description: str
    in_use: str = ""  # the port that uses it
    problem: str = ""  # what is in the way, in a sentence
    name: str = ""  # a free name for its port
    missing: str = ""  # the port that wants it, and it is away


@dataclass(slots=True)
class Found:
    """The devices of one host, and what could not be asked."""

    free: list[Device] = field(default_factory=list)
    used: list[Device] = field(default_factory=list)
    missing: list[Device] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Devices:
    """Asks hosts for their devices."""

    def __init__(self, printing: Printing, spooler: Spooler, live: Live) -> None:
        self._printing = printing
        self._spooler = spooler
        self._live = live
        self._seen: dict[str, Found] = {}

    async def of(self, host: str, *, holders: bool = True) -> Found:
        """Return what a host sees; a monitor that does not answer is named instead. holders: and who has it open."""
        found = Found()
        try:
            monitors = await self._printing.monitors(host)
        except FabricError as error:
            found.failed.append(error.message)
            return found
        fabric, seen = self._spooler.on_behalf_of(), set()
        for monitor in monitors:
            try:
                async with fabric.session(monitor=f"hosts/{host}/monitors/{monitor.name}") as xcv:
                    answer = await xcv.data("EnumDevices", json.dumps({"holders": holders}).encode())
            except FabricError as error:
                found.failed.append(f"{monitor.name}: {error.message}")
                continue
            if answer.status:
                continue  # a monitor that has no devices to name says 50 or 87
            for device in devices_in(answer.output, monitor.name):
                if device.path not in seen:
                    seen.add(device.path)
                    place = found.missing if device.missing else found.used if device.in_use else found.free
                    place.append(device)
        return found

    async def of_all(self, hosts: Sequence[str]) -> list[tuple[str, Found]]:
        """Return what several hosts see, in their order; a few are asked at a time."""
        turn = asyncio.Semaphore(_AT_A_TIME)

        async def one(host: str) -> tuple[str, Found]:
            async with turn:
                return host, await self.of(host)

        return await asyncio.gather(*map(one, hosts))

    async def look(self, host: str) -> None:
        """Ask a host that somebody looks at; where it sees something else than before, pages are drawn anew."""
        found = await self.of(host, holders=False)
        if self._seen.get(host) != found:
            self._seen[host] = found
            self._live.looks_different()


def devices_in(output: bytes, monitor: str) -> list[Device]:
    """Return the devices of an answer; what is no list of devices is none."""
    try:
        answer = json.loads(output)
    except ValueError:
        return []
    rows = answer.get("devices") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return []
    return [
        Device(
            monitor,
            _text(row.get("path")),
            _text(row.get("description")),
            _user(row),
            _text(row.get("problem")),
            _text(row.get("suggestedName")),
            _text(row.get("port")) if row.get("state") == "missing" else "",
        )
        for row in rows[:_MOST_DEVICES]
        if isinstance(row, dict) and isinstance(row.get("path"), str) and row["path"]
    ]


def _user(row: dict[str, object]) -> str:
    if row.get("state") == "missing":
        return ""
    used = row.get("inUse")
    if used is True and (port := _text(row.get("port"))):
        return port
    return _text(row.get("usedBy")) or "in use" if used is True else _text(used)


def _text(value: object) -> str:
    return value[:_MOST_TEXT] if isinstance(value, str) else ""
