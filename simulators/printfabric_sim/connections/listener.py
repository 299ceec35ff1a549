"""A listening TCP port with a door: refuses, waits, plays dead, accepts late, or accepts and closes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from typing import ClassVar, Protocol

from printfabric_sim.connections.address import written
from printfabric_sim.connections.connection import Connection, Door, Reach
from printfabric_sim.connections.farewell import Farewell
from printfabric_sim.connections.socket_filter import play_dead
from printfabric_sim.core import Core

_BACKLOG = 128
_AGAIN_S = 0.2


class StreamLink(Protocol):
    """What the listener does to the connections it has accepted."""

    def freeze(self, on: bool) -> None:
        """Fall silent, or wake."""

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
        self.port = port
        self.links: set[StreamLink] = set()
        self.refuse_others = False
        self._family, self._address = socket.AF_INET, host
        self._rcvbuf_bytes = rcvbuf_bytes
        self._socket: socket.socket | None = None
        self._keeper: socket.socket | None = None  # bound to the port, and never listens
        self._door = Door.OPEN
        self._late_s = 0.0
        self._reading = False
        self._powered = True
        self._frozen = False
        self._stalls: set[str] = set()  # why nothing is read from any link, present or to come
        self._stopped = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._old: list[StreamLink] = []  # links from before a power cut, dead until the power is back

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
        found = await self.core.loop.getaddrinfo(
            self.host or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # A name that has addresses of both versions is meant as IPv4, as it always was.
        best = min(found, key=lambda each: each[0] != socket.AF_INET)
        self._family, self._address = best[0], str(best[4][0])
        try:
            self._keep_port()
            self._listen()
        except OSError:
            self._let_go()
            raise

    async def stop(self) -> None:
        """Stop listening and break every link off."""
        self._stopped = True
        self._unlisten()
        for link in list(self.links):
            link.broken("reset", drop=False)
        for link in self._old:
            link.reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        self._let_go()

    def door(self, mode: Door, late_s: float = 0.0) -> None:
        """Receive new connections so from now on."""
        self._door, self._late_s = mode, late_s
        self._arrange()

    def power(self, on: bool) -> None:
        """Off: every link and the port play dead. On: old links get their RST, the port listens again."""
        self._powered = on
        if not on:
            for link in list(self.links):
                link.freeze(True)
            self._old += self.links
            self.links.clear()
        else:
            for link in self._old:
                link.reset()
            self._old.clear()
        self._arrange()

    def break_links(self, how: str) -> int:
        """End every link: "reset", "fin", or with "+drop" throwing away what has not begun to move."""
        links = list(self.links)
        for link in links:
            link.broken(how.removesuffix("+drop"), how.endswith("+drop"))
        return len(links)

    def freeze(self, on: bool) -> None:
        """Every link and the port itself fall silent, or wake."""
        self._frozen = on
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
        if self._frozen:
            link.freeze(True)
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
        if self._socket is None and not self._listens_again():
            return
        assert self._socket is not None
        dead = not self._powered or self._frozen or self._door is Door.BLACKHOLE
        play_dead(self._socket, dead)
        self._read(not dead and self.may_accept())

    def _listens_again(self) -> bool:
        """Open the port after it refused; False, and once more later, if another program has it meanwhile."""
        try:
            self._listen()
        except OSError as error:
            self._unlisten()
            self.core.event("port lost", kind=self.kind, port=self.port, error=str(error))
            self.core.loop.call_later(_AGAIN_S, self._arrange)
            return False
        return True

    def _keep_port(self) -> None:
        """Bind a second socket that never listens: the port stays ours while it refuses, and answers RST.

        Linux lets two sockets with SO_REUSEADDR have one port while at most one listens; the kernel gives it to nobody
        who asks for any port. Elsewhere the port is free while it refuses.
        """
        if not sys.platform.startswith("linux"):
            return
        self._keeper = socket.socket(self._family, socket.SOCK_STREAM)
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._keeper.bind((self._address, self.port))
        self.port = self._keeper.getsockname()[1]

    def _reserve(self, on: bool) -> None:
        """While it refuses, no other program may listen there even if it asks for this very port."""
        if self._keeper is not None:
            self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0 if on else 1)

    def _let_go(self) -> None:
        for sock in (self._socket, self._keeper):
            if sock is not None:
                sock.close()
        self._socket = self._keeper = None

    def _listen(self) -> None:
        self._reserve(False)
        self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._rcvbuf_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._rcvbuf_bytes)
        self._socket.setblocking(False)
        self._socket.bind((self._address, self.port))
        self._socket.listen(_BACKLOG)
        self.port = self._socket.getsockname()[1]
        self._read(True)

    def _unlisten(self) -> None:
        self._read(False)
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._reserve(True)

    def _read(self, on: bool) -> None:
        if self._socket is None or on == self._reading:
            return
        self._reading = on
        if on:
            self.core.loop.add_reader(self._socket, self._acceptable)
        else:
            self.core.loop.remove_reader(self._socket)

    def _acceptable(self) -> None:
        if self._door is Door.ACCEPT_LATE:
            self._read(False)
            self.core.loop.call_later(self._late_s, self._accept_late)
            return
        self._accept()

    def _accept_late(self) -> None:
        if self._socket is not None and self._powered and not self._frozen:
            self._accept()
        self._arrange()

    def _accept(self) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            connection, _ = self._socket.accept()
            # Not before it is known whether there is room for another.
            self._read(False)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            close = self._door is Door.ACCEPT_CLOSE
            if close:
                self.core.event("accepted and closed")
            protocol = self._farewell if close else self.protocol
            task: asyncio.Task[object] = self.core.loop.create_task(self._adopt(connection, protocol))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._adopted(done, connection))

    def _adopted(self, task: asyncio.Task[object], connection: socket.socket) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # perhaps before it had begun
            connection.close()

    def _farewell(self) -> Farewell:
        return Farewell(self.core, self.kind)

    async def _adopt(self, connection: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        await self.core.loop.connect_accepted_socket(protocol, connection)
        self._arrange()
