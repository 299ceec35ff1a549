"""Bytes of which no document is made are told all the same: which, of whom, and why."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulators.lives import ipp_request
from tests.simulators.test_cut_short import converse
from tests.simulators.test_farewell import until
from tests.simulators.test_zpl import label

LABEL = label(7)
_FORMAT = (0x49, b"document-format", b"image/x-foo")
_GZIP = (0x44, b"compression", b"gzip")
_JOB = (0x21, b"job-id", b"\0\0\0\x63")
PRINT, VALIDATE, CREATE, SEND, ODD = 2, 4, 5, 6, 0x4000


@pytest.mark.parametrize(
    ("kind", "before", "after", "lost"),
    [
        ("ipp", ipp_request(PRINT, LABEL, _FORMAT), b"", LABEL),
        ("ipp", ipp_request(PRINT, LABEL, _GZIP), b"", LABEL),
        ("ipp", ipp_request(SEND, LABEL, _JOB), b"", LABEL),
        ("ipp", ipp_request(VALIDATE, LABEL), b"", LABEL),
        ("ipp", ipp_request(CREATE, LABEL), b"", LABEL),
        ("ipp", ipp_request(ODD, LABEL), b"", LABEL),
        ("ipp", b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(LABEL), b"", LABEL),
        ("lpd", b"\x02labels\n\x03x dfA1\n", b"\n", LABEL + b"\n"),
        ("lpd", b"", b"\n", LABEL + b"\n"),
        ("lpd", b"", b"", LABEL),
    ],
)
async def test_every_byte_that_is_refused_is_told(start, kind, before, after, lost):
    printer = await start("zpl", **{kind: 0})
    await converse(printer, kind, before + LABEL + after)
    assert printer.record.units == []
    await _is_told(printer, len(lost))


async def test_a_compressed_document_is_refused_by_its_name(start):
    printer = await start("zpl", ipp=0)
    answer = await converse(printer, "ipp", ipp_request(PRINT, LABEL, _GZIP) + LABEL)
    _, _, message = answer.partition(b"\r\n\r\n")
    assert message[2:4] == b"\x04\x0f", "client-error-compression-not-supported"


@pytest.mark.parametrize("kind", ["tcp", "lpd", "ipp", "rfc2217"])
async def test_what_comes_while_the_door_is_closed_is_told(start, kind):
    printer = await start("zpl", faults="accept-close", **{kind: 0})
    await converse(printer, kind, LABEL)
    await _is_told(printer, len(LABEL))


async def _is_told(printer, size: int) -> None:
    async with asyncio.timeout(20):
        await until(lambda: printer.record.lost_bytes >= size)
    assert printer.status()["received_bytes"] == printer.record.lost_bytes == size
    told = [event for event in printer.record.events if event["event"] == "discarded"]
    assert all(event["reason"] for event in told)
    spans = sorted(tuple(span) for event in told for span in event["spans"])
    (inlet,) = {span[0] for span in spans}
    assert {event["inlet"] for event in told} == {inlet}
    assert [span[1] for span in spans] == [0, *(span[2] for span in spans[:-1])]
    assert spans[-1][2] == size
    (peer,) = (e["peer"] for e in printer.record.events if e["event"] == "connected" and e["inlet"] == inlet)
    assert peer.startswith("127.0.0.1:")
