"""One form for several ports: what differs is left as it is unless somebody touches it."""

from __future__ import annotations

from typing import Any

from portui.web import form_values, form_view, mixed_form

DOCUMENT: dict[str, Any] = {
    "schema": {
        "type": "object",
        "properties": {
            "baud": {"type": "integer", "enum": [9600, 19200], "title": "Baud"},
            "device": {"type": "string"},
            "raw": {"type": "boolean"},
            "snmp": {"type": "boolean"},
        },
    }
}
KINDS = {"baud": "integer", "device": "string", "raw": "boolean", "snmp": "boolean"}
ONE = {"baud": 9600, "device": "/dev/ttyS0", "raw": True, "snmp": False}
OTHER = {"baud": 19200, "device": "/dev/ttyS1", "raw": False, "snmp": False}


def wanted(**given: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a form with these texts changes at both ports."""
    kept, names = mixed_form.touched(given, list(KINDS), KINDS, mixed_form.shared([ONE, OTHER]))
    return form_values.typed(DOCUMENT, kept, names)


def test_what_all_have_is_shown_and_what_differs_can_be_left_as_it_is():
    common = mixed_form.shared([ONE, OTHER])
    assert common == {"snmp": False}
    view = mixed_form.drawn(form_view.build(DOCUMENT, common), common)
    fields = {one.name: one for group in view.groups for one in group.fields}
    assert fields["baud"].options[0] == ("", "leave as it is")
    assert fields["raw"].widget == "select"
    assert (fields["device"].value, fields["device"].placeholder) == (
        "",
        "differs; empty leaves each as it is",
    )
    assert fields["snmp"].widget == "switch"


def test_an_untouched_form_changes_nothing():
    assert wanted(baud="", device="", raw="") == ({}, {})


def test_only_what_was_touched_is_changed_switches_too():
    assert wanted(baud="19200", device="", raw="false", snmp="true") == (
        {"baud": 19200, "raw": False, "snmp": True},
        {},
    )
    assert wanted(baud="", device="", raw="true") == ({"raw": True}, {})


def test_what_is_no_value_of_its_field_is_said():
    assert wanted(baud="fast")[1].keys() == {"baud"}
