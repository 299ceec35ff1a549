"""One host that is here by its own connection: the local address that leads to it, and the tunnels it shall open."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from chassis import logs
from chassis.errors import FabricError
from spooler.dial_in.tunnel import CHUNK_BYTES, Tunnel

log = logs.get(__name__)

_CLAIM_S = 10.0  # how long a host has to open a tunnel that is wanted
_MOST_WANTED = 16  # tunnels of one host that it has not opened yet; a channel needs one


class Arrival:
    """A host that is here, and the local address that leads to it."""

    def __init__(self, host: str, instance: str, socket: Path) -> None:
        self.host, self.instance = host, instance
        self.address = f"unix:{socket}"
        self.why: FabricError | None = None  # it was ended by this spooler
        self.gone = asyncio.Event()
        self._socket = socket
        self._heard = asyncio.Event()
        self._unclaimed: dict[str, Tunnel] = {}
        self.carried: set[Tunnel] = set()
        self._wanted: asyncio.Queue[str | None] = asyncio.Queue(_MOST_WANTED + 1)  # None: no more
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Let this spooler's channels connect."""
        self._server = await asyncio.start_unix_server(self._connected, self._socket, limit=CHUNK_BYTES)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.gone.is_set() or self._wanted.qsize() >= _MOST_WANTED:
            writer.close()
            return
        tunnel_id = secrets.token_urlsafe(16)
        self._unclaimed[tunnel_id] = Tunnel(reader, writer)
        self._wanted.put_nowait(tunnel_id)
        asyncio.get_running_loop().call_later(_CLAIM_S, self._give_up, tunnel_id)

    def _give_up(self, tunnel_id: str) -> None:
        if (tunnel := self._unclaimed.pop(tunnel_id, None)) is not None:
            log.warning("host opens no tunnel", host=self.host, waited_s=_CLAIM_S)
            tunnel.close()

    def tell(self) -> None:
        """There are news of this spooler for the host."""
        if self._wanted.qsize() < _MOST_WANTED:
            self._wanted.put_nowait("")

    async def wanted(self) -> AsyncIterator[str]:
        """Yield the ids of tunnels that the host shall open, "" for news, until the host is gone. Raises `why`."""
        while (tunnel_id := await self._wanted.get()) is not None:
            yield tunnel_id
        if self.why is not None:
            raise self.why

    def claimed(self, tunnel_id: str) -> Tunnel | None:
        """Return a tunnel that is wanted, once; it is among `carried` until it ends."""
        tunnel = self._unclaimed.pop(tunnel_id, None)
        if tunnel is not None:
            self.carried.add(tunnel)
            tunnel.on_end = self.carried.discard
        return tunnel

    def heard(self) -> None:
        """The host has said something."""
        self._heard.set()

    async def speaks(self, within_s: float) -> bool:
        """Wait for the host to say something; return whether it did."""
        self._heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._heard.wait()
        return self._heard.is_set() and not self.gone.is_set()

    def end(self, why: FabricError | None = None) -> None:
        """Nothing is led to it any more, and its tunnels are closed. Harmless when repeated."""
        if self.gone.is_set():
            return
        self.why = why
        self.gone.set()
        self._heard.set()
        self._wanted.put_nowait(None)
        if self._server is not None:
            self._server.close()
        self._socket.unlink(missing_ok=True)
        for tunnel in (*self._unclaimed.values(), *self.carried):
            tunnel.close()
        self._unclaimed.clear()
