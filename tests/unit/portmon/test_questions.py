"""Questions to unknown devices, the test page, and errands: what holds for any answer and any name. No device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import CallCanceled
from portmon.errand import Errand
from portmon.line.tests import Evidence
from portmon.questions import QUESTIONS, seven_bits
from portmon.test_page import LANGUAGES, page


@given(
    st.sampled_from(sorted(LANGUAGES)),
    st.dictionaries(st.text(max_size=10), st.text(max_size=60), max_size=5),
)
def test_a_test_page_is_one_unit_of_plain_text_whatever_a_port_is_called(
    language: str, rows: dict[str, str]
) -> None:
    data = page(language, rows)
    if language == "zpl":
        assert (data.count(b"^XA"), data.count(b"^XZ")) == (1, 1)
        assert data.count(b"~") == 0
    if language == "text":
        assert data.endswith(b"\r\n\x0c")
        assert data.count(b"\x0c") == 1
    body = data.replace(b"\x1b", b"").replace(b"\x1d", b"").replace(b"\x0c", b"").replace(b"\x00", b"")
    assert all(32 <= one < 127 or one in b"\r\n" for one in body)


@given(st.binary(max_size=200), st.sampled_from(sorted(QUESTIONS)))
def test_any_answer_is_read_without_harm(data: bytes, name: str) -> None:
    answered = QUESTIONS[name].read(data)
    assert answered is None or (answered.text.isprintable() and len(answered.model) <= 80)
    Evidence(9600, data, answered, None).as_json()


@given(st.binary(min_size=1, max_size=60).map(lambda data: bytes(one & 0x7F for one in data)), st.booleans())
def test_seven_bits_with_parity_are_told_from_eight(data: bytes, odd: bool) -> None:
    sent = bytes(one | (0x80 if one.bit_count() % 2 != odd else 0) for one in data)
    found = seven_bits(sent)
    if any(one & 0x80 for one in sent):
        assert found == (data, "odd" if odd else "even")


def test_an_errand_that_is_cancelled_before_it_begins_does_nothing() -> None:
    errand = Errand(lambda _: pytest.fail("it ran"), lambda _: None, 1.0)
    errand.cancel(CallCanceled("no"))
    with pytest.raises(CallCanceled):
        errand.run()
    errand.close()
