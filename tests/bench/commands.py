"""Documents that are printed by a command, as scripts do: CUPS' `lp` and our `printfabric print`, a process for each."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.cups import Cups
from tests.bench.fabric import Fabric
from tests.bench.measure import SETTLE_S, Bench, cpu_of, rounded
from tests.bench.process import BenchError
from tests.bench.receiver import document
from tests.bench.system import System, together
from tests.bench.workloads import Form, in_turn

CLIENTS = (1, 16)
_SIZE = 1024
_ROUNDS = 2
_WARM_UP = 2  # documents
_PATIENCE_S = 60.0


async def commands(bench: Bench, systems: Sequence[System], form: Form) -> list[dict[str, Any]]:
    """Return documents per second that are printed by commands, one at a time and sixteen, the systems by turns.

    The first round only warms up: with it modules are compiled.
    """
    those = [
        system
        for system in systems
        if isinstance(system, Fabric | Cups) and (not isinstance(system, Cups) or shutil.which("lp"))
    ]
    rows = []
    for clients in CLIENTS:
        found: dict[str, list[dict[str, float]]] = {system.name: [] for system in those}
        for round_ in range(-1, _ROUNDS):
            jobs = form.command_jobs if round_ >= 0 else _WARM_UP
            for system in in_turn(those, round_):
                measured = await _measured(bench, system, clients, jobs)
                if round_ >= 0:
                    found[system.name].append(measured)
        rows += [_row(name, clients, rounds) for name, rounds in found.items()]
    return rows


def _row(name: str, clients: int, rounds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    middle = {key: rounded(statistics.median(each[key] for each in rounds)) for key in rounds[0]}
    return {"system": name, "clients": clients, **middle, "jobs": sum(int(each["jobs"]) for each in rounds)}


async def _measured(bench: Bench, system: Fabric | Cups, clients: int, jobs: int) -> dict[str, float]:
    numbers, begin = bench.numbers(jobs, system), bench.receiver.printed
    files = [_file(system.folder, number) for number in numbers]
    cpu, children, started = sum(cpu_of(system).values()), _children_s(), asyncio.get_running_loop().time()

    async def one(mine: Sequence[Path]) -> None:
        for file in mine:
            await _run(_command(system, file))

    await together(one(files[place::clients]) for place in range(clients))
    arrivals = await bench.wait(system, begin, numbers, _SIZE)
    taken = asyncio.get_running_loop().time() - started
    await asyncio.sleep(SETTLE_S)
    return {
        "jobs": len(arrivals),
        "printed_per_s": rounded(len(arrivals) / taken),
        "cpu_ms_per_command": rounded(1000 * (_children_s() - children) / jobs),
        "cpu_ms_per_job": rounded(1000 * (sum(cpu_of(system).values()) - cpu) / jobs),
    }


def _command(system: Fabric | Cups, file: Path) -> Sequence[str]:
    if isinstance(system, Cups):
        return ["lp", "-h", f"127.0.0.1:{system.port}", "-d", "q0", "-o", "raw", str(file)]
    program = Path(sys.executable).with_name("printfabric")
    return [str(program), "--address", system.address, "print", "-P", "q0", str(file)]


def _file(folder: Path, number: int) -> Path:
    path = folder / f"command-{number}"
    path.write_bytes(document(number, _SIZE))
    path.chmod(0o644)
    return path


async def _run(command: Sequence[str]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        program = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await program.communicate()
    if program.returncode:
        raise BenchError(f"{' '.join(command)}: {said.decode(errors='replace')[-300:]}")


def _children_s() -> float:
    """Return the CPU seconds of all children of this process that have ended."""
    times = os.times()
    return times.children_user + times.children_system
