"""IPP and HTTP answers as bytes: an independent encoder agrees, and no bytes whatever do harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.ipp import message as ipp_message
from portmon.ipp.http_answer import BadHttp, HttpAnswer
from portmon.ipp.message import BadIpp, Operation, Tag
from printfabric_sim.connections import ipp_message as other


def test_a_request_is_what_an_independent_decoder_reads() -> None:
    data = ipp_message.request(
        Operation.CREATE_JOB,
        [
            (Tag.URI, "printer-uri", "ipp://p:631/ipp/print"),
            (Tag.NAME, "job-name", "Ünïcode"),
            (Tag.INTEGER, "job-id", -7),
            (Tag.BOOLEAN, "last-document", True),
            (Tag.KEYWORD, "requested-attributes", ["job-state", "job-id"]),
        ],
        77,
    )
    found = other.decode(data)
    assert (found.code, found.request_id) == (5, 77)
    assert list(found.groups[0][1])[:2] == ["attributes-charset", "attributes-natural-language"]
    assert found.text("job-name") == "Ünïcode"
    assert found.number("job-id") == -7
    assert found.texts("requested-attributes") == ["job-state", "job-id"]


def test_an_answer_of_an_independent_encoder_is_read() -> None:
    answer = other.Message(0x0001, 9, (2, 0))
    answer.groups.append((1, {"status-message": [other.Value(other.Tag.TEXT, "fine")]}))
    answer.groups.append(
        (2, {"job-state": [other.Value(other.Tag.ENUM, 9)], "job-state-reasons": other.keywords("a", "b")})
    )
    found = ipp_message.decode(answer.encode())
    assert found.ok
    assert found.number("job-state") == 9
    assert found.texts("job-state-reasons") == ["a", "b"]
    assert found.flag("job-state") is None


def attribute(tag: int, name: bytes, value: bytes) -> bytes:
    return struct.pack(">BH", tag, len(name)) + name + struct.pack(">H", len(value)) + value


HEAD = b"\x02\x00\x00\x00\x00\x00\x00\x01"


def test_collections_are_passed_over_and_texts_with_a_language_lose_it() -> None:
    inner = attribute(0x4A, b"", b"x") + attribute(0x34, b"", b"") + attribute(0x37, b"", b"")
    data = (
        HEAD + b"\x04" + attribute(0x34, b"media-col", b"") + inner + attribute(0x37, b"", b"")
        + attribute(0x35, b"printer-info", b"\0\2en\0\5hello") + b"\x03"
    )  # fmt: skip
    found = ipp_message.decode(data)
    assert found.values("media-col") == [b""]
    assert found.texts("printer-info") == ["hello"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        HEAD + b"\x04",
        HEAD + attribute(0x44, b"a", b"b") + b"\x03",
        HEAD + b"\x04" + attribute(0x44, b"", b"b") + b"\x03",
        HEAD + b"\x04\x44\xff\xff",
        HEAD + b"\x04" + attribute(0x34, b"c", b"") + b"\x03",
        HEAD + b"\x04" + attribute(0x34, b"c", b"") * 100 + b"\x03",
        HEAD + b"\x04" * 5000 + b"\x03",
        HEAD + b"\x04" + b"\0" * (1 << 20),
    ],
)
def test_what_is_no_message_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BadIpp):
        ipp_message.decode(data)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_message_or_not_and_never_an_accident(data: bytes) -> None:
    for one in (data, HEAD + b"\x04" + data):
        try:
            found = ipp_message.decode(one)
        except BadIpp:
            continue
        assert ipp_message.refusal(found).isprintable()


@given(st.text(max_size=2000), st.integers(1, 300))
def test_a_text_is_shortened_between_characters(text: str, most: int) -> None:
    found = ipp_message.shortened(text, most)
    assert len(found.encode()) <= most
    assert found.isprintable()


BODY = b"0123456789" * 20
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"64;x=y\r\n" + BODY[:100] + b"\r\n64\r\n" + BODY[100:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
)  # fmt: skip


@pytest.mark.parametrize("wire", [PLAIN, CHUNKED])
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_an_answer_is_the_same_however_it_is_cut(wire: bytes, cuts: list[int]) -> None:
    answer = HttpAnswer(1000)
    at = 0
    for cut in [*sorted(cuts), len(wire)]:
        answer.feed(wire[at:cut])
        at = max(at, cut)
    assert answer.done
    assert (answer.status, bytes(answer.body), answer.keeps_open) == (200, BODY, True)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    answer = HttpAnswer(1000)
    answer.feed(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert not answer.done
    answer.end()
    assert (answer.done, bytes(answer.body), answer.keeps_open) == (True, b"abc", False)


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 999 x\r\n\r\n",
        b"x" * 20000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
    ],
)
def test_what_is_no_http_answer_or_too_large_a_one_is_refused(wire: bytes) -> None:
    with pytest.raises(BadHttp):
        HttpAnswer(1000).feed(wire)


def test_an_answer_that_is_cut_off_is_not_taken_for_whole() -> None:
    for wire in (PLAIN[:-1], CHUNKED[:-4], PLAIN[:20]):
        answer = HttpAnswer(1000)
        answer.feed(wire)
        with pytest.raises(BadHttp):
            answer.end()


@given(st.lists(st.binary(max_size=300), max_size=5), st.booleans())
def test_any_bytes_are_an_answer_or_not_and_never_an_accident(pieces: list[bytes], headed: bool) -> None:
    answer = HttpAnswer(1000)
    try:
        if headed:
            answer.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            answer.feed(piece)
        answer.end()
    except BadHttp:
        return
    assert answer.done
    assert len(answer.body) <= 1000
