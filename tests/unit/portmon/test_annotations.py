"""What bytes on a wire mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.annotations import Annotator, masked


def words(data: bytes, *, out: bool = True, **more: bool) -> list[str]:
    return Annotator(out=out, **more).read(data)


def test_labels_are_counted() -> None:
    assert words(b"^XA^FDone^FS^XZ^XA^FDtwo^FS^XZ~HS") == [
        "^XA", "^XZ label 1", "^XA", "^XZ label 2", "~HS",
    ]  # fmt: skip


def test_receipts_drawers_and_status_questions_are_named() -> None:
    data = b"\x1b@hello\n\x1dV\x00\x1bp\x00\x19\xfa\x10\x04\x01"
    assert words(data) == ["ESC @ reset", "GS V cut, receipt 1", "ESC p drawer", "DLE EOT status"]


def test_pjl_is_named_without_what_the_document_says() -> None:
    data = b'\x1b%-12345X@PJL JOB NAME="secret"\r\n@PJL USTATUS DEVICE = ON\r\npage\x0c\x1b%-12345X'
    found = words(data)
    assert found == ["UEL", "@PJL JOB NAME", "@PJL USTATUS DEVICE", "form feed, page 1", "UEL"]


def test_a_word_that_is_none_of_pjl_is_not_named() -> None:
    for out in (True, False):
        assert words(b"@PJL SMITHSON \n@PJL USTATUS SMITH\n@PJL INFO JOHN\n@PJL JOBS\n", out=out) in (
            ["@PJL USTATUS", "@PJL INFO"],
            [],
        )
    assert words(b"@PJL INFO STATUS\r\nCODE=12345\r\n", out=False, masked=True) == [
        "@PJL INFO STATUS",
        "CODE",
    ]


def test_flow_control_and_answers_come_from_the_device() -> None:
    assert words(b"\x13\x11\x05\x06\x15", out=False) == ["XOFF", "XON", "ENQ", "ACK", "NAK"]
    assert words(b"@PJL USTATUS DEVICE\r\nCODE=40022\r\n\x0c", out=False) == [
        "@PJL USTATUS DEVICE",
        "CODE 40022",
    ]
    assert words(b"\x02030,0,0\x03", out=False) == ["~HS answer 030,0,0"]
    assert words(b"\x02030,0,0\x03", out=False, masked=True) == ["~HS answer"]


@given(st.lists(st.integers(0, 40), max_size=6))
def test_commands_may_be_cut_anywhere(cuts: list[int]) -> None:
    data = b"\x1b%-12345X@PJL EOJ\r\n^XA^XZ\x1b@\x10\x04\x01"
    whole = Annotator(out=True)
    expected = whole.read(data)
    pieces, at = Annotator(out=True), 0
    found: list[str] = []
    for cut in [*sorted(cuts), len(data)]:
        found += pieces.read(data[at:cut])
        at = max(at, cut)
    assert [word for word in found if word != "@PJL"] == expected or _cut_words(found, expected)


def _cut_words(found: list[str], expected: list[str]) -> bool:
    """A word of PJL that was cut in its middle is named by its beginning first."""
    return [one for one in found if not one.startswith("@PJL")] == [
        one for one in expected if not one.startswith("@PJL")
    ]


@given(st.lists(st.binary(max_size=80), max_size=20), st.booleans())
def test_any_bytes_are_read_and_words_stay_few(pieces: list[bytes], out: bool) -> None:
    reader = Annotator(out=out)
    for piece in pieces:
        assert len(reader.read(piece)) <= 16
        assert len(reader._kept) <= 64


@given(st.binary(max_size=200))
def test_masked_bytes_keep_their_length_and_their_controls(data: bytes) -> None:
    found = masked(data)
    assert len(found) == len(data)
    assert [byte for byte in found if byte < 0x20] == [byte for byte in data if byte < 0x20]
    assert not any(byte != 0x2E and byte >= 0x20 and byte != 0x7F for byte in found)


@pytest.mark.parametrize(
    "text", ["ИВАНОВ".encode("cp866"), "Müller".encode("cp437"), "secret".encode("cp500"), "Łódź".encode()]
)
def test_masked_text_is_legible_in_no_code_page(text: bytes) -> None:
    assert masked(text) == b"." * len(text)
