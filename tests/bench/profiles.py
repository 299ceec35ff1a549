"""Where the time goes: what spooler and port monitor do under a few loads, as text.

python -m tests.bench.profiles --output docs/profiles [--seconds 15] [--only lone,unary,stream,large]

CPU by thread is the kernel's, exact: gRPC has threads that never see Python. Lines are samples of who holds the interpreter (py-spy).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from tests.bench.fabric import Fabric
from tests.bench.measure import Bench, loop_factory
from tests.bench.process import BenchError, Child
from tests.bench.receiver import Receiver
from tests.bench.system import EARLY, LARGE, UNARY

LOADS = {  # what is sent again and again: mode, clients, documents, bytes of each
    "lone": (UNARY, 1, 150, 1024),
    "unary": (UNARY, 16, 400, 1024),
    "stream": ("stream 32", 1, 1500, 1024),
    "large": (LARGE, 1, 1, 64 << 20),
    "large-while-it-comes-in": (EARLY, 1, 1, 64 << 20),
}
PRINTERS = 50
_PER_SECOND = 250
_LINES = 40

# Whose a frame is, by its path; compiled code has none, and counts for who called it.
_OWNERS = (
    ("gRPC", ("grpc/",)),
    ("asyncio", ("asyncio/",)),
    ("our code", ("spooler/", "portmon/", "chassis/", "printfabric/")),
)
Stacks = Counter[tuple[str, ...]]


async def profiled(bench: Bench, fabric: Fabric, load: str, folder: Path, seconds: float) -> dict[str, str]:
    """Return a text for each program: what it did under a load. Raises BenchError: a job was lost, py-spy ended."""
    mode, clients, count, size = LOADS[load]

    async def once() -> None:
        await bench.run(fabric, mode, clients, PRINTERS, count, size, settle_s=0.0)

    await once()
    children = [process for process in fabric.processes if isinstance(process, Child)]
    before, jobs = {child.name: _by_thread(child.pid) for child in children}, bench.jobs_checked
    recorders = [_recorder(child.pid, folder / f"{load}-{child.name}.raw", seconds) for child in children]
    await _for_as_long_as(recorders, once)
    jobs = bench.jobs_checked - jobs
    texts = {}
    for child in children:
        threads = _by_thread(child.pid)
        threads.subtract(before[child.name])
        stacks = _stacks(folder / f"{load}-{child.name}.raw")
        texts[child.name] = _text(stacks, threads, _title(load, child.name, threads.total(), jobs, size))
    return texts


def _recorder(pid: int, output: Path, seconds: float) -> subprocess.Popen[bytes]:
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        raise BenchError("py-spy is not installed here: pip install py-spy")
    options = f"--rate {_PER_SECOND} --duration {seconds:.0f} --format raw --nonblocking --gil"
    command = [program, "record", "--pid", str(pid), *options.split(), "--output", str(output)]
    with output.with_suffix(".log").open("wb") as log:
        # Without a step between fork and exec: gRPC's threads do not survive one.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


async def _for_as_long_as(
    recorders: Sequence[subprocess.Popen[bytes]], work: Callable[[], Awaitable[None]]
) -> None:
    while any(recorder.poll() is None for recorder in recorders):
        await work()


def _stacks(path: Path) -> Stacks:
    """Return samples by stack, the outermost frame first."""
    if not path.exists():
        raise BenchError(f"py-spy wrote nothing: {path.with_suffix('.log').read_text()[-500:]}")
    found: Stacks = Counter()
    for line in path.read_text("utf-8", "replace").splitlines():
        stack, _, count = line.rpartition(" ")
        if count.isdigit():  # of a program that never had the interpreter there is an empty line
            found[tuple(stack.split(";"))] += int(count)
    return found


def _by_thread(pid: int) -> Counter[str]:
    """Return nanoseconds of CPU by thread's name, of the threads that live; threads of one name are one."""
    found: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            name = (task / "comm").read_text().strip()
            kind = re.sub(r"[-_ ]?[0-9]+$", "", name).replace("python", "Python's other threads")
            found["the event loop" if task.name == str(pid) else kind] += int(
                (task / "schedstat").read_text().split()[0]
            )
    return found


def _title(load: str, name: str, cpu_ns: int, jobs: int, size: int) -> str:
    mode, clients, _, _ = LOADS[load]
    units, unit = (jobs, "job") if size < 1 << 20 else (jobs * size / 1e6, "MB")
    each = f"{cpu_ns / 1e6 / units:.3f} ms of CPU per {unit}"
    return f"{name}: {mode}, {clients} clients, {size:,} bytes each, {jobs} jobs, {each}"


def _text(stacks: Stacks, threads: Counter[str], title: str) -> str:
    total = sum(stacks.values())
    owners: Counter[str] = Counter()
    itself: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for stack, count in stacks.items():
        owners[_owner(stack)] += count
        itself[stack[-1]] += count
        for frame in set(stack):
            if _ours(frame):
                within[frame] += count
    return "\n".join(
        [
            title,
            "",
            "CPU by thread",
            *_lines(threads, threads.total()),
            "",
            f"whose code runs in Python, of {total} samples",
            *_lines(owners, total),
            "",
            "lines by themselves",
            *_lines(itself, total),
            "",
            "our lines with all they call",
            *_lines(within, total),
            "",
        ]
    )


def _lines(counts: Counter[str], total: int) -> Iterable[str]:
    return (
        f"{100 * count / total:6.1f} %  {name}"
        for name, count in counts.most_common(_LINES)
        if 200 * count >= total
    )


def _ours(frame: str) -> bool:
    return any(part in frame for part in dict(_OWNERS)["our code"])


def _owner(stack: Sequence[str]) -> str:
    for frame in reversed(stack):
        for owner, parts in _OWNERS:
            if any(part in frame for part in parts):
                return owner
    return "the interpreter and the kernel"


async def main() -> None:
    """Profile all loads; write a file for each."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.profiles", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--output", type=Path, required=True, help="a directory for the texts")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each load")
    parser.add_argument("--only", default=",".join(LOADS), help=f"loads: {', '.join(LOADS)}")
    given = parser.parse_args()
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # py-spy is begun while there are channels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        receiver = Receiver(folder)
        bench, fabric = Bench(receiver), Fabric(folder / "fabric", receiver.devices, PRINTERS)
        try:
            await fabric.start()
            for load in given.only.split(","):
                began = time.monotonic()
                texts = await profiled(bench, fabric, load, folder, given.seconds)
                (given.output / f"{load}.txt").write_text("\n".join(texts.values()))
                print(f"{load}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        finally:
            await fabric.close()
            receiver.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())
