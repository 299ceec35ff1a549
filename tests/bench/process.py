"""Child processes that end with us, by their pids, and what the kernel says of them: CPU time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.system import Left

_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The benchmark cannot say what it was asked: a program died, a job was lost."""


class Child:
    """A program that is started, watched and ended by its pid.

    Args:
        name: what the report calls it.
        command: program and arguments.
        log: where its output goes.
        pipe: keep its standard input and output as pipes.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        pipe: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        # Not by a function between fork and exec: gRPC's handlers of a fork, which a plain start does without, abort the
        # child now and then. `setpriv` becomes the program, and so has its pid.
        tied = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        with log.open("ab") as out:
            self.process = subprocess.Popen(  # its end is `end`
                tied,
                stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else out,
                stderr=out,
                env=dict(environment) if environment is not None else None,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def check(self) -> None:
        """Raise BenchError when it has ended."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with {self.process.returncode}: {self.last_words()}")

    def wait_until(self, ready: Callable[[], bool], patience_s: float = 60.0, every_s: float = 0.002) -> None:
        """Wait for a condition. Raises BenchError when the program ends or takes too long."""
        deadline = time.monotonic() + patience_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name}: not ready after {patience_s:g} s: {self.last_words()}")
            time.sleep(every_s)

    async def ready(self, file: Path, patience_s: float) -> list[str]:
        """Return the addresses that a service writes into its ready file. Raises BenchError: it does not."""
        deadline = time.monotonic() + patience_s
        while True:
            self.check()
            try:
                return _addresses(file)
            except (OSError, ValueError):
                if time.monotonic() > deadline:
                    text = f"{self.name} is not ready after {patience_s:g} s: {self.last_words()}"
                    raise BenchError(text) from None
            await asyncio.sleep(0.002)

    def end(self, patience_s: float = 10.0) -> None:
        """Ask it to end, then make it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def kill(self) -> None:
        """Make it end at once."""
        self.process.kill()
        self.end()

    def cpu_s(self) -> float:
        """Return user and system seconds so far, with those of its children that have ended."""
        return cpu_s(self.pid)

    def rss_mib(self) -> float:
        """Return its resident memory in MiB."""
        return rss_mib(self.pid)

    def peak_mib(self) -> float:
        """Return the most resident memory it had, in MiB, since `forget_peak`, or ever."""
        return peak_mib(self.pid)

    def forget_peak(self) -> None:
        """The peak begins anew with what it has now."""
        forget_peak(self.pid)

    def last_words(self) -> str:
        """Return the end of its log."""
        try:
            return self.log.read_bytes()[-1500:].decode("utf-8", "replace").strip() or "it said nothing"
        except OSError:
            return "it has no log"


class Family:
    """A process and its children, measured as one: a server with a process for each connection."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self._pid = pid

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        return [self._pid, *map(int, children)]

    def cpu_s(self) -> float:
        """Return user and system seconds so far, with those of the children that have ended."""
        return _of_all(cpu_s, self._pids())

    def rss_mib(self) -> float:
        """Return the resident memory in MiB; what they share is counted for each."""
        return _of_all(rss_mib, self._pids())

    def peak_mib(self) -> float:
        """Return the sum of the most memory that each had, in MiB."""
        return _of_all(peak_mib, self._pids())

    def forget_peak(self) -> None:
        """The peaks begin anew."""
        for pid in self._pids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                forget_peak(pid)


class OneProgram:
    """A peer that is one program; whoever starts it puts it into `_child`."""

    ours = False
    keeps = False
    _child: Child | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        raise NotImplementedError

    async def stop_server(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.end()
            self._child = None

    async def kill_server(self) -> None:
        """End it as a crash does."""
        if self._child is not None:
            self._child.kill()
        await self.stop_server()

    async def close(self) -> None:
        """End it."""
        await self.stop_server()

    async def listed(self) -> int | None:
        """It is not asked what waits."""
        return None

    async def revive(self) -> None:
        """It finds out by itself."""

    async def left(self, pool: str) -> Mapping[int, Left]:
        """It has no pools."""
        raise BenchError(f"there is no {pool}")

    async def renew(self) -> None:
        """Begin anew after it broke."""
        await self.close()
        await self.start()

    @property
    def processes(self) -> Sequence[Child | Family]:
        """What costs CPU and memory; the CPU of children that have ended is its own."""
        return [self._child] if self._child is not None else []


def _of_all(figure: Callable[[int], float], pids: Sequence[int]) -> float:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            total += figure(pid)
    return total


def cpu_s(pid: int) -> float:
    """Return user and system seconds of a process so far, with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def peak_mib(pid: int) -> float:
    """Return the most resident memory a process had since `forget_peak`, or ever, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0  # it has ended


def forget_peak(pid: int) -> None:
    """Let a process' peak begin anew with what it has now (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _addresses(ready_file: Path) -> list[str]:
    return [str(address) for address in json.loads(ready_file.read_text())["addresses"]]
