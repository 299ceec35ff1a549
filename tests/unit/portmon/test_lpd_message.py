"""RFC 1179 as bytes: what is sent fits the RFC whatever a document is called, and any answer has a sentence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portmon.lpd import message as lpd_message


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300), st.integers(0, 10**9))
def test_a_control_file_has_its_six_lines_and_no_more_however_hostile_the_names(
    host: str, user: str, title: str, number: int
) -> None:
    rows = lpd_message.control_file(host, user, title, number).split(b"\n")
    assert [row[:1] for row in rows] == [b"H", b"P", b"J", b"l", b"U", b"N", b""]
    for row, most in zip(rows, (31, 31, 99, 40, 40, 131), strict=False):
        assert len(row) - 1 <= most
        assert not set(row) & set(range(32))
        row.decode()


@given(st.text(min_size=1, max_size=100), st.integers(0, 1 << 60), st.integers(0, 10**9))
def test_a_command_is_one_line(host: str, size: int, number: int) -> None:
    for command in (
        lpd_message.control_file_command(size, number, host),
        lpd_message.data_file_command(size, number, host),
    ):
        assert command.count(b"\n") == 1
        assert command[1:].split() == [b"%d" % size, command.split()[1]]


@given(st.binary(min_size=1, max_size=300))
def test_every_answer_but_zero_has_a_sentence_that_can_be_shown(answer: bytes) -> None:
    text = lpd_message.refusal(answer)
    assert 0 < len(text) <= 300
    assert text.isprintable()
