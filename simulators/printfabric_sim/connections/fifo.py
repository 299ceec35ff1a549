"""A character device with no way back, played by a FIFO: what `/dev/lp0` is to a program that only writes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from printfabric_sim.connections.connection import Connection, Reach
from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

_READ_BYTES = 65536


class FifoConnection(Connection):
    """A FIFO at `path`. It is open for reading as long as the printer has power, so writers never wait for a reader.

    A writer stalls when the printer's buffer and the FIFO's (64 KiB in Linux) are full. Who wrote cannot be told: all
    bytes come through one inlet.
    """

    reach = frozenset({Reach.INPUT, Reach.NODE})

    def __init__(self, core: Core, path: Path) -> None:
        super().__init__(core)
        self.path = path
        self._fd = -1
        self._inlet: Inlet | None = None
        self._reading = False
        self._pauses: set[str] = set()  # why nothing is read
        self._generation = 0
        self._stopped = False

    def address(self) -> dict[str, object]:
        """Return {"fifo": path}."""
        return {"fifo": str(self.path)}

    async def start(self) -> None:
        """Make the FIFO."""
        self._open()

    async def stop(self) -> None:
        """Remove it."""
        self._stopped = True
        self._close()

    def pause(self) -> None:
        """Read no more."""
        self._hold(True, "full")

    def resume(self) -> None:
        """Read again."""
        self._hold(False, "full")

    def write(self, data: bytes) -> bool:
        """There is no way back."""
        return False

    def hears(self) -> bool:
        """Nobody does."""
        return False

    def reset(self) -> None:
        """A FIFO cannot be reset."""

    def close(self) -> None:
        """A FIFO cannot be closed from the printer's side."""

    def break_links(self, how: str) -> int:
        """There is no connection; with "+drop" the buffer is lost, which counts as one if it held anything."""
        if not how.endswith("+drop") or self._inlet is None:
            return 0
        return 1 if self.core.intake.drop(self._inlet) else 0

    def freeze(self, on: bool) -> None:
        """Read no more."""
        self._hold(on, "freeze")

    def stall(self, on: bool, reason: str) -> None:
        """Read no more."""
        self._hold(on, reason)

    def power(self, on: bool) -> None:
        """Without power nothing is taken; what waits in the FIFO is the host's and survives."""
        self._inlet = None
        self._pauses.discard("full")
        if on and self._fd >= 0:
            self._inlet = self.core.open_inlet("device", str(self.path), self)
        self._hold(not on, "power")

    def vanish(self, on: bool, new_name: bool) -> None:
        """Take the node away: writers get EPIPE; it comes back, as `-1`, `-2` … if renamed."""
        if on:
            self._close()
        elif self._fd < 0 and not self._stopped:
            if new_name:
                stem = self.path.name.rsplit("-", 1)[0] if self._generation else self.path.name
                self._generation += 1
                self.path = self.path.with_name(f"{stem}-{self._generation}")
            self.come_back(self._open, self._close)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.mkfifo(self.path)
        except FileExistsError as error:
            raise FileExistsError(
                f"{self.path} is there already; remove it if an earlier run has left it"
            ) from error
        # Read and write: the FIFO then never reports its end when a writer goes.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self._pauses.discard("full")
        self._inlet = self.core.open_inlet("device", str(self.path), self)
        self._read(not self._pauses)

    def _close(self) -> None:
        if self._fd < 0:
            return
        self._read(False)
        self._unlink()
        if self._inlet is not None:
            self.core.end(self._inlet, "hangup")
        os.close(self._fd)
        self._fd = -1

    def _unlink(self) -> None:
        """Remove the node, if it is still the one that was made."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self.path.lstat(), os.fstat(self._fd)):
                self.path.unlink()

    def _hold(self, on: bool, reason: str) -> None:
        """Add or take away a reason not to read."""
        (self._pauses.add if on else self._pauses.discard)(reason)
        self._read(not self._pauses)

    def _read(self, on: bool) -> None:
        if self._fd < 0 or on == self._reading:
            return
        self._reading = on
        if on:
            self.core.loop.add_reader(self._fd, self._readable)
        else:
            self.core.loop.remove_reader(self._fd)

    def _readable(self) -> None:
        if self._inlet is None:
            return
        size = max(1, min(_READ_BYTES, self.core.room(self._inlet)))
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return
        self.core.feed(self._inlet, data)
