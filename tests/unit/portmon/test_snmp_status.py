"""SNMP answers: what the bits mean, and that no answer whatever does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.reports import Condition, Severity
from portmon.snmp import message as snmp_message
from portmon.snmp.message import BadSnmp
from portmon.snmp.status import State, reports_of, state_of

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(
    ("bit", "condition", "severity"),
    [
        (0, Condition.PAPER_PROBLEM, WARNING),
        (1, Condition.PAPER_OUT, ERROR),
        (2, Condition.TONER_LOW, WARNING),
        (3, Condition.NO_TONER, ERROR),
        (4, Condition.DOOR_OPEN, ERROR),
        (5, Condition.PAPER_JAM, ERROR),
        (6, Condition.OFFLINE, ERROR),
        (7, Condition.USER_INTERVENTION, WARNING),
        (8, Condition.PAPER_PROBLEM, WARNING),
        (9, Condition.OUTPUT_BIN_FULL, ERROR),
        (10, Condition.NO_TONER, ERROR),
        (11, Condition.OUTPUT_BIN_FULL, WARNING),
        (12, Condition.OUTPUT_BIN_FULL, ERROR),
        (13, Condition.PAPER_OUT, WARNING),
        (14, Condition.CLEAR, INFO),
    ],
)
def test_each_bit_of_the_detected_error_state_is_a_condition_with_a_severity_and_words(
    bit: int, condition: Condition, severity: Severity
) -> None:
    octets = bytearray(2)
    octets[bit // 8] = 0x80 >> bit % 8
    (found,) = reports_of(State(5, 1, bytes(octets)))
    assert (found.condition, found.severity) == (condition, severity)
    assert found.text


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(2, 3, b"\0"), []),
        (State(2, 4, b""), []),
        (State(5, 1, b"\0\0"), [(Condition.OFFLINE, ERROR)]),
        (State(5, 3, b"\0"), []),
        (State(2, 5, b"\0"), [(Condition.WARMING_UP, INFO)]),
        (State(2, 1, b"\0"), [(Condition.POWER_SAVE, INFO)]),
        (State(3, 4, b"\x20"), [(Condition.TONER_LOW, WARNING)]),
        (State(None, None, b"\x48"), [(Condition.PAPER_OUT, ERROR), (Condition.DOOR_OPEN, ERROR)]),
    ],
)
def test_device_and_printer_status_say_the_rest(
    state: State, expected: list[tuple[Condition, Severity]]
) -> None:
    assert [(one.condition, one.severity) for one in reports_of(state)] == expected


def test_the_display_is_quoted_where_something_is_wrong() -> None:
    (found,) = reports_of(State(5, 1, b"\x08", None, b"CLOSE\0 FRONT  COVER\x07"))
    assert found.text == "a door is open; its display says: CLOSE FRONT COVER"


VALUES = st.one_of(st.none(), st.integers(), st.binary(max_size=50))


@given(st.lists(VALUES, min_size=5, max_size=5))
def test_any_values_have_a_meaning_or_none(values) -> None:
    state = state_of(values)
    if state is not None:
        assert all(one.text.isprintable() for one in reports_of(state))


GOOD = snmp_message.get("1", "public", 77, [(1, 3, 6, 1, 2, 1, 1, 1, 0)]).replace(b"\xa0", b"\xa2", 1)


def test_a_response_is_read_and_only_of_the_version_and_community_asked_with() -> None:
    assert snmp_message.answer(GOOD, "1", "public").request_id == 77
    for version, community in (("2c", "public"), ("1", "private")):
        with pytest.raises(BadSnmp):
            snmp_message.answer(GOOD, version, community)
    with pytest.raises(BadSnmp):
        snmp_message.answer(GOOD + b"\0" * 9000, "1", "public")


@given(st.binary(max_size=300))
def test_any_datagram_is_an_answer_or_not_and_never_an_accident(data: bytes) -> None:
    with pytest.raises(BadSnmp):
        snmp_message.answer(data, "1", "public")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, 20))
def test_a_damaged_answer_is_no_accident_either(at: int, octet: int, cut: int) -> None:
    data = bytearray(GOOD)
    data[at] = octet
    try:
        found = snmp_message.answer(bytes(data[: len(data) - cut]), "1", "public")
    except BadSnmp:
        return
    assert isinstance(found.request_id, int)


def test_a_datagram_of_boxes_in_boxes_is_refused_at_once() -> None:
    with pytest.raises(BadSnmp):
        snmp_message.answer(b"\x30\x80" * 4000, "1", "public")
    with pytest.raises(BadSnmp):
        snmp_message.answer(b"\x24\x80" * 4000, "2c", "public")
