"""What runs in the laboratory: one database, spoolers, hosts with simulated printers on their lines, and the wires."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.faults.campaign.plan import BatchPlan
from tests.faults.campaign.printers import Stand
from tests.lab.network import Machines, Wire, machines_of
from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.programs import Program
from tests.rig.real_fabric import portmon_settings

DATABASE = "db"
TAKEOVER_S = 3.0
Result = TypeVar("Result")


class LabStage:
    """Everything that runs. Spoolers are s1, s2, …; hosts h1, h2, …, each with its share of the printers."""

    def __init__(self, plan: BatchPlan, folder: Path, spoolers: int, hosts: int, *, namespaces: bool) -> None:
        self._namespaces = namespaces
        self.folder = folder
        self.spooler_names = tuple(f"s{number}" for number in range(1, spoolers + 1))
        self.host_names = tuple(f"h{number}" for number in range(1, hosts + 1))
        cores: dict[str, bytes] = {}
        self.queues: dict[str, list[Stand]] = {}
        for schedule in plan.schedules:
            for job in schedule.jobs:
                cores |= {f"{job.number}-{unit}": core for unit, core in enumerate(job.paper().cores, 1)}
            for queue, printers in schedule.queues.items():
                self.queues[queue] = [Stand(one, folder, cores) for one in printers]
        self.stands = [stand for stands in self.queues.values() for stand in stands]
        self.machines: Machines = Machines()
        self.programs: dict[str, Program] = {}
        self._wires: dict[tuple[str, str], Wire] = {}
        # A program ends with the thread that started it: one thread starts them all, and lives until the end.
        self._starter = ThreadPoolExecutor(1)
        self._left_last = ExitStack()

    def host_of(self, queue: str) -> str:
        """Return the host that a queue's printer hangs on."""
        return self.host_names[list(self.queues).index(queue) % len(self.host_names)]

    async def start(self) -> None:
        """Start everything."""
        if self._namespaces:
            self.machines = machines_of((DATABASE, *self.spooler_names, *self.host_names))
        self._left_last.callback(self.machines.close)
        for stand in self.stands:
            await stand.start()
        self.database: PostgresServer = await self.on_starter(
            lambda: self._left_last.enter_context(postgres_server(durable=True))
        )
        self.url = await self.on_starter(self.database.database)
        for host in self.host_names:
            self.programs[host] = self._host(host)
            await self.on_starter(self.programs[host].start)
        for spooler in self.spooler_names:
            self.programs[spooler] = await self._spooler(spooler)
            await self.on_starter(self.programs[spooler].start)

    async def stop(self) -> None:
        """End everything."""
        for name in (*self.spooler_names, *self.host_names):
            if name in self.programs:
                await self.on_starter(self.programs[name].stop)
        for wire in self._wires.values():
            await wire.close()
        await self.on_starter(self._left_last.close)
        for stand in self.stands:
            await stand.stop()
        self._starter.shutdown()

    async def on_starter(self, what: Callable[[], Result]) -> Result:
        """Do something blocking on the thread that starts programs."""
        return await asyncio.get_running_loop().run_in_executor(self._starter, what)

    def address(self, spooler: str) -> str:
        """Return where clients reach a spooler."""
        return self.programs[spooler].address

    def signal(self, name: str, which: signal.Signals) -> None:
        """Stop a program where it stands, or let it go on."""
        os.kill(self.programs[name].pid, which)

    def cut(self, machine: str, others: tuple[str, ...], on: bool = True) -> None:
        """Cut a machine off from others, or join them again."""
        self.machines.cut(machine, others, on)
        if not self.machines.real:
            for (near, far), wire in self._wires.items():
                if machine in (near, far) and (near in others or far in others):
                    (wire.flows.clear if on else wire.flows.set)()

    def slow(self, delay_s: float) -> None:
        """Delay everything on every wire."""
        for wire in self._wires.values():
            wire.delay_s = delay_s

    async def owners(self) -> dict[str, str]:
        """Return which spooler owns each printer."""
        rows = await asyncio.to_thread(
            self.database.ask, self.url, "SELECT printer, name FROM owners JOIN replicas USING (epoch)"
        )
        return {printer: name.rpartition(" ")[2] for printer, name in rows}

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def _host(self, host: str) -> Program:
        folder = self._folder(host)
        mine = [
            stand for queue, stands in self.queues.items() if self.host_of(queue) == host for stand in stands
        ]
        settings = portmon_settings(folder / "pm", mine, host=host)  # type: ignore[arg-type]
        within = self.machines.within(host)
        return Program("portmon", folder, settings, socket_file=self._socket(host), within=within)

    def _socket(self, name: str) -> Path:
        return self.folder / f"{name}.sock"

    async def _spooler(self, spooler: str) -> Program:
        folder = self._folder(spooler)
        server = self.database.folder / ".s.PGSQL.5432"
        address, port = await self._wire(spooler, DATABASE, server)
        name = self.url.partition("@/")[2].partition("?")[0]
        lines = [
            f'state_dir = "{folder / "sp"}"',
            f'spooler_id = "{spooler}"',
            f'database = "postgresql://spool@{address}:{port}/{name}?sslmode=disable&gssencmode=disable"',
            f"takeover_s = {TAKEOVER_S}",
            "[server]",
            'metrics_listen = "127.0.0.1:0"',
            "[log]",
            'rpc = "failed"',
            "[dispatch]",
            "drain_s = 1.0",
        ]
        for host in self.host_names:
            reached, number = await self._wire(spooler, host, self._socket(host))
            lines += ["[[hosts]]", f'name = "{host}"', f'address = "{reached}:{number}"']
        for queue, stands in self.queues.items():
            ports = json.dumps([f"{self.host_of(queue)}/{stand.port}" for stand in stands])
            lines += ["[[printers]]", f'name = "{queue}"', f"ports = {ports}"]
        within = self.machines.within(spooler)
        text = "\n".join(lines) + "\n"
        return Program("spooler", folder, text, socket_file=self._socket(spooler), within=within)

    async def _wire(self, near: str, far: str, target: Path) -> tuple[str, int]:
        wire = self._wires[near, far] = Wire(self.machines, near, far, target)
        return await wire.start()
