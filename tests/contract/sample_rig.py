"""The peer of the sample port monitor, which comes from a distribution of its own and is in the suite as every other."""

from __future__ import annotations

import socket
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from portmon.registry import GROUP
from tests.contract.network_rigs import RawRig

_SOURCE = Path(__file__).parent / "statements" / "sample_port_monitor" / "src"


def sample_entry() -> EntryPoint:
    """Return the sample's entry point, as if its distribution were installed."""
    if str(_SOURCE) not in sys.path:
        sys.path.append(str(_SOURCE))
    return EntryPoint("unix", "sample_port_monitor:UnixMonitor", GROUP)


class SampleRig(RawRig):
    """A printer at a Unix socket, one connection for each document."""

    scheme, port, answers = "unix", "SOCK1", False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.others = [sample_entry()]

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / "printer.sock"))
        return listener

    def settings(self) -> dict[str, Any]:
        return {"path": self.address}
