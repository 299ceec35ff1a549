"""LPrint beside us: Michael Sweet's label printer application, in C, with a thread for each printer that prints.

It listens on all addresses whatever it is told (1.1.0), so it is measured only in a network of the benchmark's own.
It loses jobs that it has accepted, and prints others twice: an idle printer's thread may begin before the document's file
has its name ("Unable to open print file '(null)'" in its log, and the job is aborted). Both are counted.
Its queues are EPL2 printers because those are the ones it asks nothing before it prints; the bytes go out as they came.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.bench.ipp_peer import IppPeer
from tests.bench.process import BenchError
from tests.bench.system import Devices

_DRIVER = "epl2_4inch-203dpi-dt"
_CONTROL = Path("/run/lprint.sock")  # of a server that root runs, whatever its settings


class LPrint(IppPeer):
    """One LPrint server with the queues `q0`, `q1`, …."""

    name = "LPrint"
    durability = "none: nothing is synced"
    exact = False
    pools = False
    path = "/ipp/print/{}"
    document_format = "application/vnd.eltron-epl"
    network = ""  # why there is no network of its own; set by the program

    def __init__(self, folder: Path, devices: Devices, printers: int) -> None:
        super().__init__(folder)
        folder.mkdir()
        self._make_folders()
        # Its state file is in the home, the socket of a server that is not root's in the temporary directory.
        self._environment = {**os.environ, "HOME": str(folder / "home"), "TMPDIR": str(folder)}
        self._device = f"socket://127.0.0.1:{devices.receiving}"
        self._printers = printers
        self._made = 0

    @classmethod
    def why_not(cls) -> str:
        """Return why it cannot be measured here; empty when it can."""
        if shutil.which("lprint") is None:
            return "LPrint is not installed here"
        if os.geteuid() == 0 and _answers(_CONTROL):
            return f"another LPrint runs here, and a second would take its socket {_CONTROL}"
        return cls.network

    async def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {
            "server-port": self.port,
            "listen-hostname": "localhost",
            "spool-directory": self.folder / "spool",
            "log-file": self.folder / "lprint.log",
            "log-level": "warn",
        }
        command = ["lprint", "server"]
        for key, value in options.items():
            command += ["-o", f"{key}={value}"]
        await self.begin("lprint", command, self._environment)

    def _make_folders(self) -> None:
        for each in ("home", "spool"):
            (self.folder / each).mkdir()

    async def renew(self) -> None:
        """Begin anew after it broke, with nothing of what it had: how much of its state file is true nobody knows."""
        await self.close()
        for each in ("home", "spool"):
            shutil.rmtree(self.folder / each)
        self._make_folders()
        self._made = 0
        await self.start()

    async def make_queues(self) -> None:
        """Make the queues, the first time; a program's call for each. It remembers them."""
        for number in range(self._made, self._printers):
            await asyncio.to_thread(self._add_queue, f"q{number}")
        self._made = self._printers

    def _add_queue(self, name: str) -> None:
        server = f"ipp://localhost:{self.port}/ipp/system"
        command = ["lprint", "add", "-u", server, "-d", name, "-v", self._device, "-m", _DRIVER]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)}: {done.stderr.strip()}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        return peer.connect_ex(str(path)) == 0
