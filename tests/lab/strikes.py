"""What goes wrong in the laboratory, one thing after the other, and how it is survived.

Of each strike it is told how long the printers it concerns had no owner, and until they printed again.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.lab.stage import DATABASE, TAKEOVER_S, LabStage

_AGAIN_S = 90.0  # until printers print again after a strike


@dataclass
class Taken:
    """How one strike was survived."""

    what: str
    whom: str
    printers: int  # that had to find another owner
    owners_s: float | None  # until they had one; None: they kept theirs
    printing_s: float | None  # until each of them printed again; None: nothing waited for it


class Strikes:
    """What goes wrong, one after the other."""

    def __init__(self, stage: LabStage, seed: int) -> None:
        self.taken: list[Taken] = []
        self.started_again = 0  # spoolers that ended without being struck
        self._down = ""  # the spooler that is struck
        self._stage = stage
        self._dice = random.Random(f"strikes/{seed}")
        self.all: dict[str, Callable[[], Awaitable[None]]] = {
            "kill -9": self._kill,
            "SIGSTOP beyond the lease": self._stand_still,
            "spooler cut off from the database": lambda: self._cut_off((DATABASE,)),
            "spooler cut off from everything": lambda: self._cut_off((DATABASE, *stage.host_names)),
            "spooler cut off from the hosts": self._cut_from_hosts,
            "port monitor killed": self._kill_host,
            "everything delayed by 5 ms": self._delay,
            "rolling restart": self._roll,
            "database killed": self._kill_database,
        }

    async def run(self, names: Sequence[str], pause_s: float) -> None:
        """Strike, and see how it is survived."""
        for name in names:
            self._name = name
            await self.all[name]()
            await asyncio.sleep(pause_s)

    async def _victim(self) -> tuple[str, set[str]]:
        """Return a spooler and its printers."""
        owners = await self._wait_for_owners()
        self._down = victim = self._dice.choice(sorted(set(owners.values())))
        return victim, {printer for printer, owner in owners.items() if owner == victim}

    async def _wait_for_owners(self, other_than: str = "") -> dict[str, str]:
        deadline = time.monotonic() + _AGAIN_S
        while True:
            owners = await self._stage.owners()
            if owners.keys() == self._stage.queues.keys() and other_than not in owners.values():
                return owners
            assert time.monotonic() < deadline, f"{self._name}: printers have no owner: {owners}"
            await self._start_again()
            await asyncio.sleep(0.05)

    async def _start_again(self) -> None:
        """Do what whoever runs spoolers does: one that ends is started again."""
        for name in self._stage.spooler_names:
            if name != self._down and not self._stage.programs[name].runs:
                self.started_again += 1
                await self._stage.on_starter(self._stage.programs[name].start)

    async def _survive(self, victim: str, printers: set[str]) -> None:
        """Wait until a spooler's printers have other owners, and print."""
        began = time.monotonic()
        before = {queue: self._received(queue) for queue in printers}
        await self._wait_for_owners(other_than=victim)
        owners_s = time.monotonic() - began
        printing_s = await self._printing_again(before, began)
        self.taken.append(Taken(self._name, victim, len(printers), round(owners_s, 2), printing_s))

    async def _printing_again(self, before: dict[str, int], began: float) -> float | None:
        while time.monotonic() - began < _AGAIN_S:
            await self._start_again()
            if all(self._received(queue) > received for queue, received in before.items()):
                return round(time.monotonic() - began, 2)
            await asyncio.sleep(0.02)
        return None

    def _received(self, queue: str) -> int:
        return sum(stand.sim.core.intake.received for stand in self._stage.queues[queue])

    async def _start(self, name: str) -> None:
        program = self._stage.programs[name]
        deadline = time.monotonic() + _AGAIN_S
        while program.runs:  # it was put out, and ends when it finds out
            assert time.monotonic() < deadline, f"{name} goes on although it was put out"
            await asyncio.sleep(0.05)
        await self._stage.on_starter(program.start)
        self._down = ""

    async def _kill(self) -> None:
        victim, printers = await self._victim()
        await self._stage.on_starter(self._stage.programs[victim].kill)
        await self._survive(victim, printers)
        await self._start(victim)

    async def _stand_still(self) -> None:
        victim, printers = await self._victim()
        self._stage.signal(victim, signal.SIGSTOP)
        try:
            await self._survive(victim, printers)
        finally:
            self._stage.signal(victim, signal.SIGCONT)
        await self._start(victim)

    async def _cut_off(self, others: tuple[str, ...]) -> None:
        victim, printers = await self._victim()
        self._stage.cut(victim, others)
        try:
            await self._survive(victim, printers)
        finally:
            self._stage.cut(victim, others, on=False)
        await self._start(victim)

    async def _cut_from_hosts(self) -> None:
        """It lives, and keeps its printers: they print on when the hosts are back."""
        victim, printers = await self._victim()
        self._down = ""
        self._stage.cut(victim, self._stage.host_names)
        await asyncio.sleep(TAKEOVER_S)
        self._stage.cut(victim, self._stage.host_names, on=False)
        await self._kept(victim, printers)

    async def _kill_host(self) -> None:
        host = self._dice.choice(self._stage.host_names)
        await self._stage.on_starter(self._stage.programs[host].kill)
        await self._stage.on_starter(self._stage.programs[host].start)
        await self._kept(host, {queue for queue in self._stage.queues if self._stage.host_of(queue) == host})

    async def _delay(self) -> None:
        self._stage.slow(0.005)
        await self._kept("all", set(self._stage.queues))
        await asyncio.sleep(TAKEOVER_S)
        self._stage.slow(0.0)

    async def _kept(self, whom: str, printers: set[str]) -> None:
        began = time.monotonic()
        before = {queue: self._received(queue) for queue in printers}
        printing_s = await self._printing_again(before, began)
        self.taken.append(Taken(self._name, whom, 0, None, printing_s))

    async def _roll(self) -> None:
        for spooler in self._stage.spooler_names:
            printers = {queue for queue, owner in (await self._wait_for_owners()).items() if owner == spooler}
            self._down = spooler
            ending = asyncio.ensure_future(self._stage.on_starter(self._stage.programs[spooler].end))
            await self._survive(spooler, printers)
            await ending
            await self._start(spooler)

    async def _kill_database(self) -> None:
        await self._stage.on_starter(self._stage.database.kill)
        await self._stage.on_starter(self._stage.database.start)
        await self._wait_for_owners()
        await self._kept("all", set(self._stage.queues))
