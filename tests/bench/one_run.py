"""One run of the benchmark: everything, or the parts that are asked for, in one folder on one machine."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import backlog, limits, workloads
from tests.bench.cups import Cups
from tests.bench.fabric import Fabric
from tests.bench.lprint import LPrint
from tests.bench.lprng import LPRng
from tests.bench.measure import Bench
from tests.bench.on_postgres import on_postgres
from tests.bench.p910nd import P910nd
from tests.bench.receiver import Receiver
from tests.bench.scale import scale
from tests.bench.system import Devices, System
from tests.bench.wide import wide

IN_TURN = {
    "latency": workloads.latency,
    "rates": workloads.rates,
    "large": workloads.large,
    "pools": workloads.pools,
}
PARTS = (*IN_TURN, "scale", "backlog", "finished", "wide", "postgres")
PEERS = (Cups, LPrint, LPRng, P910nd)
DRAINED = {"CUPS": 200}  # of the waiting jobs; all would take minutes
_ALL = 1 << 30

Kind = Callable[[Path, Devices, int], System]


@dataclass
class Run:
    """One run: what it measures with, and what it has found. `result` grows part by part."""

    folder: Path
    form: workloads.Form
    parts: Sequence[str]
    beside: Path | None = None  # another checkout, for the part `postgres`
    result: dict[str, Any] = field(default_factory=dict)

    async def measure(self) -> None:
        """Measure everything. Raises BenchError: a job was lost, or a program died; `result` has what was found before."""
        this = asyncio.current_task()
        assert this is not None
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, this.cancel
        )  # everything is ended in order
        receiver = Receiver(self.folder)
        try:
            bench = Bench(receiver)
            missing = {peer.name: why for peer in PEERS if (why := peer.why_not())}
            kinds: dict[str, Kind] = {Fabric.name: Fabric}
            kinds |= {peer.name: peer for peer in PEERS if peer.name not in missing}
            self.result |= {
                "machine": {**_machine(self.folder), "receiver": receiver.program},
                "systems": {name: {"missing": why} for name, why in missing.items()},
                **{part: [] for part in PARTS},
                "took_s": {},
            }
            await self._timed("limits", self._limits(bench))
            await self._parts(bench, kinds)
            self.result["jobs_checked"] = bench.jobs_checked
        finally:
            receiver.close()

    async def _parts(self, bench: Bench, kinds: dict[str, Kind]) -> None:
        form, folder = self.form, self.folder
        if not set(self.parts).isdisjoint(IN_TURN):
            await self._in_turn(bench, kinds)
        if "scale" in self.parts:
            await self._timed("scale", self._scale(bench, kinds))
        if "backlog" in self.parts:
            await self._timed("backlog", backlog.waiting(bench, folder, form))
        if "finished" in self.parts:
            await self._timed("finished", backlog.finished(folder, form))
        if "wide" in self.parts:
            await self._timed("wide", self._wide())
        if "postgres" in self.parts:
            await self._timed("postgres", on_postgres(bench, folder, form, self.beside))

    async def _timed(self, part: str, work: Awaitable[Any]) -> None:
        """Keep what one part finds, and how long it took."""
        print(f"measuring {part} …", file=sys.stderr, flush=True)
        started = time.monotonic()
        self.result[part] = await work
        self.result["took_s"][part] = round(time.monotonic() - started)

    async def _limits(self, bench: Bench) -> dict[str, float]:
        form = self.form
        return {
            "plain TCP copy to the receiver, MB/s": await limits.tcp_copy(bench, form.large_mib << 20),
            "1 KiB to the receiver, a connection each, per s": await limits.tcp_documents(
                bench, form.limit_jobs
            ),
            "append 1 KiB and fdatasync, per s": limits.synced_appends(self.folder, form.limit_jobs),
        }

    async def _in_turn(self, bench: Bench, kinds: dict[str, Kind]) -> None:
        """Measure what is measured with all systems running at once, one after the other at work."""
        async with AsyncExitStack() as stack:
            systems = []
            for name, kind in kinds.items():
                system = kind(self.folder / name, bench.receiver.devices, max(workloads.PRINTERS))
                stack.push_async_callback(system.close)
                await system.start()
                systems.append(system)
                self.result["systems"][name] = {"durability": system.durability}
            for part, work in IN_TURN.items():
                if part in self.parts:
                    await self._timed(part, work(bench, systems, self.form))

    async def _scale(self, bench: Bench, kinds: dict[str, Kind]) -> list[dict[str, Any]]:
        found = []
        for name, kind in (kinds | {Fabric.name: partial(Fabric, console=True)}).items():
            make = partial(_make, kind, self.folder, bench.receiver.devices, name)
            if getattr(kind, "many", True):
                found.append(await scale(bench, make, self.form, DRAINED.get(name, _ALL)))
        return found

    async def _wide(self) -> list[dict[str, Any]]:
        return [await wide(self.folder, *each, self.form) for each in self.form.wide]


def _machine(folder: Path) -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "spool_file_system": limits.file_system(folder),
    }


def _make(kind: Kind, folder: Path, devices: Devices, name: str, printers: int, title: str) -> System:
    print(f"  {name} with {printers} printers …", file=sys.stderr, flush=True)
    return kind(folder / f"{name}-{title}", devices, printers)
