"""Raw TCP, the port 9100 of "standard TCP/IP": bytes in, status bytes out on the same connection."""

from __future__ import annotations

import asyncio
import socket

from printfabric_sim.connections.address import written
from printfabric_sim.connections.connection import Reach
from printfabric_sim.connections.farewell import ENDED_BY, Linger
from printfabric_sim.connections.listener import Listener
from printfabric_sim.connections.socket_filter import play_dead, reset_on_close
from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

# All links of a process read into one buffer: they run on one loop, and a read is consumed before the next.
_SCRATCH = memoryview(bytearray(262144))


class TcpConnection(Listener):
    """A listening port; `simultaneous` connections are served, the others wait unaccepted or are refused.

    `rcvbuf_bytes` is the kernel's receive buffer of a connection (0: the kernel's own choice, which grows to
    megabytes): what it holds has been acknowledged to the sender and not been seen by the printer.
    """

    kind = "tcp"
    reach = Listener.reach | {Reach.BACK}

    def __init__(
        self,
        core: Core,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        simultaneous: int = 1,
        refuse_others: bool = False,
        rcvbuf_bytes: int = 65536,
    ) -> None:
        super().__init__(core, host, port, rcvbuf_bytes)
        self.simultaneous = simultaneous
        self.refuse_others = refuse_others

    def address(self) -> dict[str, object]:
        """Return {"tcp": port}."""
        return {"tcp": self.port}

    def protocol(self) -> asyncio.BufferedProtocol:
        """Return the link for a connection that has just been accepted."""
        return _TcpLink(self)

    def may_accept(self) -> bool:
        """Say whether another connection may be served."""
        return len(self.links) < self.simultaneous


class _TcpLink(asyncio.BufferedProtocol):
    """One accepted connection."""

    def __init__(self, owner: TcpConnection) -> None:
        self._owner = owner
        self._core = owner.core
        self._transport: asyncio.Transport | None = None
        self._inlet: Inlet | None = None
        self._frozen = False
        self._linger: Linger | None = None  # our FIN is out
        self._out = False  # all that was sent is on paper

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._inlet = self._core.open_inlet("tcp", written(peer), self)
        self._owner.link_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        assert self._inlet is not None
        return _SCRATCH[: max(1, min(len(_SCRATCH), self._core.room(self._inlet)))]

    def buffer_updated(self, nbytes: int) -> None:
        assert self._inlet is not None
        if self._linger is not None:
            self._linger.came()
        self._core.feed(self._inlet, bytes(_SCRATCH[:nbytes]))

    def eof_received(self) -> bool:
        """The sender is through. Its side stays open for status until all it sent is printed, then we close too."""
        assert self._inlet is not None
        self._inlet.on_done = self._all_out
        self._core.end(self._inlet, "fin")
        return self._linger is None  # else both are through, and the transport closes

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._inlet is not None
        try:
            # Without an error and before the sender's end it was us: the simulator stops while it accepts.
            self._core.end(self._inlet, "reset" if exc is not None else ENDED_BY["fin"])
        finally:
            self._owner.link_lost(self)

    # inlet.Link

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> bool:
        if self._transport is None or not self.hears():
            return False
        self._transport.write(data)
        return True

    def hears(self) -> bool:
        """Whoever is connected does, unless the printer plays dead or has said good-bye."""
        gone = self._transport is None or self._transport.is_closing()
        return not (gone or self._frozen or self._linger)

    def freeze(self, on: bool) -> None:
        sock = self._socket()
        if sock is None or self._inlet is None or on == self._frozen:
            return
        self._frozen = on
        play_dead(sock, on)
        self._core.intake.set_paused(self._inlet, on, "freeze")
        if not on and self._out:
            self.close()

    def lose_power(self) -> None:
        self.freeze(True)

    def reset(self) -> None:
        sock = self._socket()
        if sock is not None and self._transport is not None:
            play_dead(sock, False)
            reset_on_close(sock)
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _all_out(self, whole: bool) -> None:
        """The sender is through, and so are we; a printer without power says nothing."""
        self._out = True
        if not self._frozen:  # else when it wakes
            self.close()

    # faults, through the listener

    def broken(self, how: str, drop: bool) -> None:
        """End this link: "reset" or "fin"."""
        assert self._inlet is not None
        self._core.end(self._inlet, ENDED_BY[how], drop=drop)
        if how == "reset":
            self.reset()
        elif self._transport is not None and not self._transport.is_closing() and self._linger is None:
            self._transport.write_eof()
            self._linger = Linger(self._core, self._transport)
            self._inlet.pauses.clear()
            self.resume()

    def stalled(self, on: bool, reason: str) -> None:
        """Stop or go on reading."""
        assert self._inlet is not None
        self._core.intake.set_paused(self._inlet, on, reason)

    def _socket(self) -> socket.socket | None:
        if self._transport is None or self._transport.is_closing():
            return None
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        return sock
