"""Debian's ser2net: a serial line behind a TCP port, as on a Raspberry Pi beside a printer."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.rig.programs import running, wait_until
from tests.rig.receivers import PtyReceiver
from tests.surroundings import free_port, require_tool

_CONFIG = """
connection: &printer
  accepter: tcp,127.0.0.1,{port}
  connector: serialdev,{device},115200n81,local
  options:
    kickolduser: false
"""


class SerialBehindTcp(PtyReceiver):
    """A serial printer that is reached through ser2net; to the fabric it is a raw TCP port."""

    monitor = "raw"

    def __init__(self, port: str, address: tuple[str, int]) -> None:
        super().__init__(port)
        self.address = address

    @property
    def settings(self) -> dict[str, Any]:
        # With its last connection ser2net closes the line, and throws away what the line has not let through.
        return {"host": self.address[0], "port": self.address[1], "connection": "kept"}


@contextlib.contextmanager
def ser2net(port: str, folder: Path) -> Iterator[SerialBehindTcp]:
    """Run ser2net before a pty until the context ends."""
    program = require_tool("ser2net")
    receiver = SerialBehindTcp(port, ("127.0.0.1", free_port()))
    config = folder / "ser2net.yaml"
    config.write_text(_CONFIG.format(port=receiver.address[1], device=receiver.device))
    with running([program, "-n", "-d", "-u", "-c", str(config)], folder / "ser2net.log"):
        wait_until(lambda: _answers(receiver.address), why="ser2net does not start")
        yield receiver


def _answers(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address, 1):
        return True
    return False
