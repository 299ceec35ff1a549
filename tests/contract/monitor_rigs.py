"""The peers of port monitors: a rig for each type, which records what arrives and can be told to misbehave."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
import tty
from pathlib import Path
from typing import Any

import pytest

from tests.contract.ipp_rig import IppRig
from tests.contract.network_rigs import LprRig, RawRig
from tests.contract.peer import Rig, settle, wait_for
from tests.contract.sample_rig import SampleRig

__all__ = [
    "RIGS",
    "FifoRig",
    "FileColonRig",
    "FileRig",
    "IppRig",
    "LprRig",
    "RawRig",
    "Rig",
    "SampleRig",
    "SerialRig",
    "SimRig",
    "name_of",
    "only",
    "settle",
    "wait_for",
]


class _ReaderRig(Rig):
    """A peer that reads one descriptor."""

    def _begin(self, fd: int) -> None:
        self._fd, self._got, self._ended = fd, bytearray(), False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ended:
            self._flow.wait()
            ready, _, _ = select.select([self._fd], [], [], 0.02)
            if ready and self._flow.is_set() and not self._ended:
                try:
                    self._got += os.read(self._fd, 65536)
                except OSError:
                    time.sleep(0.01)  # a pty whose other side is closed says EIO until it is opened again

    def received(self, size: int = 0) -> bytes:
        settle(lambda: len(self._got), size)
        return bytes(self._got)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._flow.set()
            self._thread.join(5)
            os.close(self._fd)

    def stop(self) -> None:
        self._end()


class SerialRig(_ReaderRig):
    """A printer on a serial line: the master side of a pty."""

    scheme, port, answers = "serial", "COM1:", True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._connect()

    def _connect(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.before = termios.tcgetattr(slave)
        # One slave descriptor stays open, as a real line stays there whether somebody uses it or not.
        self._slave = slave
        self._begin(master)

    def settings(self) -> dict[str, Any]:
        return {"device": self.path, "baud": 115200}

    def break_off(self) -> None:
        self._end()
        os.close(self._slave)

    def mend(self) -> None:
        self._connect()

    def say(self, data: bytes) -> None:
        os.write(self._fd, data)

    def stop(self) -> None:
        if not self._ended:
            self._end()
            os.close(self._slave)


class FifoRig(_ReaderRig):
    """A character device by way of a FIFO."""

    scheme, port, ended_by_break = "device", "LPT1:", False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "fifo"
        os.mkfifo(self.path)
        self.mend()

    def settings(self) -> dict[str, Any]:
        return {"device": str(self.path)}

    def break_off(self) -> None:
        self._end()

    def mend(self) -> None:
        self._begin(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))


class FileRig(Rig):
    """A file in the sandbox: nobody reads, nothing stalls, the last document stands."""

    scheme, port, stalls, breaks = "file", "out/labels.zpl", False, False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "files" / "out" / "labels.zpl"
        self.path.parent.mkdir(parents=True)
        self._before = b""

    def settings(self) -> dict[str, Any]:
        return {}

    def received(self, size: int = 0) -> bytes:
        """Return the file; documents replace each other here, so a test keeps the ones it wants."""
        return self.path.read_bytes() if self.path.exists() else b""


class FileColonRig(FileRig):
    """`FILE:`, whose documents bring their names."""

    port, output_file, known_as = "FILE:", "out/labels.zpl", "FILE:"


class SimRig(Rig):
    """Nobody is at the other end; the record is a file."""

    scheme, port, stalls, breaks = "sim", "SIM1", False, False  # its faults are settings: test_monitor_sim

    def settings(self) -> dict[str, Any]:
        return {"record": True}

    def received(self, size: int = 0) -> bytes:
        """Return the record."""
        return (self.folder / "files" / "sim" / "SIM1.prn").read_bytes()


RIGS = [RawRig, LprRig, IppRig, SerialRig, FifoRig, FileRig, FileColonRig, SimRig, SampleRig]


def name_of(rig: type[Rig]) -> str:
    """Return what a test of this peer's port is called by."""
    return rig.known_as or rig.scheme


def only(ability: str) -> pytest.MarkDecorator:
    """Run a test for the ports whose device can do this: a file cannot stall."""
    able = [rig for rig in RIGS if getattr(rig, ability)]
    return pytest.mark.parametrize("rig", able, indirect=True, ids=name_of)
