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

from printfabric_sim.condition import Condition
from printfabric_sim.connections.connection import Connection
from printfabric_sim.core import Core

Oid = tuple[int, ...]
Entry = tuple[str, int | str | bytes | Oid]  # the SMI type, the value

_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_HR_DEVICE = (1, 3, 6, 1, 2, 1, 25, 3)
_PRINTER = (1, 3, 6, 1, 2, 1, 43)
# hrPrinterDetectedErrorState, RFC 2790: bit 0 is the most significant of the first octet.
_ERROR_BITS = {
    Condition.MEDIA_OUT: 1,
    Condition.RIBBON_OUT: 3,
    Condition.COVER_OPEN: 4,
    Condition.JAM: 5,
    Condition.PAUSED: 6,
    Condition.HEAD_HOT: 7,
    Condition.CUTTER: 7,
}
_DISPLAY = {
    Condition.MEDIA_OUT: "MEDIA OUT",
    Condition.RIBBON_OUT: "RIBBON OUT",
    Condition.COVER_OPEN: "COVER OPEN",
    Condition.JAM: "PAPER JAM",
    Condition.PAUSED: "PAUSED",
    Condition.HEAD_HOT: "HEAD TOO HOT",
    Condition.CUTTER: "CUTTER JAM",
    Condition.WARMING_UP: "WARMING UP",
    Condition.BUSY: "BUSY",
}
_MAX_ROWS = 64


class SnmpConnection(Connection):
    """An SNMP agent on a UDP port. `community` is what requests must name."""

    def __init__(self, core: Core, host: str = "127.0.0.1", port: int = 0, community: str = "public") -> None:
        super().__init__(core)
        self.host = host
        self.port = port
        self.community = community
        self._start = time.monotonic()
        self._transport: asyncio.DatagramTransport | None = None
        self._deaf = False

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
        self._deaf = not on
        self._start = time.monotonic()

    def freeze(self, on: bool) -> None:
        """Fall silent, or wake."""
        self._deaf = on

    def answer(self, datagram: bytes) -> bytes | None:
        """Return the response to a request; None where silence is due."""
        if self._deaf:
            return None
        try:
            version = api.decodeMessageVersion(datagram)
            if version not in api.PROTOCOL_MODULES:
                return None
            module: Any = api.PROTOCOL_MODULES[version]
            request, _ = decoder.decode(datagram, asn1Spec=module.Message())
        except PyAsn1Error:
            return None
        if bytes(module.apiMessage.get_community(request)) != self.community.encode():
            return None
        response = module.apiMessage.get_response(request)
        _fill(module, version, request, response, self._table())
        return bytes(encoder.encode(response))

    def _table(self) -> list[tuple[Oid, Entry]]:
        """Return the whole tree, sorted."""
        core = self.core
        conditions = core.conditions
        bits = bytearray(2)
        for condition in conditions & _ERROR_BITS.keys():
            bit = _ERROR_BITS[condition]
            bits[bit // 8] |= 0x80 >> (bit % 8)
        left = core.media_left
        if left is not None and 0 < left < 10:
            bits[0] |= 0x80  # lowPaper
        errors = any(bits)
        printing = core.units_waiting > 0 and not conditions
        status = 5 if Condition.WARMING_UP in conditions else (4 if printing else (1 if errors else 3))
        display = next((text for condition, text in _DISPLAY.items() if condition in conditions), "READY")
        name = core.personality.device_id.partition("MDL:")[2].partition(";")[0]
        uptime = int((time.monotonic() - self._start) * 100)
        rows: dict[Oid, Entry] = {
            (*_SYSTEM, 1, 0): ("OctetString", name),
            (*_SYSTEM, 2, 0): ("ObjectIdentifier", (1, 3, 6, 1, 4, 1, 99999)),
            (*_SYSTEM, 3, 0): ("TimeTicks", uptime),
            (*_SYSTEM, 4, 0): ("OctetString", ""),
            (*_SYSTEM, 5, 0): ("OctetString", "sim"),
            (*_SYSTEM, 6, 0): ("OctetString", ""),
            (*_HR_DEVICE, 2, 1, 1, 1): ("Integer", 1),
            (*_HR_DEVICE, 2, 1, 2, 1): ("ObjectIdentifier", (*_HR_DEVICE, 1, 5)),  # hrDevicePrinter
            (*_HR_DEVICE, 2, 1, 3, 1): ("OctetString", name),
            (*_HR_DEVICE, 2, 1, 5, 1): ("Integer", 5 if errors else 2),  # down, running
            (*_HR_DEVICE, 5, 1, 1, 1): ("Integer", status),
            (*_HR_DEVICE, 5, 1, 2, 1): ("OctetString", bytes(bits)),
            (*_PRINTER, 5, 1, 1, 16, 1): ("OctetString", "sim"),
            (*_PRINTER, 5, 1, 1, 17, 1): (
                "OctetString",
                core.personality.options.get("serial_number", "SIM0000001"),
            ),
            (*_PRINTER, 6, 1, 1, 3, 1, 1): ("Integer", 3 if Condition.COVER_OPEN in conditions else 4),
            (*_PRINTER, 8, 2, 1, 9, 1, 1): ("Integer", core.path.media_loaded or -2),
            (*_PRINTER, 8, 2, 1, 10, 1, 1): ("Integer", self._level(left)),
            (*_PRINTER, 10, 2, 1, 3, 1, 1): ("Integer", 7),  # prtMarkerCounterUnit: impressions
            (*_PRINTER, 10, 2, 1, 4, 1, 1): ("Counter32", core.printed),  # prtMarkerLifeCount
            (*_PRINTER, 11, 1, 1, 6, 1, 1): ("OctetString", "Ribbon"),
            (*_PRINTER, 11, 1, 1, 8, 1, 1): ("Integer", 100),
            (*_PRINTER, 11, 1, 1, 9, 1, 1): ("Integer", 0 if Condition.RIBBON_OUT in conditions else 100),
            (*_PRINTER, 16, 5, 1, 2, 1, 1): ("OctetString", display),
        }
        for index, condition in enumerate(sorted(conditions & _ERROR_BITS.keys()), 1):
            rows[(*_PRINTER, 18, 1, 1, 2, 1, index)] = ("Integer", 3)  # prtAlertSeverityLevel: critical
            rows[(*_PRINTER, 18, 1, 1, 8, 1, index)] = ("OctetString", _DISPLAY[condition])
        return sorted(rows.items())

    def _level(self, left: int | None) -> int:
        """Return prtInputCurrentLevel: -3 means "at least one"."""
        if Condition.MEDIA_OUT in self.core.conditions:
            return 0
        return -3 if left is None else left


class _Agent(asyncio.DatagramProtocol):
    """The UDP side of the agent."""

    def __init__(self, owner: SnmpConnection) -> None:
        self._owner = owner
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The selector loop's transport is one without inheriting from the class.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._owner.answer(data)
        if answer is not None and self._transport is not None:
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
    fixed = int(module.apiBulkPDU.get_non_repeaters(asked))
    repeats = min(int(module.apiBulkPDU.get_max_repetitions(asked)), _MAX_ROWS)
    rows = [_row(module, table, following(oid), oid, True, end=True) for oid in wanted[:fixed]]
    for oid in wanted[fixed:]:
        at = following(oid)
        rows.extend(
            _row(module, table, index, oid, True, end=True)
            for index in range(at, min(at + repeats, len(table) + 1))
        )
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
