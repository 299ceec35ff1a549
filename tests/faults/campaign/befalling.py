"""What befalls the programs and lines of a batch: each fault at its moment, those of different ones at the same time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from tests.faults.campaign.fault_dice import REPLUG, UNPLUG, struck
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.programs import wait_until

if TYPE_CHECKING:
    from tests.faults.campaign.stage import Stage

SLOW_LINE = 60_000  # bytes a second


class Befalling:
    """`faults` counts what has struck; `restarts` those of programs, whatever ended them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.faults: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self._alone: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, began: float) -> None:
        """Let them all come, each at its time from `began`, and pass."""
        async with asyncio.TaskGroup() as group:
            for at, what, seconds in self._stage.plan.faults:
                group.create_task(self._strike(began + at, what, seconds))

    async def _strike(self, at: float, what: str, seconds: float) -> None:
        """What strikes the same comes one after the other: what lasts ends first."""
        await until_moment(at)
        act, _, whom = what.partition(" ")
        async with AsyncExitStack() as alone:
            for one in sorted(struck(what)):
                await alone.enter_async_context(self._alone[one])
            self.faults[what] += 1
            if whom in self._stage.lines and not (whom == "database" and act in ("cut", "kill")):
                await _befall_line(self._stage.lines[whom], act, seconds)
            elif whom == "database":
                await self._befall_database(act)
            elif what in (REPLUG, UNPLUG):
                await self._befall_devices(what, seconds)
            else:
                await self._befall_program(act, whom, seconds)

    async def _befall_database(self, act: str) -> None:
        """The spooler ends with its connection, for others may have taken its printers; whoever runs it starts it again."""
        stage = self._stage
        if act == "cut":
            await asyncio.to_thread(stage.cut_database)
        else:
            await asyncio.to_thread(stage.database.kill)
            await stage.on_starter(stage.database.start)
            self.restarts["database"] += 1
        gone = "the spooler goes on without its database"
        await asyncio.to_thread(wait_until, lambda: not stage.spooler.runs, why=gone)
        await stage.on_starter(stage.spooler.start)
        self.restarts["spooler"] += 1

    async def _befall_devices(self, what: str, seconds: float) -> None:
        """Every line's device is another one when the port monitor is back, or comes back after it."""
        portmon = self._stage.portmon
        await asyncio.to_thread(portmon.kill)
        for stand in self._stage.stands:
            if stand.plan.is_line and what == (UNPLUG if stand.plan.seed % 2 else REPLUG):
                stand.sim.fault(f"device-gone={seconds},same")
        await asyncio.sleep(seconds if what == REPLUG else 0)
        await self._stage.on_starter(portmon.start)
        self.restarts["portmon"] += 1

    async def _befall_program(self, act: str, whom: str, seconds: float) -> None:
        program = self._stage.programs[whom]
        if act == "kill":
            await asyncio.to_thread(program.kill)
            await asyncio.sleep(seconds)
            await self._stage.on_starter(program.start)
            self.restarts[whom] += 1
        else:
            os.kill(program.pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            os.kill(program.pid, signal.SIGCONT)


async def _befall_line(line: CuttingProxy, act: str, seconds: float) -> None:
    if act == "cut":
        line.cut()
        return
    if act == "hold":
        line.held = True
    elif act == "part":
        line.part()
    else:
        line.rate = SLOW_LINE
    await asyncio.sleep(seconds)
    line.held, line.away, line.rate = False, False, 0


async def until_moment(at: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    await asyncio.sleep(max(0.0, at - time.monotonic()))
