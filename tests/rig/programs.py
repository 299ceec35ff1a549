"""Programs as real processes: started, killed, asked for their memory; always ended by their own pid."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.surroundings import free_port

READY_S = 50.0
END_S = 8.0


class Program:
    """One program and how it is started. `addresses` are its listeners, the metrics page last.

    A service dies with this process, however that ends: it is started by way of `printfabric_client.up.tether`.
    """

    def __init__(
        self,
        module: str,
        folder: Path,
        settings: str,
        *,
        socket_file: Path | None = None,
        within: Sequence[str] = (),
    ) -> None:
        """Say what is to be started.

        socket_file: where it listens; None: at a port of loopback.
        within: the words before its command, as `ip netns exec NAME`.
        """
        self.module = module
        self._within = within
        self.log = folder / f"{module}.log"
        self.addresses: list[str] = []
        self.starts = 0
        self._config = folder / f"{module}.toml"
        self._ready = folder / f"{module}.ready"
        self._config.write_text(settings, "utf-8")
        self._port, self._keeper = 0 if socket_file else free_port(), -1
        self._keep_port()
        self._listen = f"unix:{socket_file}" if socket_file else f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, at the address of its first start, and wait until it serves."""
        self._ready.unlink(missing_ok=True)
        self._keep_port()
        tether = (sys.executable, "-m", "printfabric_client.up.tether", str(os.getpid()), self.module)
        arguments = ("--config", self._config, "--server.listen", self._listen, "--ready-file", self._ready)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._within, *tether, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.starts += 1
        deadline = time.monotonic() + READY_S
        while not (ready := self._look()):
            code = self._process.poll()
            assert code is None, f"{self.module} ended with {code}: {self.last_words()}"
            assert time.monotonic() < deadline, f"{self.module} is not ready: {self.last_words()}"
            time.sleep(0.01)
        self.addresses = [*ready["addresses"], *([ready["metrics"]] if ready.get("metrics") else [])]

    def _keep_port(self) -> None:
        """Let nobody else take the port while it is killed and started again: bound, and free for who wants to listen."""
        if self._keeper < 0 and self._port:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", self._port))
                self._keeper = probe.detach()

    def _look(self) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(self._ready.read_text("utf-8")))
        return None

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._listen

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """It has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def serves(self) -> bool:
        """It runs, and has said that it is ready."""
        return self.runs and self._look() is not None

    def kill(self) -> None:
        """End it without a warning, as kill -9 does."""
        if self._process is not None:
            end_process(self._process, signal.SIGKILL)

    def end(self) -> None:
        """Ask it to end; make it end if it does not. It may be started again."""
        if self._process is not None:
            end_process(self._process)

    def stop(self) -> None:
        """End it for good."""
        self.end()
        if self._keeper >= 0:
            os.close(self._keeper)
            self._keeper = -1

    def most_memory(self) -> int:
        """Return the most resident memory it ever had since its start, in bytes (VmHWM)."""
        return peak_memory(self.pid)

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_bytes()[-3000:].decode(errors="replace") if self.log.exists() else "(no log)"


def wait_for_listener(address: str) -> None:
    """Wait until somebody listens at host:port; a console does a moment after its service is ready."""

    def listens() -> bool:
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
            return True
        return False

    wait_until(listens, why=f"nobody listens at {address}")


def peak_memory(pid: int) -> int:
    """Return a process's VmHWM in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def end_process(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> int:
    """End a child and wait for it; return its exit code."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_S)
    return process.returncode


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a foreign program until the context ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)
    try:
        yield process
    finally:
        end_process(process)


def wait_until(what: Callable[[], object], timeout_s: float = 30.0, why: str = "it never came true") -> None:
    """Wait until `what()` is true; fail if it never is."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.005)
