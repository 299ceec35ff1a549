"""What a step of a hot path asks of others that is dear: waits for the disk, statements, hashes, files, sockets, messages, tasks, threads.

Byte code does not tell it: a second sync, a second SHA-256 of a document, a commit for each job are a few instructions.
These are whole numbers, which no neighbour changes: one more fails, and so do far fewer, until they are written down. `python -m tests.bench.dear_calls` shows them,
`--write` (`make guard-baseline`) writes them down.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import threading
from _ctypes import CFuncPtr
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median_high
from types import FrameType, ModuleType
from typing import Any, Self

import structlog

from spooler.remote_hold import RemoteHold
from tests.bench.costs import GAIN, PATHS
from tests.bench.hot_layers import at_a_spooler, submit, whole_batch
from tests.bench.hot_paths import HotPath
from tests.bench.instructions import SERVICES
from tests.fabric.spooler_rig import SpoolerRig

KEPT = Path(__file__).with_name("dear_calls.json")
_CALLERS = 16
_LABELS = 64
# Where a large document comes in as many pieces as it happens to, these may be so many more; statements, where many
# callers share commits as they happen to, by the path's own share. Without any sharing they are 1.8 times as many.
_BY_CHANCE, _PIECES, _SHARED = ("answers", "files", "hops", "messages", "sockets", "tasks"), 1.0, 0.6
_WARM_UP = 2  # steps in which what is made at the first use is made

# Functions in C by what they are called, and what each is counted as. Only calls by the services' own code count.
DEAR = {
    **dict.fromkeys(("fsync", "fdatasync", "sync_file_range", "flush"), "syncs"),
    **dict.fromkeys(("execute", "executemany", "commit", "fetchall"), "statements"),
    **dict.fromkeys(("openssl_sha256", "sha256", "crc32", "adler32", "digest"), "hashes"),
    **dict.fromkeys(("open", "pwrite", "pwritev", "pread", "preadv", "write", "ftruncate"), "files"),
    **dict.fromkeys(("connect", "send", "sendall", "recv", "shutdown", "getsockopt", "setsockopt"), "sockets"),
    **dict.fromkeys(("FromString", "SerializeToString", "ParseFromString", "MergeFromString", "CopyFrom"), "parsing"),
    "start_new_thread": "threads",
}  # fmt: skip
_FOREIGN = "sockets"  # what ctypes calls: the profiler is not told of it
_MESSAGE = "_write"  # `RemoteHold`'s: a message of a spooler to a host
_ANSWER, _ANSWERS = "_response", "portmon/api/document_stream.py"  # a message of a host to its spooler
_ELSEWHERE = "run_in_executor"  # asyncio's, for whoever asks for it


class DearCalls:
    """Counts dear calls by module and kind: in threads that start while this is entered, and in this one while told to."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def now(self) -> Counter[str]:
        """Return what was asked for so far, by kind."""
        return Counter(self._counts)

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            kind = DEAR.get(argument.__name__)
            if kind is not None and frame.f_code.co_filename.startswith(SERVICES):
                self._counts[kind] += 1
        elif event == "call":
            name = frame.f_code.co_name
            if name == _ANSWER and frame.f_code.co_filename.endswith(_ANSWERS):
                self._counts["answers"] += 1
            elif name == _ELSEWHERE:
                self._counts["hops"] += 1
            elif name == "create_task" and "asyncio" in frame.f_code.co_filename:
                work = getattr(frame.f_locals.get("coro"), "cr_code", None)
                if work is not None and work.co_filename.startswith(SERVICES):
                    self._counts["tasks"] += 1

    def _counted(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            self._counts[kind] += 1
            return function(*arguments)

        return called

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count in this thread, too."""
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(None)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for owner, name, kind in [*_foreign(), (RemoteHold, _MESSAGE, "messages")]:
                function = getattr(owner, name)
                setattr(owner, name, self._counted(kind, function))
                stack.callback(setattr, owner, name, function)
            threading.setprofile(self._called)
            stack.callback(threading.setprofile, None)
            self._undone = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undone.close()


def _foreign() -> list[tuple[ModuleType, str, str]]:
    """Return the functions of other libraries that modules of the services have by name, and what they are counted as."""
    ours = [
        each for each in sys.modules.values() if (getattr(each, "__file__", None) or "").startswith(SERVICES)
    ]
    return [
        (module, name, _FOREIGN)
        for module in ours
        for name, found in vars(module).items()
        if isinstance(found, CFuncPtr)
    ]


async def at_once(rig: SpoolerRig, name: str) -> None:
    """Submit labels by many callers at once, twice each: while some are committed the others gather."""
    numbers = count()

    async def caller() -> None:
        for _ in range(2):
            await submit(rig, f"{name} {next(numbers)}")

    await asyncio.gather(*(caller() for _ in range(_CALLERS)))


# Units have no dear calls; many callers are no path of `costs`, for what they cost in instructions goes by chance.
CALLED = {name: path for name, path in PATHS.items() if not name.startswith("units")} | {
    "call: SubmitJob, sixteen callers at once, twice": HotPath(
        partial(at_a_spooler, call=at_once), rounds=12, apart=_SHARED
    ),
    f"the whole way: {_LABELS} labels of one message": HotPath(
        partial(whole_batch, jobs=_LABELS), rounds=8, apart=_SHARED
    ),
}


async def calls(path: HotPath) -> dict[str, int]:
    """Return how many dear calls of each kind one step makes: the fewest of several, for chance only adds.

    Where they go by chance it is the middle one: the fewest are luck, which no later measurement has to have.
    """
    rounds: list[Counter[str]] = []
    with tempfile.TemporaryDirectory() as folder, DearCalls() as counted:
        async with path.lend(Path(folder)) as step:
            for _ in range(_WARM_UP):
                await step()
            with counted.counting():
                for _ in range(max(3, path.rounds)):
                    before = counted.now()
                    await step()
                    rounds.append(counted.now() - before)
    return {
        kind: (median_high if path.apart and kind in _BY_CHANCE else min)(each[kind] for each in rounds)
        for kind in sorted(set().union(*rounds))
    }


def judged(name: str, now: Mapping[str, int], kept: Mapping[str, Mapping[str, int]]) -> str:
    """Return what a path asks for more often than is written down; empty when nothing."""
    if name not in kept:
        return f"{name}: what it asks for is not written down: make guard-baseline"
    before = kept[name]
    more = [
        f"{found} {kind}, {before.get(kind, 0)} before"
        for kind, found in now.items()
        if found > _most(before.get(kind, 0), kind, CALLED[name].apart)
    ]
    if more:
        return f"{name}: {'; '.join(more)}. Where that is meant: make guard-baseline"
    fewer = [
        f"{now.get(kind, 0)} {kind}, {found} before"
        for kind, found in before.items()
        if now.get(kind, 0) < _least(found, kind, CALLED[name].apart)
    ]
    return (
        f"{name}: {'; '.join(fewer)}. That it stays so is to be written down: make guard-baseline"
        if fewer
        else ""
    )


def _most(before: int, kind: str, apart: float) -> float:
    if apart and kind in _BY_CHANCE:
        return before * (1 + _PIECES) + 2
    return before * (1 + apart) + 4 if apart and kind == "statements" else before


def _least(before: int, kind: str, apart: float) -> float:
    """Return how many there have to be at least: what became cheaper unnoticed would become dear again unnoticed."""
    return 0 if apart and kind in (*_BY_CHANCE, "statements") else before * (1 - GAIN)


def kept_calls() -> dict[str, dict[str, int]]:
    """Return what was written down."""
    found: dict[str, dict[str, int]] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    return found


def main() -> None:
    """Count all paths; print them, beside what is written down, or write them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {KEPT.name} anew")
    write = parser.parse_args().write
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    kept, now = kept_calls(), {}
    for name, path in CALLED.items():
        now[name] = asyncio.run(calls(path))
        told = ", ".join(f"{found} {kind}" for kind, found in now[name].items()) or "nothing"
        print(f"{name}: {told}; {judged(name, now[name], kept) or 'as written down'}", flush=True)
    if write:
        KEPT.write_text(json.dumps(now, indent=2, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
