"""A listening TCP port with a door: refuses, waits, plays dead, accepts late, or accepts and closes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import ClassVar, Protocol

from printfabric_sim.connections.address import written
from printfabric_sim.connections.connection import Connection, Door, Reach
from printfabric_sim.connections.farewell import Farewell
from printfabric_sim.connections.socket_filter import play_dead, reset_on_close
from printfabric_sim.connections.tcp_port import TcpPort
from printfabric_sim.connections.waiting import WaitingRoom
from printfabric_sim.core import Core

_AGAIN_S = 0.2


class StreamLink(Protocol):
    """What the listener does to the connections it has accepted."""

    def freeze(self, on: bool) -> None:
        """Fall silent, or wake."""

    def lose_power(self) -> None:
        """Fall silent until the RST that comes with the power; nothing is made of what comes up to then."""

    def reset(self) -> None:
        """Send RST."""

    def broken(self, how: str, drop: bool) -> None:
        """End this link: "reset" or "fin"."""

    def stalled(self, on: bool, reason: str) -> None:
        """Stop or go on reading."""


class Listener(Connection):
    """The port of a stream protocol; a subclass says what one accepted connection is (`protocol`).

    `host` is a name or an address of either version of IP. The socket is accepted from by hand, so that connections can wait in the kernel's queue, be refused by a closed
    port, or meet a port that drops their SYN.
    """

    kind: ClassVar[str]
    reach = frozenset({Reach.LINKS, Reach.DOOR, Reach.INPUT})

    def __init__(self, core: Core, host: str, port: int, rcvbuf_bytes: int) -> None:
        super().__init__(core)
        self.host = host
        self._port = TcpPort(host, port, rcvbuf_bytes)
        self.links: set[StreamLink] = set()
        self.refuse_others = False
        self._door = Door.OPEN
        self._late_s = 0.0
        self._reading = False
        self._powered = True
        self._frozen = False
        self._stalls: set[str] = set()  # why nothing is read from any link, present or to come
        self._stopped = False
        self._tasks: dict[asyncio.Task[None], socket.socket] = {}  # those that adopt what was accepted
        self._waiting = WaitingRoom(core, self.kind)
        self._old: list[StreamLink] = []  # links from before a power cut, dead until the power is back

    @property
    def port(self) -> int:
        """The number of the port, a real one from `start` on."""
        return self._port.number

    @property
    def place(self) -> str:
        """HOST:PORT, as it is written in URLs."""
        return written((self.host, self.port))

    def protocol(self) -> asyncio.BaseProtocol:
        """Return the link for a connection that has just been accepted."""
        raise NotImplementedError

    def may_accept(self) -> bool:
        """Say whether another connection may be served."""
        return True

    async def start(self) -> None:
        """Listen; port 0 becomes a real one. Raises OSError."""
        await self._port.open(self.core.loop)
        self._read(True)

    async def stop(self) -> None:
        """Stop listening and break every link off."""
        self._stopped = True
        self._unlisten()
        for link in list(self.links):
            link.broken("reset", drop=False)
        for link in self._old:
            link.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        self._port.close()

    def door(self, mode: Door, late_s: float = 0.0) -> None:
        """Receive new connections so from now on."""
        self._door, self._late_s = mode, late_s
        self._arrange()

    def power(self, on: bool) -> None:
        """Off: every link and the port play dead. On: old links get their RST, the port listens again.

        Whoever waits to be served is no better off than a link.
        """
        self._powered = on
        if not on:
            self._hold_back()
            self._waiting.lose()
            for link in list(self.links):
                link.lose_power()
            self._old += self.links
            self.links.clear()
        else:
            for link in self._old:
                link.reset()
            self._old.clear()
            self._waiting.reset()
        self._arrange()

    def turn_out(self) -> None:
        """Send a RST to whoever waits to be served; what they have sent is lost."""
        self._hold_back()
        self._waiting.lose()
        self._waiting.reset()

    def break_links(self, how: str) -> int:
        """End every link: "reset", "fin", or with "+drop" throwing away what has not begun to move."""
        links = list(self.links)
        for link in links:
            link.broken(how.removesuffix("+drop"), how.endswith("+drop"))
        return len(links)

    def freeze(self, on: bool) -> None:
        """Every link, who waits to be served and the port itself fall silent, or wake."""
        self._frozen = on
        if on:
            self._hold_back()
        elif self._powered:
            self._waiting.wake()
        for link in list(self.links):
            link.freeze(on)
        self._arrange()

    def stall(self, on: bool, reason: str) -> None:
        """Stop or go on reading from every link, and from those that come."""
        (self._stalls.add if on else self._stalls.discard)(reason)
        for link in list(self.links):
            link.stalled(on, reason)

    def link_made(self, link: StreamLink) -> None:
        """A link has come: what holds for the others holds for it."""
        self.links.add(link)
        for reason in self._stalls:
            link.stalled(True, reason)

    def link_lost(self, link: StreamLink) -> None:
        """A link is gone: there may be room for the next."""
        self.links.discard(link)
        self._arrange()

    def _arrange(self) -> None:
        """Make the socket fit door, power and the number of links."""
        if self._stopped:
            return
        refuse = self._door is Door.REFUSE or (self.refuse_others and not self.may_accept())
        if refuse and self._powered and not self._frozen:
            self._unlisten()
            return
        if self._port.listening is None and not self._listens_again():
            return
        assert self._port.listening is not None
        dead = not self._powered or self._frozen or self._door is Door.BLACKHOLE
        play_dead(self._port.listening, dead)
        ready = not dead and not self._tasks and self.may_accept()
        if ready and self._waiting:
            self._serve(self._waiting.next())
        else:
            self._read(ready)

    def _listens_again(self) -> bool:
        """Open the port after it refused; False, and once more later, if another program has it meanwhile."""
        try:
            self._port.listen()
        except OSError as error:
            self._unlisten()
            self.core.event("port lost", kind=self.kind, port=self.port, error=str(error))
            self.core.loop.call_later(_AGAIN_S, self._arrange)
            return False
        return True

    def _unlisten(self) -> None:
        self._read(False)
        self._waiting.reset()
        self._port.refuse()

    def _read(self, on: bool) -> None:
        if self._port.listening is None or on == self._reading:
            return
        self._reading = on
        if on:
            self.core.loop.add_reader(self._port.listening, self._acceptable)
        else:
            self.core.loop.remove_reader(self._port.listening)

    def _acceptable(self) -> None:
        if self._door is Door.ACCEPT_LATE:
            self._read(False)
            self.core.loop.call_later(self._late_s, self._accept_late)
            return
        self._accept()

    def _accept_late(self) -> None:
        if self._port.listening is not None and self._powered and not self._frozen:
            self._accept()
        self._arrange()

    def _accept(self) -> None:
        if self._port.listening is None:
            return
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            self._serve(self._port.listening.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        # No other before it is known whether there is room for one.
        self._read(False)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self.core.loop.create_task(self._adopt(connection))
        self._tasks[task] = connection
        task.add_done_callback(lambda done: self._adopted(done, connection))

    async def _adopt(self, connection: socket.socket) -> None:
        """Make a link of `connection`, unless it is held back meanwhile."""
        task = asyncio.current_task()
        transport, _ = await self.core.loop.connect_accepted_socket(_Doorstep, connection)
        assert task is not None
        assert isinstance(transport, asyncio.Transport)
        # From here on it is a link: nothing may come between.
        del self._tasks[task]
        close = self._door is Door.ACCEPT_CLOSE
        if close:
            self.core.event("accepted and closed")
        protocol = Farewell(self.core, self.kind) if close else self.protocol()
        transport.set_protocol(protocol)
        transport.resume_reading()
        protocol.connection_made(transport)

    def _adopted(self, task: asyncio.Task[None], connection: socket.socket) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():  # perhaps before it had begun
            connection.close()
        self._arrange()

    def _hold_back(self) -> None:
        """Whoever is not served yet has to wait, and plays dead; for want of file descriptors they are reset."""
        self._waiting.fall_silent()
        for task, connection in self._tasks.items():
            if not task.cancelling():
                try:
                    self._waiting.put(connection.dup(), first=True)  # the task closes its own
                except OSError:
                    reset_on_close(connection)
                task.cancel()
        if self._port.listening is not None:
            try:
                self._waiting.put_all(self._port.listening)
            except OSError as error:
                self.core.event("queue reset", kind=self.kind, port=self.port, error=str(error))
                self._read(False)
                self._port.refuse()  # until it is arranged, which opens it again


class _Doorstep(asyncio.Protocol):
    """An accepted connection from which nothing is read before it is a link."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing."""
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
