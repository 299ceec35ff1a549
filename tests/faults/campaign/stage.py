"""The fabric of one batch: spooler, port monitor, the line between them, the client, the printers; and what befalls them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from tests.faults.campaign.befalling import Befalling, until_moment
from tests.faults.campaign.looker import Looker
from tests.faults.campaign.plan import BatchPlan, JobPlan
from tests.faults.campaign.printers import Stand
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.dialled import dial_out
from tests.rig.postgres import postgres_server
from tests.rig.programs import Program, end_process
from tests.rig.real_fabric import HOST, portmon_settings, spooler_settings
from tests.surroundings import free_port

_LOOK_S = 0.02  # at what lies at the host


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
        for request_id, order in [*self._orders.items()]:  # others order meanwhile
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
        self.lines: dict[str, CuttingProxy] = {}  # by their names in the plan's faults
        self.programs: Mapping[str, Program | ClientProcess] = {}
        self.befalling = Befalling(self)
        self._background: list[asyncio.Task[None]] = []
        self.brought = set[str]()  # uids of the jobs, in hex, whose documents lay at the host whole
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
        self._background = [asyncio.create_task(self._watch_staged())]
        if self.plan.console:
            await self.on_starter(self.programs["portui"].start)
            self._background.append(asyncio.create_task(self.looker.run()))

    async def _watch_staged(self) -> None:
        while True:
            files = (self.folder / "pm" / "staged").glob("*.staged")
            self.brought |= {file.stem.partition("-")[0] for file in files}
            await asyncio.sleep(_LOOK_S)

    def _make_programs(self) -> None:
        folder = self.folder
        more = self._make_database() if self.plan.postgres else ""
        printers = {name: [stand.port for stand in stands] for name, stands in self.queues.items()}
        # Who is called comes first: the other one's settings name the line to it.
        if self.plan.dialled:
            self.spooler = Program("spooler", folder, spooler_settings(folder / "sp", "", printers, more))
            line = CuttingProxy(self.spooler.address)
            self.portmon = self._make_portmon(dial_out([line]), folder / "portmon.sock")
        else:
            self.portmon = self._make_portmon()
            line = CuttingProxy(self.portmon.address)
            settings = spooler_settings(folder / "sp", line.address, printers, more)
            self.spooler = Program("spooler", folder, settings)
        way = CuttingProxy(self.spooler.address)
        self.client = ClientProcess(way.address, folder)
        self.lines |= {"line": line, "way": way}
        self.programs = {"spooler": self.spooler, "portmon": self.portmon, "client": self.client}
        if self.plan.console:
            self._make_console()

    def _make_portmon(self, tables: str = "", socket: Path | None = None) -> Program:
        settings = portmon_settings(self.folder / "pm", self.stands, self._portmon_more)  # type: ignore[arg-type]
        return Program("portmon", self.folder, settings + tables, socket_file=socket)

    def _make_database(self) -> str:
        """Return what the spooler's settings say of it."""
        self.database = self._left_last.enter_context(postgres_server(durable=True))
        self._database_url = self.database.database()
        line = self.lines["database"] = CuttingProxy(self.database.socket)
        name = self._database_url.partition("@/")[2].partition("?")[0]
        return f'database = "postgresql://spool@{line.address}/{name}"'

    def _make_console(self) -> None:
        desk = self.lines["desk"] = CuttingProxy(self.spooler.address)
        web = f"127.0.0.1:{free_port()}"
        portui = Program("portui", self.folder, f'spooler = "{desk.address}"\nweb_listen = "{web}"\n')
        self.programs = {**self.programs, "portui": portui}
        self._left_last.callback(portui.stop)
        self.looker = Looker(f"http://{web}/ports", [f"{HOST}/{stand.port}" for stand in self.stands])

    def cut_database(self) -> None:
        """End the spooler's connections to it, at its side."""
        self.database.end_connections(self._database_url)

    async def stop(self) -> None:
        """End everything."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        ends = (self.client.kill, self.spooler.stop, self.portmon.stop)
        for end in (*ends, *(line.close for line in self.lines.values()), self._left_last.close):
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
            group.create_task(self.befalling.run(began))
            for stand in self.stands:
                for at, what in stand.plan.box_faults:
                    group.create_task(self._befall_box(stand, began + at, what))
        for stand in self.stands:
            stand.end_faults()

    async def _submit(self, began: float) -> None:
        jobs = [job for schedule in self.plan.schedules for job in schedule.jobs]
        for job in sorted(jobs, key=lambda job: job.at_s):
            await until_moment(began + job.at_s)
            self.client.submit(job)

    async def _befall_box(self, stand: Stand, at: float, what: str) -> None:
        await until_moment(at)
        self.befalling.faults[f"box {what}"] += 1
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


__all__ = ["HOST", "ClientProcess", "Stage"]
