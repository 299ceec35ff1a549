"""What printers send is hostile: no language monitor raises, grows, or believes what it did not ask for."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portmon.document import DocInfo, DocKey
from portmon.language import Before, Language, Word, Wrapped
from portmon.languages._labels import Labels
from portmon.languages._seen import Seen
from portmon.languages.escpos import Escpos
from portmon.languages.pjl import _END, Pjl
from portmon.languages.zpl import Zpl

KINDS = [Escpos, Pjl, Zpl]
KEY = DocKey(bytes(range(16)), 1)

# Pieces that get further into the parsers than random bytes do.
WORDS = st.sampled_from(
    [
        b"\x02", b"\x03\r\n", b"{", b'"', b'"}', b"\x37\x22", b"\x37\x25\x00", b"\x5f", b"\x00", b"\x10\x00\x00\x0f",
        b"\x12", b"\x16", b"@PJL ", b"USTATUS JOB\r\n", b"END\r\n", b"CANCELED\r\n", b'NAME="PF 1"\r\n', b"\f",
        b"ECHO ", b"USTATUS DEVICE\r\nCODE=", b"99999999999", b"10001\r\n", b"ONLINE=FALSE\r\n", b"INFO MEMORY\r\nTOTAL=",
        b"030,0,0,1218,000,0,0,0,000,0,0,0", b"000,0,0,0,1,2,6,0,00000000,1,000", b"1234,0",
        b"ERRORS: 1 00000000 FFFFFFFF", b"WARNINGS: 1 00000000 0000000F", b'{"odometer.total_label_count":"', b"0" * 40,
        b"ZD621,V1,8,8176KB",
    ]
)  # fmt: skip
INPUT = st.lists(st.one_of(WORDS, st.binary(max_size=40)), max_size=60)


def document(attempt: int = 1, before: Before = Before.CLEAN) -> Wrapped:
    return Wrapped(DocKey(KEY.uid, attempt), DocInfo(job_number=4711), before)


def begun(kind: type[Language], *, pipe: bool = False, before: Before = Before.CLEAN) -> Language:
    language = kind(pipe=pipe)
    language.begin(document(before=before), b"")
    return language


@pytest.mark.parametrize("kind", KINDS)
@given(pieces=INPUT, at=st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_nothing_that_comes_raises_or_confirms_and_nothing_is_kept_for_long(
    kind: type[Language], pieces: list[bytes], at: int
) -> None:
    language = begun(kind, pipe=True)
    language.payload(memoryview(b"^XA^FDx^FS^XZ"))
    for number, piece in enumerate(pieces):
        if number == at:
            assert language.finish()
        language.hear(piece)
        language.ask()
    assert len(language.reports()) < 20
    assert len(language.facts()) < 10
    # On a line ZPL has to hear two right numbers, ESC/POS the number it sent, PJL a name: not by chance.
    assert language.word is not Word.CONFIRMED


@pytest.mark.parametrize("kind", KINDS)
def test_input_without_end_is_not_kept(kind: type[Language]) -> None:
    language = begun(kind)
    for start in (b"\x02", b'"', b"{", b"@PJL ", b"\x5f", b"\x37\x22"):
        language.hear(start)
        for _ in range(64):
            language.hear(b"A" * 4096)
    sizes = [len(value) for value in vars(language).values() if isinstance(value, bytes | bytearray)]
    answers = getattr(language, "_answers", None)
    sizes += [len(answers._input)] if answers is not None else []
    assert max(sizes) <= 16384


@given(
    st.lists(
        st.sampled_from([b"^XA", b"^XZ", b"^FDx", b"^PQ3", b"^DFR:A", b"^", b"~", b"text", b"^XF"]),
        max_size=60,
    ),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_labels_are_counted_the_same_in_any_pieces(words: list[bytes], data: st.DataObject) -> None:
    text = b"".join(words)
    whole = Labels()
    whole.look(memoryview(text))
    whole.finish()
    parts, at = Labels(), 0
    while at < len(text):
        size = data.draw(st.integers(1, 9))
        parts.look(memoryview(text[at : at + size]))
        at += size
    parts.finish()
    assert (parts.count, parts.sure) == (whole.count, whole.sure)
    assert [parts.offset_of(n) for n in range(whole.count + 1)] == [
        whole.offset_of(n) for n in range(whole.count + 1)
    ]


@given(
    st.lists(st.sampled_from([b"@PJL EOJ\r\n", b"@PJL  eoj ", b"@PJL", b" EOJ", b"x"]), max_size=40),
    st.integers(1, 20),
)
@example(words=[b"@PJL", b" EOJ", b"x"], size=1)
@settings(deadline=None)
def test_ends_of_jobs_are_counted_the_same_in_any_pieces(words: list[bytes], size: int) -> None:
    text = b"".join(words)
    seen = Seen(_END, 16)
    for at in range(0, len(text), size):
        seen.look(memoryview(text[at : at + size]))
    seen.finish()
    assert seen.count == len(_END.findall(text))
