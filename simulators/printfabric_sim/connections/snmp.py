"""Status by SNMP v1 and v2c: Host Resources MIB (RFC 2790) and Printer MIB v2 (RFC 3805), for reading only.

Messages are pysnmp's; the tree is a sorted table made anew for every request, so that an agent costs nothing while nobody asks.
"""

from __future__ import annotations

import asyncio
import bisect
import time
from collections.abc import Callable
from typing import Any, cast

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]
from pysnmp.proto import api  # type: ignore[import-untyped]

from printfabric_sim.connections.connection import Connection, Reach
from printfabric_sim.connections.snmp_tree import Entry, Oid, printer_tree
from printfabric_sim.core import Core

_MAX_ROWS = 64


class SnmpConnection(Connection):
    """An SNMP agent on a UDP port. `community` is what requests must name."""

    reach = frozenset({Reach.AGENT})

    def __init__(self, core: Core, host: str = "127.0.0.1", port: int = 0, community: str = "public") -> None:
        super().__init__(core)
        self.host = host
        self.port = port
        self.community = community
        self._start = time.monotonic()
        self._transport: asyncio.DatagramTransport | None = None
        self._deaf: set[str] = set()  # why there is no answer

    def address(self) -> dict[str, object]:
        """Return {"snmp": port}."""
        return {"snmp": self.port}

    async def start(self) -> None:
        """Open the UDP port."""
        self._transport, _ = await self.core.loop.create_datagram_endpoint(
            lambda: _Agent(self), local_addr=(self.host, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    async def stop(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)

    def power(self, on: bool) -> None:
        """Without power there is no answer."""
        (self._deaf.discard if on else self._deaf.add)("power")
        self._start = time.monotonic()

    def freeze(self, on: bool) -> None:
        """Fall silent, or wake."""
        (self._deaf.add if on else self._deaf.discard)("freeze")

    def answers(self, datagram: bytes) -> list[tuple[float, bytes]]:
        """Return what becomes of the response to a request: (delay in seconds, datagram) each; nothing is silence."""
        uptime = self._uptime()
        if self._deaf or (true := self._response(datagram, uptime)) is None:
            return []
        return self.core.watcher.replies(true, lambda _true: self._response(datagram, uptime, untrue=True))

    def _response(self, datagram: bytes, uptime: int, *, untrue: bool = False) -> bytes | None:
        """Return the response; None where none is due."""
        try:
            version = api.decodeMessageVersion(datagram)
            if version not in api.PROTOCOL_MODULES:
                return None
            module: Any = api.PROTOCOL_MODULES[version]
            request, _ = decoder.decode(datagram, asn1Spec=module.Message())
        except (PyAsn1Error, TypeError):  # TypeError: what pyasn1 0.6 makes of a tag that belongs elsewhere
            return None
        if bytes(module.apiMessage.get_community(request)) != self.community.encode():
            return None
        response = module.apiMessage.get_response(request)
        _fill(module, version, request, response, printer_tree(self.core, uptime, untrue=untrue))
        return bytes(encoder.encode(response))

    def _uptime(self) -> int:
        return int((time.monotonic() - self._start) * 100)


class _Agent(asyncio.DatagramProtocol):
    """The UDP side of the agent."""

    def __init__(self, owner: SnmpConnection) -> None:
        self._owner = owner
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The selector loop's transport is one without inheriting from the class.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        for delay, answer in self._owner.answers(data):
            if delay > 0:
                self._owner.core.loop.call_later(delay, self._send, answer, addr)
            else:
                self._send(answer, addr)

    def _send(self, answer: bytes, addr: tuple[str | Any, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)


def _fill(module: Any, version: int, request: Any, response: Any, table: list[tuple[Oid, Entry]]) -> None:
    """Put the answers to GET, GETNEXT or GETBULK into `response`."""
    asked = module.apiMessage.get_pdu(request)
    pdu = module.apiMessage.get_pdu(response)
    wanted = [tuple(oid) for oid, _ in module.apiPDU.get_varbinds(asked)]
    oids = [oid for oid, _ in table]
    second = version == api.SNMP_VERSION_2C

    def following(oid: Oid) -> int:
        return bisect.bisect_right(oids, oid)

    if asked.isSameTypeWith(module.GetRequestPDU()):
        found: Callable[[Oid], int] = bisect_exactly(oids)
    elif second and asked.isSameTypeWith(module.GetBulkRequestPDU()):
        module.apiPDU.set_varbinds(pdu, _bulk(module, asked, wanted, table, following))
        return
    elif asked.isSameTypeWith(module.GetNextRequestPDU()):
        found = following
    else:
        module.apiPDU.set_error_status(pdu, "noAccess" if second else "readOnly")
        return
    rows: list[tuple[Oid, Any]] = []
    for number, oid in enumerate(wanted, 1):
        index = found(oid)
        if index >= len(oids) and not second:
            module.apiPDU.set_error_status(pdu, "noSuchName")
            module.apiPDU.set_error_index(pdu, number)
            module.apiPDU.set_varbinds(pdu, module.apiPDU.get_varbinds(asked))
            return
        rows.append(_row(module, table, index, oid, second, end=found is following))
    module.apiPDU.set_varbinds(pdu, rows)


def _bulk(
    module: Any,
    asked: Any,
    wanted: list[Oid],
    table: list[tuple[Oid, Entry]],
    following: Callable[[Oid], int],
) -> list[tuple[Oid, Any]]:
    """Return the rows of a GETBULK (RFC 3416, 4.2.3)."""
    fixed = max(0, int(module.apiBulkPDU.get_non_repeaters(asked)))
    repeats = int(module.apiBulkPDU.get_max_repetitions(asked))
    rows = [_row(module, table, following(oid), oid, True, end=True) for oid in wanted[:fixed]]
    last = wanted[
        fixed:
    ]  # of each column the name that was told last: all columns go on by one row before the next
    for _ in range(min(repeats, _MAX_ROWS)):
        turn = [_row(module, table, following(oid), oid, True, end=True) for oid in last]
        last = [tuple(oid) for oid, _ in turn]
        if not turn or len(rows) + len(turn) > _MAX_ROWS:
            break
        rows += turn
        if all(following(oid) >= len(table) for oid in last) and turn[-1][1].isSameTypeWith(
            module.EndOfMibView()
        ):
            break
    return rows


def bisect_exactly(oids: list[Oid]) -> Callable[[Oid], int]:
    """Return a function that gives the place of an OID, or the length of the table."""

    def place(oid: Oid) -> int:
        index = bisect.bisect_left(oids, oid)
        return index if index < len(oids) and oids[index] == oid else len(oids)

    return place


def _row(
    module: Any, table: list[tuple[Oid, Entry]], index: int, asked: Oid, second: bool, *, end: bool
) -> tuple[Oid, Any]:
    if index >= len(table):
        return asked, (module.EndOfMibView() if end else module.NoSuchObject()) if second else module.Null()
    oid, (kind, value) = table[index]
    if kind == "Counter32" and not second:
        kind = "Counter"  # SMIv1's name for it
    return oid, getattr(module, kind)(value)
