"""One accepted connection of a protocol with a dialogue (LPD, IPP, RFC 2217), served by a coroutine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine
from typing import cast

from printfabric_sim.connections.address import written
from printfabric_sim.connections.farewell import ENDED_BY, Linger
from printfabric_sim.connections.listener import Listener
from printfabric_sim.connections.socket_filter import play_dead, reset_on_close
from printfabric_sim.inlet import Inlet, Link

AFTER_THE_END = "came after the end"
_READ_LIMIT_BYTES = 16384


class ServedLink:
    """A connection with its reader and writer. `inlet` is set by the protocol while a document comes in."""

    def __init__(self, owner: DialogueListener) -> None:
        self._owner = owner
        self._frozen = False
        self._go = asyncio.Event()
        self._go.set()
        self._awake = asyncio.Event()
        self._awake.set()
        self._over = asyncio.Event()
        self._pauses: set[str] = set()  # why no document bytes are taken
        self._linger: Linger | None = None  # our FIN is out: the sender may finish, and is not answered
        self._struck = False  # by a RST of ours, or by a power cut, which ends in one
        self.inlet: Inlet | None = None
        self.reader = asyncio.StreamReader(limit=_READ_LIMIT_BYTES)
        self.writer: asyncio.StreamWriter | None = None
        self.peer = ""

    def protocol(self) -> asyncio.StreamReaderProtocol:
        """Return what the event loop talks to."""
        return asyncio.StreamReaderProtocol(self.reader, self._connected)

    @property
    def finished(self) -> bool:
        """Say whether we have ended the connection: what has come is read and told, and nothing is made of it."""
        return self._struck or self._linger is not None

    async def open_inlet(self, kind: str, job_name: str = "", link: Link | None = None) -> Inlet:
        """Return the inlet of a document that begins; after the end of the connection it is over at once."""
        self.inlet = inlet = self._owner.core.open_inlet(kind, self.peer, link or self, job_name)
        if self.finished:
            self._owner.core.end(inlet, ENDED_BY["reset" if self._struck else "fin"])
        await asyncio.sleep(0)  # what strikes when it begins strikes before its first byte
        return inlet

    def end_inlet(self, how: str = "fin") -> None:
        """The document is over."""
        if self.inlet is not None:
            self._owner.core.end(self.inlet, how)
            self.inlet = None

    async def take(self, size: int) -> bytes:
        """Return up to `size` bytes of a document, when the printer has room for them; b"" at the end."""
        await self._go.wait()
        room = self._owner.core.room(self.inlet) if self.inlet is not None else size
        data = await self.reader.read(max(1, min(size, room, _READ_LIMIT_BYTES)))
        if self._linger is not None:
            self._linger.came()
        await self._go.wait()  # what came after a stall had begun is held back with the rest
        return data

    async def pieces(self, inlet: Inlet, data: bytes) -> AsyncIterator[bytes]:
        """Yield `data`, which has been read, as the printer has room for it: none while it is held up."""
        while data:
            await self._go.wait()
            size = len(data) if inlet.ended else max(1, min(len(data), self._owner.core.room(inlet)))
            yield data[:size]
            data = data[size:]

    async def may_speak(self) -> None:
        """Wait while the printer plays dead. Raises ConnectionAbortedError if the connection is over."""
        await self._awake.wait()
        if self.finished or self.writer is None or self.writer.is_closing():
            raise ConnectionAbortedError("the printer has ended the connection")

    async def wait(self, seconds: float) -> None:
        """Let time pass, but no longer than the connection lasts."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def send(self, data: bytes) -> None:
        """Send part of the dialogue, when the printer is awake; nothing after we have ended it.

        Raises ConnectionAbortedError as `may_speak`.
        """
        if self.finished:
            return
        await self.may_speak()
        if self.writer is not None:
            self.writer.write(data)
            await self.writer.drain()

    async def throw_away(self, why: str, first: bytes = b"") -> None:
        """Nothing that comes can be understood: read it to the end of the connection, and tell it."""
        data = first or await self.take(_READ_LIMIT_BYTES)
        inlet = self._owner.core.turn_away(self._owner.kind, self.peer, why) if data else None
        while inlet is not None and data:
            self._owner.core.feed(inlet, data)
            data = await self.take(_READ_LIMIT_BYTES)

    # inlet.Link

    def pause(self) -> None:
        """Take no more document bytes."""
        self.stalled(True, "full")

    def resume(self) -> None:
        """Take document bytes again."""
        self.stalled(False, "full")

    def write(self, data: bytes) -> bool:
        """The protocol has no back channel inside a document."""
        return False

    def hears(self) -> bool:
        """Nobody does, inside a document."""
        return False

    def send_now(self, data: bytes) -> bool:
        """Send without waiting; False if it cannot be sent, or is not to be."""
        if self.writer is None or not self.open:
            return False
        self.writer.write(data)
        return True

    @property
    def open(self) -> bool:
        """Say whether anything can be sent, and is to be."""
        gone = self.writer is None or self.writer.is_closing()
        return not (gone or self._frozen or self.finished)

    def freeze(self, on: bool) -> None:
        """Play dead, or wake."""
        sock = self._socket()
        if sock is not None and on != self._frozen:
            self._frozen = on
            (self._awake.clear if on else self._awake.set)()
            play_dead(sock, on)
            self.stalled(on, "freeze")

    def lose_power(self) -> None:
        """Play dead until the RST: what the reader holds was in a memory that is gone."""
        self.freeze(True)
        self._struck = True

    def reset(self) -> None:
        """Send RST. Of what the reader holds nothing is made: the sender has to think it lost."""
        self._struck = True
        sock = self._socket()
        if sock is not None and self.writer is not None:
            play_dead(sock, False)
            reset_on_close(sock)
            self.writer.transport.abort()
        self._awake.set()
        self._go.set()
        self._over.set()

    def close(self) -> None:
        """Send FIN. What still comes is read, and told as thrown away: a RST would answer an early close."""
        if self.writer is None or self.writer.is_closing() or self.finished:
            return
        self._linger = Linger(self._owner.core, self.writer.transport)
        with contextlib.suppress(OSError):  # the sender is gone already
            self.writer.write_eof()
        self._over.set()
        self._pauses.clear()
        self._arrange()

    # listener.StreamLink

    def broken(self, how: str, drop: bool) -> None:
        """End this link: "reset" or "fin"."""
        if self.inlet is not None:
            self._owner.core.end(self.inlet, ENDED_BY[how], drop=drop)
        (self.reset if how == "reset" else self.close)()

    def stalled(self, on: bool, reason: str) -> None:
        """Stop or go on reading; bytes are taken when no reason is left."""
        if not self.finished:
            (self._pauses.add if on else self._pauses.discard)(reason)
            self._arrange()

    def _arrange(self) -> None:
        (self._go.clear if self._pauses else self._go.set)()
        if self.writer is not None and not self.writer.is_closing():
            # The reader of asyncio would fill its own buffer behind the printer's.
            transport = cast("asyncio.Transport", self.writer.transport)
            (transport.pause_reading if self._pauses else transport.resume_reading)()

    def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Coroutine[None, None, None]:
        # A link from now on, not when a task of its own begins: faults in between are meant for it.
        self.writer = writer
        self.peer = written(writer.get_extra_info("peername"))
        self._owner.link_made(self)
        return self._served(writer)

    async def _served(self, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse()
        finally:
            self.end_inlet("reset")
            await self._awake.wait()  # a dead printer sends no FIN either
            writer.close()
            self._owner.link_lost(self)

    async def _converse(self) -> None:
        try:
            await self._owner.converse(self)
        # ValueError: an endless line
        except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
            self._owner.core.event("dialogue broken", kind=self._owner.kind, error=str(error))
            self.end_inlet("reset")
        if self.finished:
            with contextlib.suppress(OSError):
                await self.throw_away(AFTER_THE_END)

    def _socket(self) -> socket.socket | None:
        if self.writer is None or self.writer.is_closing():
            return None
        sock: socket.socket | None = self.writer.get_extra_info("socket")
        return sock


class DialogueListener(Listener):
    """A listener whose connections are served by `converse`."""

    def protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol of a fresh link."""
        return ServedLink(self).protocol()

    @abstractmethod
    async def converse(self, link: ServedLink) -> None:
        """Serve one connection until it is over."""
