"""What a choice is worth: this checkout beside variants of it, by turns in one run; CPU per job and per MB.

python -m tests.bench.choices [--environment NAME:KEY=VALUE;…]… [--checkout NAME:DIRECTORY]… [--rounds 3]

A variant has other variables in its services' environment, or is another checkout (whose protos are built), or both.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.fabric import Fabric
from tests.bench.measure import Bench, Run, loop_factory
from tests.bench.receiver import Receiver
from tests.bench.system import LARGE, UNARY

PRINTERS = 50
AS_IT_IS = "as it is"
LOADS = {  # mode, clients, printers, documents, bytes of each
    "unary, 1 client": (UNARY, 1, 1, 150, 1024),
    "unary, 16 clients": (UNARY, 16, PRINTERS, 600, 1024),
    "stream 32": ("stream 32", 1, PRINTERS, 2000, 1024),
    "64 KiB, stream 32": ("stream 32", 1, PRINTERS, 600, 65536),
    "128 MiB": (LARGE, 1, 1, 1, 128 << 20),
}


_HEAD = """| load | | spooler: CPU ms per job or MB | port monitor | both, beside as it is | jobs or MB per s |
|---|---|---|---|---|---|"""


async def measure(folder: Path, variants: dict[str, Variant], loads: Sequence[str], rounds: int) -> None:
    """Print a row for each load and variant, as they come. Raises BenchError: a job was lost."""
    receiver = Receiver(folder)
    try:
        bench = Bench(receiver)
        async with AsyncExitStack() as stack:
            systems = {}
            for name, variant in variants.items():
                system = systems[name] = Fabric(
                    folder / name.replace(" ", "-"), receiver.devices, PRINTERS,
                    checkout=variant.checkout, environment=variant.environment,
                )  # fmt: skip
                stack.push_async_callback(system.close)
                await system.start()
            print(_HEAD, flush=True)
            for load in loads:
                for row in await _under(bench, systems, load, rounds):
                    print(f"| {' | '.join(row)} |", flush=True)
    finally:
        receiver.close()


async def _under(bench: Bench, systems: dict[str, Fabric], load: str, rounds: int) -> list[list[str]]:
    mode, clients, printers, count, size = LOADS[load]
    runs: dict[str, list[Run]] = {name: [] for name in systems}
    for round_ in range(-1, rounds):  # the first only warms up
        for name, system in systems.items():
            run = await bench.run(system, mode, clients, printers, count, size)
            if round_ >= 0:
                runs[name].append(run)
    units = count if size < 1 << 20 else size / 1e6
    base = _cost(runs[AS_IT_IS], units)
    return [
        [
            load, name, *(f"{statistics.median(run.cpu_s[each] for run in found) * 1000 / units:.3f}" for each in ("spooler", "portmon")),
            f"{_cost(found, units) / base:.2f}", f"{statistics.median(units / run.printed_s for run in found):.0f}",
        ]
        for name, found in runs.items()
    ]  # fmt: skip


def _cost(runs: Sequence[Run], units: float) -> float:
    return statistics.median(sum(run.cpu_s.values()) for run in runs) / units


class Variant:
    """What is other than here."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self.checkout: Path | None = None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.choices", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--environment", action="append", default=[], metavar="NAME:KEY=VALUE;…")
    parser.add_argument("--checkout", action="append", default=[], metavar="NAME:DIRECTORY")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=";".join(LOADS), help=f"loads: {'; '.join(LOADS)}")
    given = parser.parse_args()
    variants = {AS_IT_IS: Variant()}
    for text in given.environment:
        name, _, pairs = text.partition(":")
        for pair in pairs.split(";"):
            key, _, value = pair.partition("=")
            variants.setdefault(name, Variant()).environment[key] = value
    for text in given.checkout:
        name, _, directory = text.partition(":")
        variants.setdefault(name, Variant()).checkout = Path(directory).resolve()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(measure(Path(folder), variants, given.only.split(";"), given.rounds))


if __name__ == "__main__":
    main()
