"""One TCP connection to a printer, as the ports of network printers use it: made, filled, proven and ended here."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Sequence

from chassis.errors import DeviceFault, FabricError, WriteTimeout
from portmon.device_wait import READ
from portmon.document import FAR_BUFFER_BYTES
from portmon.monitor import OpenContext
from portmon.tcp import connection as tcp
from portmon.tcp.dial import TcpDial
from portmon.tcp.redial import Redial


class TcpLink:
    """A connection that is made anew for each document or kept; belongs to the port's thread.

    `open`: the peer may still send. `sent`: bytes given to the kernel. `window_bytes`: the largest window the peer has
    shown, which is what it may have acknowledged and not read. `transmitted`: how many bytes of this connection may have
    left this host; None while the kernel goes on sending, or where it does not tell.
    """

    def __init__(
        self,
        context: OpenContext,
        host: str,
        port: int,
        connect_timeout_s: float,
        source_ports: Sequence[int] = (),
    ) -> None:
        self.open = False
        self.sent = 0
        self.window_bytes = 0
        self.transmitted: int | None = None
        self._context = context
        dial = TcpDial(context, host, port, connect_timeout_s, source_ports)
        self.where = dial.where
        self._redial = Redial(context, dial)
        self._socket: socket.socket | None = None
        self._acked = 0
        self._all_sent = False  # nothing more will be sent, for now
        self._finished = False  # our side is closed: it was said that nothing more comes
        self._closed_early = False  # the peer closed its side while something was on its way to it
        self._end_is_here = False  # the peer's FIN or reset, as it was seen last

    @property
    def connected(self) -> bool:
        """Whether there is a connection; its peer may have closed its side."""
        return self._socket is not None

    def fileno(self) -> int | None:
        """Return the descriptor to poll."""
        return None if self._socket is None else self._socket.fileno()

    def connect(self) -> None:
        """Make a new connection. Raises what `TcpDial.connect` raises."""
        self.drop()
        self._socket, self.open = self._redial.connect(), True
        self.sent = self._acked = 0
        self.transmitted = None
        self._all_sent = self._finished = self._closed_early = self._end_is_here = False
        self.acked()  # its window is widest before anything is sent

    def look_after(self) -> float | None:
        """Between documents: see `Redial.look_after`."""
        return self._redial.look_after()

    # --- using it

    def send(self, data: memoryview | bytes) -> int:
        """Give bytes to the kernel; 0 when it takes none now.

        Raises:
            DeviceFault: the connection broke, or there is none.
        """
        if self._socket is None:
            raise DeviceFault(f"port {self._context.port}: not connected to {self.where}")
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self.broken(error) from error
        self.sent += count
        self._all_sent = False
        return count

    def recv(self, size: int) -> bytes:
        """Return what came, b"" when nothing did; `open` tells whether more may come.

        Raises:
            DeviceFault: the connection broke.
        """
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.open = False
            raise self.broken(error) from error
        if not data:
            self.open = False
        return data

    def acked(self) -> int:
        """Return how many bytes of this connection the peer's TCP has; still known after it is gone. Never fails.

        What is acknowledged behind the peer's own close does not count: a peer that closes before it has everything
        reads on only to throw away.
        """
        self._measure()
        return self._acked

    def _measure(self, *, reset: bool = False) -> None:
        """Ask the kernel; `reset`: the peer broke the connection off, and had not closed its side before."""
        if self._socket is None:
            return
        try:
            info = tcp.info(self._socket)
        except OSError:
            return
        reached = min(info.acked or 0, self.sent)
        # Both may close at the same moment, when nothing is left to send or to acknowledge.
        crossed = self._all_sent and reached == self.sent
        self._closed_early = self._closed_early or (info.peer_closed and not crossed)
        if not self._closed_early and (self._finished or reset or not info.over):
            self._acked = max(self._acked, reached)
        self._end_is_here = info.peer_closed or info.over
        if info.window is not None:
            self.window_bytes = max(self.window_bytes, info.window)
        if info.over and info.unsent is not None:
            # Nothing leaves any more. The FIN comes last, so it is among what did not leave, if anything is.
            self.transmitted = min(self.sent, max(0, self.sent + self._finished - info.unsent))

    @property
    def far_buffer_bytes(self) -> int:
        """How many acknowledged bytes the peer's kernel may still lose."""
        return self.window_bytes or FAR_BUFFER_BYTES

    def broken(self, error: OSError) -> FabricError:
        """Say that the connection is gone, with what TCP knows about it before it is closed."""
        # EPIPE is what a reset behind the peer's orderly close is called.
        self._measure(reset=error.errno != errno.EPIPE)
        text = "the printer, or something on the way to it, broke off the connection"
        return DeviceFault(
            f"port {self._context.port}: {text} ({self.where}: {error.strerror or error})",
            port=self._context.port,
            device=self.where,
            acked=self.acked(),
            errno=errno.errorcode.get(error.errno or 0, "?"),
        )

    # --- ending it

    def check(self) -> None:
        """See that the peer has neither broken the connection off nor closed its side too early. Raises DeviceFault."""
        self._measure()
        if self._end_is_here:
            self._raise_reset()
        if self._closed_early:
            raise self.broken(ConnectionResetError(errno.ECONNRESET, "closed by the printer too early"))

    def finish(self) -> None:
        """Say that nothing more will be sent. Raises DeviceFault."""
        assert self._socket is not None
        if not self._finished:
            self.check()
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._all_sent = self._finished = True
        except OSError as error:
            raise self.broken(error) from error

    def await_acks(self, size: int, timeout_s: float, received: Callable[[bytes], None]) -> None:
        """Wait until the peer's TCP has `size` bytes; its window may be shut for long (paper), progress counts.

        Raises:
            WriteTimeout: nothing was acknowledged for `timeout_s`. DeviceFault: the connection broke, or was closed by
                the peer before it had everything.
        """
        self._all_sent = True
        wait, pause = self._context.wait, 0.0005
        acked, deadline = self.acked(), time.monotonic() + timeout_s
        while acked < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WriteTimeout(
                    f"port {self._context.port}: {self.where} acknowledged nothing for {timeout_s:g} s",
                    port=self._context.port,
                    acked=acked,
                )
            if not self.open:
                wait.pause(min(pause, left))
                self.check()
            elif wait.wait(self.fileno(), READ, min(pause, left)):
                self.take(received)
            pause = min(pause * 2, 0.05)
            before, acked = acked, self.acked()
            if acked > before:
                deadline = time.monotonic() + timeout_s

    def await_close(self, timeout_s: float, received: Callable[[bytes], None]) -> bool:
        """Wait for the peer's FIN; False when it does not come. A reset says that somebody did not read to the end."""
        deadline = time.monotonic() + timeout_s
        while self.open:
            # Looked at once more when the time is over: this process may have been stopped meanwhile.
            left = max(0.0, deadline - time.monotonic())
            here, self._end_is_here = self._end_is_here, False
            if here or self._context.wait.wait(self.fileno(), READ, left):
                self.take(received)
            elif not left:
                return False
        return True

    @property
    def proven(self) -> bool:
        """Whether the peer's TCP has all that will ever be sent: there is nothing more to ask about."""
        return self._finished and self._acked == self.sent

    def take(self, received: Callable[[bytes], None]) -> None:
        """Hand over what came. Raises DeviceFault."""
        data = self.recv(65536)
        if data:
            received(data)
        elif not self.open:
            self._raise_reset()

    def _raise_reset(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self._socket is not None else 0
        if code:
            raise self.broken(OSError(code, os.strerror(code)))

    def reset(self) -> None:
        """Break it off, so that the kernel sends nothing more behind our back. Never fails."""
        if self._socket is not None:
            self.acked()
            tcp.reset_when_closed(self._socket)
            self.drop()

    def close(self) -> None:
        """Close it, and make none any more. Never fails."""
        self.drop()
        self._redial.close()

    def drop(self) -> None:
        """Close it. Never fails."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.open = False
