"""Ends a TCP connection with a FIN and nothing else: an early close would answer what still comes with a RST."""

from __future__ import annotations

import asyncio

from printfabric_sim.connections.address import written
from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

# So long after the last byte from the sender the connection is closed altogether.
LINGER_S = 1.0
# What a break makes of the inlet: a FIN of ours is no orderly end, which only the sender can give.
ENDED_BY = {"reset": "reset", "fin": "closed"}


class Linger:
    """Closes a transport when nothing has come for `LINGER_S`."""

    def __init__(self, core: Core, transport: asyncio.BaseTransport) -> None:
        self._loop = core.loop
        self._transport = transport
        self._last = core.loop.time()
        self._loop.call_later(LINGER_S, self._look)

    def came(self) -> None:
        """The sender goes on sending: wait on."""
        self._last = self._loop.time()

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        quiet = self._loop.time() - self._last
        if quiet >= LINGER_S:
            self._transport.close()
        else:
            self._loop.call_later(LINGER_S - quiet, self._look)


class Farewell(asyncio.Protocol):
    """A connection that gets a FIN at once; what comes on it is thrown away, and told, until the sender ends it too."""

    def __init__(self, core: Core, kind: str) -> None:
        self._core = core
        self._kind = kind
        self._linger: Linger | None = None
        self._inlet: Inlet | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say goodbye."""
        assert isinstance(transport, asyncio.Transport)
        peer = written(transport.get_extra_info("peername"))
        self._inlet = self._core.turn_away(self._kind, peer, "came to a closed door")
        transport.write_eof()
        self._linger = Linger(self._core, transport)

    def data_received(self, data: bytes) -> None:
        """Throw it away."""
        assert self._linger is not None
        assert self._inlet is not None
        self._core.feed(self._inlet, data)
        self._linger.came()
