"""One run of the benchmark: everything, or the parts that are asked for, in one folder on one machine."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import backlog, limits, workloads
from tests.bench.commands import commands
from tests.bench.cups import Cups, SyncedCups
from tests.bench.dying import dying
from tests.bench.empty_calls import calls
from tests.bench.fabric import Fabric
from tests.bench.killed import killed
from tests.bench.lprint import LPrint
from tests.bench.lprng import LPRng
from tests.bench.measure import PEER_BREAKS, Bench, rss_of
from tests.bench.on_postgres import on_postgres
from tests.bench.p910nd import P910nd
from tests.bench.process import BenchError
from tests.bench.receiver import Receiver
from tests.bench.remembered import remembered
from tests.bench.scale import scale
from tests.bench.system import Devices, System
from tests.bench.wide import wide

IN_TURN = {
    "latency": workloads.latency,
    "rates": workloads.rates,
    "large": workloads.large,
    "pools": workloads.pools,
    "dying": dying,
    "commands": commands,
    "killed": killed,
}
PARTS = (*IN_TURN, "scale", "backlog", "finished", "remembered", "wide", "postgres")
PEERS = (Cups, SyncedCups, LPrint, LPRng, P910nd)
DRAINED = {"CUPS": 200}  # of the waiting jobs; all would take minutes
_ALL = 1 << 30
_MOST_S = 1200.0  # a part that takes longer hangs
_TRIES = 2  # of a part

Kind = Callable[[Path, Devices, int], System]


@dataclass
class Run:
    """One run: what it measures with, and what it has found. `result` grows part by part.

    A part that fails is noted in `result["failed"]` and measured once more; the others are measured all the same.
    """

    folder: Path
    form: workloads.Form
    parts: Sequence[str]
    beside: Path | None = None  # another checkout, for the part `postgres`
    kept: Callable[[], None] = lambda: None  # called when a part has been added to the result
    result: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Services are compiled once for all parts.
        os.environ["PYTHONPYCACHEPREFIX"] = str(self.folder / "pycache")
        missing = {peer.name: why for peer in PEERS if (why := peer.why_not())}
        self._kinds: dict[str, Kind] = {Fabric.name: Fabric}
        self._kinds |= {peer.name: peer for peer in PEERS if peer.name not in missing}
        self.result |= {
            "machine": _machine(self.folder),
            "systems": {name: {"missing": why} for name, why in missing.items()},
            **{part: [] for part in ("limits", *PARTS)},
            "parts": list(self.parts),  # that were asked for
            "took_s": {},
            "failed": {},
            "breaks": {},  # by peer, why it broke, each time
            "strays": 0,  # documents of peers that came out while another was measured
            "jobs_checked": 0,
        }

    async def measure(self) -> None:
        """Measure everything."""
        this = asyncio.current_task()
        assert this is not None
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, this.cancel
        )  # everything is ended in order
        await self._part("limits", self._limits)
        with self._noting("in turn"):
            await self._in_turn([part for part in IN_TURN if part in self.parts])
        alone: dict[str, Callable[[Bench, Path], Awaitable[Any]]] = {
            "scale": self._scale,
            "backlog": lambda bench, folder: backlog.waiting(bench, folder, self.form),
            "finished": lambda _bench, folder: backlog.finished(folder, self.form),
            "remembered": lambda bench, folder: remembered(bench, folder, self.form),
            "wide": lambda _bench, folder: self._wide(folder),
            "postgres": lambda bench, folder: on_postgres(bench, folder, self.form, self.beside),
        }
        for part, work in alone.items():
            if part in self.parts:
                await self._part(part, work)

    async def _part(self, part: str, work: Callable[[Bench, Path], Awaitable[Any]]) -> None:
        """Measure one part in a folder, and with a receiver, of its own; after a failure once more."""
        for _ in range(_TRIES):
            with self._noting(part), self._bench(part) as (bench, folder):
                if await self._timed(part, work(bench, folder)):
                    return

    @contextmanager
    def _bench(self, name: str) -> Iterator[tuple[Bench, Path]]:
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o755)  # cupsd's backends are other users
        receiver = Receiver(folder)
        bench = Bench(receiver, self.result["breaks"])
        self.result["machine"]["receiver"] = receiver.program
        try:
            yield bench, folder
        finally:
            receiver.close()
            self.result["jobs_checked"] += bench.jobs_checked
            self.result["strays"] += bench.strays
            shutil.rmtree(folder, ignore_errors=True)
            self.kept()

    async def _timed(self, part: str, work: Awaitable[Any]) -> bool:
        """Keep what one part finds, and how long it took; return whether it came to its end."""
        print(f"measuring {part} …", file=sys.stderr, flush=True)
        started, found = time.monotonic(), None
        with self._noting(part):
            async with asyncio.timeout(_MOST_S):
                found = self.result[part] = await work
        self.result["took_s"][part] = round(time.monotonic() - started)
        return found is not None

    @contextmanager
    def _noting(self, part: str) -> Iterator[None]:
        """Write down why something failed, and go on: what else there is to measure is measured."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the wall
            if not isinstance(error, BenchError):
                traceback.print_exc()
            print(f"bench: {part} failed: {error!r}", file=sys.stderr, flush=True)
            self.result["failed"].setdefault(part, []).append(str(error) or repr(error))

    async def _limits(self, bench: Bench, folder: Path) -> dict[str, float]:
        form = self.form
        return {
            "plain TCP copy to the receiver, MB/s": await limits.tcp_copy(bench, form.large_mib << 20),
            "1 KiB to the receiver, a connection each, per s": await limits.tcp_documents(
                bench, form.limit_jobs
            ),
            "append 1 KiB and fdatasync, per s": limits.synced_appends(folder, form.limit_jobs),
            "gRPC in Python, a call that does nothing, 1 caller, per s": await calls(
                folder, 1, form.limit_jobs
            ),
            "the same, 16 callers": await calls(folder, 16, form.limit_jobs * 4),
        }

    async def _in_turn(self, parts: Sequence[str]) -> None:
        """Measure what is measured with all systems running at once, one after the other at work.

        After a part that failed they all begin anew, with the same part.
        """
        left = [part for part in parts for _ in range(_TRIES)]
        while left:
            with self._bench(f"in-turn-{len(left)}") as (bench, folder):
                async with AsyncExitStack() as stack:
                    systems = await self._started(bench, folder, stack, left[0])
                    while left:
                        part = left.pop(0)
                        if not systems or not await self._timed(
                            part, IN_TURN[part](bench, systems, self.form)
                        ):
                            break
                        left = [each for each in left if each != part]
                        self._note_memory(systems)
                        self.kept()

    async def _started(self, bench: Bench, folder: Path, stack: AsyncExitStack, part: str) -> list[System]:
        """Return all systems, started; a peer that does not start is left out. None at all: ours does not."""
        systems = []
        for name, kind in self._kinds.items():
            try:
                system = kind(folder / name, bench.receiver.devices, max(workloads.PRINTERS))
                stack.push_async_callback(system.close)
                await system.start()
            except PEER_BREAKS as error:
                if name == Fabric.name:
                    self.result["failed"].setdefault(part, []).append(f"did not start: {error}")
                    return []
                self.result["systems"][name] = {"missing": f"did not start: {error}"}
                continue
            systems.append(system)
            self.result["systems"].setdefault(name, {})["durability"] = system.durability
        return systems

    def _note_memory(self, systems: Sequence[System]) -> None:
        """Keep what each has for itself after its work."""
        for system in systems:
            with suppress(*PEER_BREAKS):
                self.result["systems"][system.name]["rss_mib"] = rss_of(system)

    async def _scale(self, bench: Bench, folder: Path) -> list[dict[str, Any]]:
        found = []
        for name, kind in (self._kinds | {Fabric.name: partial(Fabric, console=True)}).items():
            make = partial(_make, kind, folder, bench.receiver.devices, name)
            if not getattr(kind, "many", True):
                continue
            try:
                found.append(await scale(bench, make, self.form, DRAINED.get(name, _ALL)))
            except PEER_BREAKS as error:
                if name == Fabric.name:
                    raise
                bench.breaks.setdefault(name, []).append(f"with many printers: {error}")
        return found

    async def _wide(self, folder: Path) -> list[dict[str, Any]]:
        return [await wide(folder, *each, self.form) for each in self.form.wide]


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
