"""`make bench`: measures Print Fabric beside CUPS and LPrint, where they are installed, in one run.

python -m tests.bench --output build/bench.json [--short] [--only rates,latency,large,pools,scale,wide,postgres]
    [--directory DIR] [--beside CHECKOUT]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import limits, network, table, workloads
from tests.bench.cups import Cups
from tests.bench.fabric import Fabric
from tests.bench.lprint import LPrint
from tests.bench.measure import Bench
from tests.bench.on_postgres import on_postgres
from tests.bench.process import BenchError
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
PARTS = ("rates", "latency", "large", "pools", "scale", "wide", "postgres")
PEERS: dict[str, type[Cups | LPrint]] = {"CUPS": Cups, "LPrint": LPrint}
DRAINED = {
    "fabric": 1 << 30,
    "CUPS": 200,
    "LPrint": 1 << 30,
}  # of the waiting jobs; CUPS would take minutes for all


def machine(folder: Path) -> dict[str, Any]:
    """Return where this was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "spool_file_system": limits.file_system(folder),
    }


async def measure(
    folder: Path, form: workloads.Form, parts: Sequence[str], beside: Path | None = None
) -> dict[str, Any]:
    """Measure everything in `folder`; return what `build/bench.json` says. Raises BenchError: a job was lost."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # everything is ended in order
    receiver = Receiver(folder)
    try:
        bench = Bench(receiver)
        missing = {name: why for name, peer in PEERS.items() if (why := peer.why_not())}
        kinds: dict[str, Callable[[Path, Devices, int], System]] = {"fabric": Fabric}
        kinds |= {name: peer for name, peer in PEERS.items() if name not in missing}
        result: dict[str, Any] = {
            "schema": 1,
            "machine": {**machine(folder), "receiver": receiver.program},
            "limits": {
                "plain TCP copy to the receiver, MB/s": await limits.tcp_copy(bench, form.large_mib << 20),
                "1 KiB to the receiver, a connection each, per s": await limits.tcp_documents(
                    bench, form.limit_jobs
                ),
                "append 1 KiB and fdatasync, per s": limits.synced_appends(folder, form.limit_jobs),
            },
            "systems": {name: {"missing": why} for name, why in missing.items()},
            **{part: [] for part in PARTS},
        }
        if not IN_TURN.keys().isdisjoint(parts):
            await _in_turn(bench, folder, kinds, form, parts, result)
        if "scale" in parts:
            for name, kind in kinds.items():
                make = partial(_make, kind, folder, receiver.devices, name)
                result["scale"].append(await scale(bench, make, form, DRAINED[name]))
        if "wide" in parts:
            print("measuring many hosts …", file=sys.stderr, flush=True)
            result["wide"] = [await wide(folder, printers, form) for printers in form.wide_printers]
        if "postgres" in parts:
            result["postgres"] = await on_postgres(bench, folder, form, beside)
        result["jobs_checked"] = bench.jobs_checked
        return result
    finally:
        receiver.close()


async def _in_turn(
    bench: Bench,
    folder: Path,
    kinds: dict[str, Callable[[Path, Devices, int], System]],
    form: workloads.Form,
    parts: Sequence[str],
    result: dict[str, Any],
) -> None:
    """Measure what is measured with all systems running at once, one after the other at work."""
    async with AsyncExitStack() as stack:
        systems = []
        for name, kind in kinds.items():
            system = kind(folder / name, bench.receiver.devices, max(workloads.PRINTERS))
            stack.push_async_callback(system.close)
            await system.start()
            systems.append(system)
            result["systems"][name] = {"durability": system.durability}
        for part, work in IN_TURN.items():
            if part in parts:
                print(f"measuring {part} …", file=sys.stderr, flush=True)
                result[part] = await work(bench, systems, form)


def _make(
    kind: Callable[[Path, Devices, int], System],
    folder: Path,
    devices: Devices,
    name: str,
    printers: int,
    title: str,
) -> System:
    print(f"measuring {name} with {printers} printers …", file=sys.stderr, flush=True)
    return kind(folder / f"{name}-{title}", devices, printers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="where the figures go, as JSON")
    parser.add_argument(
        "--short", action="store_true", help="a smoke test: too short for figures that mean anything"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to measure: {', '.join(PARTS)}")
    parser.add_argument(
        "--directory", type=Path, help="where the spools are; default: the temporary directory"
    )
    parser.add_argument(
        "--beside", type=Path, help="another checkout: its store in PostgreSQL is measured in the same run"
    )
    return parser.parse_args()


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not built for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def main() -> int:
    """Run the program. Exit code 1: a program died or a job was lost."""
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.directory))
    folder.chmod(0o755)  # cupsd's backends are other users
    form = workloads.SHORT if arguments.short else workloads.LONG
    LPrint.network = network.enter()
    try:
        with asyncio.Runner(loop_factory=_uvloop()) as runner:
            result = runner.run(measure(folder, form, arguments.only.split(","), arguments.beside))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 143
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result["form"] = "short" if arguments.short else "long"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    table.show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
