from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portui.forms import MOST_BYTES, Form, FormRefused, form, ui_name
from tests.fakes.port_service import form_document

UI = "acme.serial.ui;1;sha256=4711cafe"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def changed(**members: Any) -> dict[str, Any]:
    return form_document() | members


def with_field(name: str, one: Any) -> dict[str, Any]:
    return changed(schema={"type": "object", "properties": {name: one}})


def test_a_form_is_passed_on_with_members_nobody_knows_yet():
    found = form(encoded(changed(animation={"of": ["the", "future"]})), UI)
    assert json.loads(found.encoded)["animation"] == {"of": ["the", "future"]}
    assert found.fields == {"baud", "title", "pin"}
    assert found.add_steps == ("AddPort",)


@pytest.mark.parametrize("name", ["localui.dll", "printfabric.serial.ui", "acme-serial.ui;3", UI])
def test_a_base_name_is_a_ui(name: str):
    assert ui_name(encoded(name)) == name


@pytest.mark.parametrize(
    "answer",
    [
        "../ui", "/etc/passwd", "a/b.ui", "a\\b.ui", "\\\\host\\share\\ui.dll", "C:ui.dll", "http://acme/ui", "ui..dll",
        "", ".", "..", ".ui", "ui.", "a b", "ui\n", "ui\u0000", "ui;3;sha256=../../x", "ui;x", "ü.ui", "a" * 300,
        None, 7, ["ui"], {"name": "ui"},
    ],
)  # fmt: skip
def test_a_ui_with_a_path_or_of_another_kind_is_refused(answer: Any):
    with pytest.raises(FormRefused, match="not a base name"):
        ui_name(encoded(answer))


@pytest.mark.parametrize("data", [b"", b"ui", b"\xff\xfe", b'"ui', b"NaN", b'"ui" "ui"', b"[" * 100_000])
def test_a_ui_that_is_not_json_is_refused(data: bytes):
    with pytest.raises(FormRefused, match="not JSON"):
        ui_name(data)


def test_a_form_under_another_name_than_monitorui_said_is_refused():
    with pytest.raises(FormRefused, match="named 'other.ui', not acme.serial.ui"):
        form(encoded(changed(name="other.ui")), UI)


def test_a_form_of_64_kib_is_passed_on_and_one_byte_more_is_not():
    document = changed(note="")
    document["note"] = "x" * (MOST_BYTES - len(encoded(document)))
    assert len(encoded(document)) == MOST_BYTES
    assert form(encoded(document), UI).fields
    with pytest.raises(FormRefused, match="65537 bytes"):
        form(encoded(document) + b" ", UI)


def test_a_form_of_64_fields_is_passed_on_and_one_of_65_is_not():
    def of(count: int) -> bytes:
        one = {"type": "string", "title": "x"}
        return encoded(changed(schema={"properties": {f"f{n}": one for n in range(count)}}))

    assert len(form(of(64), UI).fields) == 64
    with pytest.raises(FormRefused, match="65 fields"):
        form(of(65), UI)


@pytest.mark.parametrize(
    "document",
    [
        [], "form", None,
        changed(schema=None), changed(schema={"properties": []}), changed(schema={"properties": {"baud": 1}}),
        with_field("baud", {"type": "object"}), with_field("baud", {"type": ["string", "object"]}),
        with_field("baud", {"title": "without a type"}), with_field("__proto__", {"type": "string"}),
        with_field("a b", {"type": "string"}), with_field("", {"type": "string"}),
        with_field("baud", {"type": "string", "pattern": "(a+)+" * 60}),
        with_field("baud", {"type": "string", "pattern": 1}),
        changed(schema={"properties": {}, "$defs": {"x": {"$ref": "https://acme.example/x.json"}}}),
        changed(ui={"elements": [{"rule": {"$dynamicRef": "#x"}}]}),
        changed(commit={"add": []}), changed(commit={"add": ["DeletePort"]}), changed(commit={"add": "AddPort"}),
        changed(commit={"add": ["AddPort", "rm -rf"]}), changed(commit={"add": ["AddPort"] * 9}),
        changed(title="\ud800"),
    ],
)  # fmt: skip
def test_a_form_that_is_no_flat_object_of_scalars_is_refused(document: Any):
    with pytest.raises(FormRefused):
        form(encoded(document), UI)


def test_a_form_with_numbers_that_a_browser_cannot_read_is_refused():
    with pytest.raises(FormRefused, match="not JSON"):
        form(encoded(changed(note=float("nan"))), UI)


def test_a_member_given_twice_is_passed_on_once_as_it_was_checked():
    data = encoded(changed(note="checked"))
    twice = data[:-1] + b',"note":"the last one counts"}'
    assert form(twice, UI).encoded.count(b'"note"') == 1


def test_secrets_are_known_by_schema_and_by_widget():
    document = form_document()
    document["schema"]["properties"] |= {
        "community": {"type": "string"},
        "password": {"type": "string", "format": "password"},
    }
    control = {"type": "Control", "scope": "#/properties/community", "options": {"widget": "secret"}}
    document["ui"] = {"type": "VerticalLayout", "elements": [{"type": "Group", "elements": [control]}]}
    assert form(encoded(document), UI).secrets == {"pin", "community", "password"}


@given(st.binary(max_size=300) | JSON.map(encoded))
@settings(max_examples=150, deadline=None)
def test_whatever_a_monitor_sends_is_a_form_or_refused(data: bytes):
    for read in (lambda: form(data, UI), lambda: ui_name(data)):
        try:
            found = read()
        except FormRefused:
            continue
        assert isinstance(found, Form | str)


@given(st.sampled_from(["schema", "ui", "commit", "name", "revision", "presets"]), JSON)
@settings(max_examples=200, deadline=None)
def test_a_form_with_anything_in_one_member_is_a_form_or_refused(member: str, value: Any):
    try:
        found = form(encoded(form_document() | {member: value}), UI)
    except FormRefused:
        return
    assert len(found.encoded) > 0
