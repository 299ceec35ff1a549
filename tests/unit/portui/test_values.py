from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from portui import values
from portui.forms import FormRefused, form
from portui.values import FieldError
from tests.fakes.port_service import form_document

FORM = form(json.dumps(form_document()).encode(), "acme.serial.ui")


def test_no_settings_are_an_empty_object():
    assert values.given_settings(b"") == {}


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b'{"baud": NaN}', "not JSON"),
        (b'{"title": "\\ud800"}', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b'{"title": "' + b"x" * 65536 + b'"}', "65536 are allowed"),
        (json.dumps({f"f{n}": n for n in range(65)}).encode(), "65 members"),
    ],
)
def test_settings_that_are_no_small_json_object_are_an_invalid_argument(data: bytes, wrong: str):
    with pytest.raises(InvalidArgument, match=wrong) as caught:
        values.given_settings(data)
    assert caught.value.fields[0].field == "settings"


def test_values_that_are_no_scalars_are_errors_of_their_fields():
    found = values.nested({"baud": [9600], "a/b~c": {}, "title": None})
    assert [one.pointer for one in found] == ["/baud", "/a~1b~0c"]


def test_secrets_and_what_the_form_does_not_have_are_not_shown():
    shown = values.visible({"baud": 9600, "pin": "1234", "internal": "x"}, FORM)
    assert json.loads(shown) == {"baud": 9600}


def test_a_change_is_what_is_given_and_other_than_before():
    before = {"baud": 9600, "title": "till", "flag": 1}
    given = {"baud": 9600.0, "title": "bar", "flag": True, "new": None}
    assert values.changes(before, given) == {
        "title": ("till", "bar"),
        "flag": (1, True),
        "new": (None, None),
    }


def test_the_audit_has_old_and_new_and_no_secrets():
    changed: dict[str, tuple[Any, Any]] = {"baud": (9600, 19200), "pin": ("1234", "5678"), "odd": ("a", "b")}
    assert values.audited(changed, FORM) == {"baud": "9600 → 19200", "pin": "(secret)", "odd": "(secret)"}


def test_without_a_form_the_audit_has_names_only():
    assert values.audited({"baud": (9600, 19200)}, None) == {"baud": "(secret)"}


def test_the_audit_cannot_be_made_to_forge_lines():
    found = values.audited({"x\ny\x1b[31m": (1, 2), "title": ("", "a\nb" + "c" * 500)}, FORM)
    assert all(text.isprintable() and len(text) < 250 for pair in found.items() for text in pair)


def test_a_monitors_errors_are_read_by_pointer():
    output = json.dumps({"errors": {"/baud": "too fast", "": "all of it", "baud": "no pointer", "/x": 7}})
    assert values.monitors_errors(output.encode()) == [
        FieldError("/baud", "too fast"),
        FieldError("", "all of it"),
    ]


def test_a_monitors_errors_are_bounded_in_number_and_length_and_have_no_control_characters():
    many = {f"/f{n}": "\x1b[31m" + "x" * 5000 for n in range(500)}
    found = values.monitors_errors(json.dumps({"errors": many}, separators=(",", ":")).encode()[:65536])
    assert found == []  # cut in the middle: not JSON
    few = {f"/f{n}": "\x1b[31m" + "x" * 600 for n in range(90)}
    found = values.monitors_errors(json.dumps({"errors": few}).encode())
    assert len(found) == 64
    assert all(len(one.message) == 500 and one.message.isprintable() for one in found)


@pytest.mark.parametrize(
    ("output", "expected"),
    [(b'{"exists":true}', True), (b'{"exists":false}', False), (b"1", True), (b"0", False), (b"true", True)],
)
def test_portexists_answers_an_object_or_windows_dword(output: bytes, expected: bool):
    assert values.exists(output) is expected


@pytest.mark.parametrize("output", [b"", b'"yes"', b"[]", b"{}", b"null"])
def test_portexists_that_answers_neither_yes_nor_no_is_refused(output: bytes):
    with pytest.raises(FormRefused):
        values.exists(output)


@pytest.mark.parametrize(
    "output", [b"", b"[]", b"{}", b'{"name":"COM1:","settings":[]}', b'{"name":1,"settings":{}}']
)
def test_getconfiginfo_without_settings_is_refused(output: bytes):
    with pytest.raises(FormRefused):
        values.config(output)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_whatever_a_monitor_answers_about_errors_is_read_or_left(output: bytes):
    assert isinstance(values.monitors_errors(output), list)
