"""The fabric of one batch: spooler, port monitor, the line between them, the client, the printers; and what befalls them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from tests.faults.campaign.plan import BatchPlan, JobPlan
from tests.faults.campaign.printers import Stand
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.postgres import postgres_server
from tests.rig.programs import Program, end_process, wait_until
from tests.rig.real_fabric import HOST, portmon_settings, spooler_settings

SLOW_LINE = 60_000  # bytes a second
LEASE_S = 30


class ClientProcess:
    """The client as a process of its own; what it does not know to be accepted it is told again after its death."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._accepted_file = folder / "accepted.jsonl"
        self._accepted_file.touch()
        self._log = folder / "client.log"
        self._orders: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and tell it what is not known to be accepted."""
        command = [sys.executable, "-m", "tests.faults.campaign.submitter"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, self._address, str(self._accepted_file)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        known = self.accepted()
        for request_id, order in self._orders.items():
            if request_id not in known:
                self._tell(order)

    def submit(self, job: JobPlan) -> None:
        """Have a job printed."""
        order = {
            "request_id": job.request_id,
            "printer": job.printer,
            "personality": job.personality,
            "number": job.number,
            "units": job.units,
            "unit_bytes": job.unit_bytes,
            "setup": job.setup,
            "copies": job.copies,
        }
        self._orders[job.request_id] = json.dumps(order)
        self._tell(self._orders[job.request_id])

    def accepted(self) -> dict[str, int]:
        """Return the numbers of the jobs that were accepted, by request id."""
        lines = self._accepted_file.read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        return {row["request_id"]: row["number"] for row in rows}

    def kill(self) -> None:
        """End it without a warning."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                assert self._process.stdin is not None
                self._process.stdin.close()
            end_process(self._process, signal.SIGKILL)

    def _tell(self, order: str) -> None:
        pipe: IO[bytes] | None = self._process.stdin if self._process is not None else None
        with contextlib.suppress(OSError, ValueError):  # it was just killed: it is told when it is back
            assert pipe is not None
            pipe.write(order.encode() + b"\n")
            pipe.flush()


class Stage:
    """Everything that runs during one batch."""

    def __init__(self, plan: BatchPlan, folder: Path, portmon: str = "") -> None:
        self.plan = plan
        self.folder = folder
        self.faults: Counter[str] = Counter()  # that befell programs and lines
        self.restarts: Counter[str] = Counter()  # of programs, whatever ended them
        cores: dict[str, bytes] = {}
        self.queues: dict[str, list[Stand]] = {}
        for schedule in plan.schedules:
            for job in schedule.jobs:
                cores |= {f"{job.number}-{unit}": core for unit, core in enumerate(job.paper().cores, 1)}
            for queue, printers in schedule.queues.items():
                self.queues[queue] = [Stand(one, folder, cores) for one in printers]
        self.stands = [stand for stands in self.queues.values() for stand in stands]
        # A program ends with the thread that started it: one thread starts them all, and lives until the end.
        self._starter = ThreadPoolExecutor(1)
        self._left_last = contextlib.ExitStack()
        self._portmon_more = portmon

    async def start(self) -> None:
        """Start everything."""
        for stand in self.stands:
            await stand.start()
        await self.on_starter(self._make_programs)
        await self.on_starter(self.portmon.start)
        await self.on_starter(self.spooler.start)
        await self.on_starter(self.client.start)
        if self.plan.console:
            await self.on_starter(self.portui.start)

    def _make_programs(self) -> None:
        folder, more = self.folder, ""
        if self.plan.postgres:
            self.database = self._left_last.enter_context(postgres_server(durable=True))
            self._database_url = self.database.database()
            self.database_line = CuttingProxy(self.database.socket)
            self._left_last.callback(self.database_line.close)
            name = self._database_url.partition("@/")[2].partition("?")[0]
            more = f'database = "postgresql://spool@{self.database_line.address}/{name}"'
        printers = {name: [stand.port for stand in stands] for name, stands in self.queues.items()}
        settings = portmon_settings(folder / "pm", self.stands, self._portmon_more)  # type: ignore[arg-type]
        self.portmon = Program("portmon", folder, settings)
        self.line = CuttingProxy(self.portmon.address)
        self.spooler = Program(
            "spooler", folder, spooler_settings(folder / "sp", self.line.address, printers, more)
        )
        self.way = CuttingProxy(self.spooler.address)
        self.client = ClientProcess(self.way.address, folder)
        if self.plan.console:
            self.portui = Program("portui", folder, f'spooler = "{self.spooler.address}"\n')
            self._left_last.callback(self.portui.stop)

    async def stop(self) -> None:
        """End everything."""
        ends = (self.client.kill, self.way.close, self.spooler.stop, self.portmon.stop, self.line.close)
        for end in (*ends, self._left_last.close):
            await self.on_starter(end)
        for stand in self.stands:
            await stand.stop()
        self._starter.shutdown()

    async def on_starter(self, what: Callable[[], object]) -> None:
        """Do something blocking on the thread that starts programs."""
        await asyncio.get_running_loop().run_in_executor(self._starter, what)

    # --- what befalls it

    async def run(self) -> None:
        """Submit the jobs at their times, let the faults come at theirs, and end them all."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._submit(began))
            group.create_task(self._befall_programs(began))
            for stand in self.stands:
                for at, what in stand.plan.box_faults:
                    group.create_task(self._befall_box(stand, began + at, what))
        for stand in self.stands:
            stand.end_faults()

    async def _submit(self, began: float) -> None:
        jobs = [job for schedule in self.plan.schedules for job in schedule.jobs]
        for job in sorted(jobs, key=lambda job: job.at_s):
            await _until(began + job.at_s)
            self.client.submit(job)

    async def _befall_box(self, stand: Stand, at: float, what: str) -> None:
        await _until(at)
        self.faults[f"box {what}"] += 1
        assert stand.box is not None
        if what == "cut":
            stand.cut_box()
            return
        if what == "hold":
            stand.box.hold(True)
        else:
            stand.box.slow = True
        await asyncio.sleep(0.5)
        stand.box.hold(False)
        stand.box.slow = False

    async def _befall_programs(self, began: float) -> None:
        """One after the other; what lasts ends before the next comes, unless it comes from elsewhere."""
        for at, what, seconds in self.plan.faults:
            await _until(began + at)
            self.faults[what] += 1
            act, _, whom = what.partition(" ")
            if whom in ("line", "way"):
                await _befall_line(getattr(self, whom), act, seconds)
            elif whom == "database" and act in ("hold", "slow"):
                await _befall_line(self.database_line, act, seconds)
            elif whom == "database":
                await self.on_starter(lambda act=act: self._befall_database(act))  # type: ignore[misc]
            else:
                await self._befall(act, whom, seconds)

    def _befall_database(self, act: str) -> None:
        """The spooler ends with its connection, for others may have taken its printers; whoever runs it starts it again."""
        if act == "cut":
            self.database.end_connections(self._database_url)
        else:
            self.database.kill()
            self.database.start()
            self.restarts["database"] += 1
        wait_until(lambda: not self.spooler.runs, why="the spooler goes on without its database")
        self.spooler.start()
        self.restarts["spooler"] += 1

    async def _befall(self, act: str, whom: str, seconds: float) -> None:
        program: Program | ClientProcess = getattr(self, whom)
        if act == "kill":
            await self.on_starter(program.kill)
            await asyncio.sleep(seconds)
            await self.on_starter(program.start)
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


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))


__all__ = ["HOST", "ClientProcess", "Stage"]
