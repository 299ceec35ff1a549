"""GETBULK goes through its columns row by row, and what is no SNMP message has no answer."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import api  # type: ignore[import-untyped]

from printfabric_sim.connections.snmp import SnmpConnection

_M: Any = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
DISPLAY, LANGUAGE = (1, 3, 6, 1, 2, 1, 43, 16, 5, 1, 2), (1, 3, 6, 1, 2, 1, 43, 15, 1, 1, 2)


def request(non_repeaters: int, repetitions: int, *oids: tuple[int, ...]) -> bytes:
    """Return a GETBULK message."""
    pdu, message = _M.GetBulkRequestPDU(), _M.Message()
    _M.apiBulkPDU.set_defaults(pdu)
    _M.apiBulkPDU.set_non_repeaters(pdu, non_repeaters)
    _M.apiBulkPDU.set_max_repetitions(pdu, repetitions)
    _M.apiBulkPDU.set_varbinds(pdu, [(oid, _M.Null()) for oid in oids])
    _M.apiMessage.set_defaults(message)
    _M.apiMessage.set_community(message, "public")
    _M.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


@pytest.fixture
async def agent(start):
    """The agent of a laser, which has five languages."""
    printer = await start("pjl", snmp=0)
    (plug,) = (plug for plug in printer.connections if isinstance(plug, SnmpConnection))
    return plug


def names(agent: SnmpConnection, message: bytes) -> list[tuple[int, ...]]:
    ((_, answer),) = agent.answers(message)
    response, _ = decoder.decode(answer, asn1Spec=_M.Message())
    return [tuple(oid) for oid, _ in _M.apiPDU.get_varbinds(_M.apiMessage.get_pdu(response))]


async def test_columns_are_told_row_by_row(agent):
    # RFC 3416, 4.2.3: all repeated variables once, then all of them again.
    first, second = (*LANGUAGE, 1, 1), (*LANGUAGE, 1, 2)
    told = names(agent, request(1, 2, DISPLAY, LANGUAGE, first))
    assert told == [(*DISPLAY, 1, 1), first, second, second, (*LANGUAGE, 1, 3)]


async def test_the_end_of_the_tree_ends_the_answer(agent):
    told = names(agent, request(0, 50, (2, 0)))
    assert told == [(2, 0)]


async def test_a_damaged_datagram_has_an_answer_or_none(agent):
    dice, message = random.Random(1), request(0, 3, LANGUAGE)
    # Found by this very test: a tag of a message's part where a whole belongs.
    agent.answers(
        bytes.fromhex("662602010104067075626c6963a01902031682f6020100020100300c300a06062b067602012b0500")
    )
    for _ in range(500):
        damaged = bytearray(message)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        agent.answers(bytes(damaged))
