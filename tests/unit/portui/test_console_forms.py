"""Form documents drawn as fields: the layout's, the schema's, a stranger's, an enemy's."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portui.fabric import Fabric
from portui.web import asking, devices
from portui.web.form_asks import Choice
from portui.web.form_values import broken_rules, typed
from portui.web.form_view import FormView, build, summary

SERIAL: dict[str, Any] = {
    "schema": {
        "title": "Serial port",
        "properties": {
            "baud": {
                "type": "integer",
                "title": "Bits per second",
                "enum": [9600, 19200, 38400, 57600, 115200],
            },
            "dataBits": {"type": "integer", "enum": [5, 6, 7, 8], "default": 8},
            "parity": {"type": "string", "enum": ["none", "even"], "default": "none"},
            "readStatus": {"type": "boolean", "default": True},
            "query": {"type": "string", "default": "zpl"},
            "community": {"type": "string", "writeOnly": True},
            "wait": {"type": "number", "minimum": 0.5, "default": 30.0},
        },
    },
    "ui": {
        "type": "VerticalLayout",
        "elements": [
            {
                "type": "Group",
                "label": "Line",
                "elements": [
                    {"type": "Control", "scope": "#/properties/baud", "options": {"widget": "select"}},
                    {"type": "Control", "scope": "#/properties/dataBits", "options": {"widget": "hologram"}},
                    {"type": "Control", "scope": "#/properties/device", "options": {}},
                ],
            },
            {
                "type": "Control",
                "scope": "#/properties/query",
                "rule": {
                    "effect": "SHOW",
                    "condition": {"scope": "#/properties/readStatus", "schema": {"const": True}},
                },
            },
        ],
    },
    "summary": "{baud} {dataBits}{parity|initial}1",
    "presets": [
        {"title": "Zebra", "values": {"baud": 9600, "unheard": 1}},
        {"title": "", "values": {"baud": 1}},
        7,
    ],
    "actions": [
        {
            "xcv": "AutoBaud",
            "title": "Detect",
            "fills": ["baud"],
            "choice": {
                "name": "ask",
                "values": [
                    {"value": "zz-listen", "title": "by listening"},
                    {"value": "zpl-hi", "title": "ask"},
                    {"value": "x", "title": 7},
                    7,
                ],
            },
        },
        {"xcv": "Probe", "choice": {"name": "rm -rf", "values": [{"value": "a", "title": "b"}]}},
        {"xcv": "rm -rf"},
        None,
    ],
}


def fields(view: FormView) -> dict[str, Any]:
    return {one.name: one for group in view.groups for one in group.fields}


def test_a_form_is_its_layout_and_then_whatever_the_layout_forgot():
    view = build(SERIAL, {"baud": 19200})
    drawn = fields(view)

    assert [group.title for group in view.groups] == ["Line", "", "More"]
    assert list(drawn) == ["baud", "dataBits", "query", "parity", "readStatus", "community", "wait"]
    assert (drawn["baud"].widget, drawn["baud"].value) == ("select", "19200")
    assert drawn["dataBits"].widget == "segmented", "a widget that is not known is the plain one"
    assert drawn["wait"].value == "30"
    assert view.summary == "19200 8N1"
    assert [title for title, _values in view.presets] == ["Zebra"]
    assert [ask.command for ask in view.asks] == ["AutoBaud", "Probe"]
    assert [ask.choice for ask in view.asks] == [
        Choice("ask", "ask", (("zz-listen", "by listening"), ("zpl-hi", "ask"))),
        None,
    ]


def test_a_field_is_hidden_by_its_rule_and_keeps_its_value():
    assert not fields(build(SERIAL, {}))["query"].hidden
    hidden = fields(build(SERIAL, {"readStatus": False}))["query"]
    assert (hidden.hidden, hidden.value) == (True, "zpl")


def test_a_secret_is_never_shown():
    assert fields(build(SERIAL, {"community": "s3cret"}))["community"].value == ""


def test_an_error_stands_at_its_field_and_one_without_a_field_at_the_form():
    view = build(SERIAL, {}, {"baud": "Choose a speed.", "name": "The name is taken.", "": "No."})

    assert fields(view)["baud"].error == "Choose a speed."
    assert view.general_error == "The name is taken. No."
    assert view.wrong == 2


def test_what_hinders_a_change_and_is_not_in_its_values_is_told_and_keeps_nobody_from_trying_again():
    view = build(SERIAL, {}, hindrance="host edge-7 does not answer")

    assert view.hindrance == "host edge-7 does not answer"
    assert view.wrong == 0


def test_what_was_typed_gets_its_fields_types():
    names = ["baud", "readStatus", "community", "wait", "query"]
    values, errors = typed(SERIAL, {"baud": "19200", "community": "", "wait": "0.5", "query": "epl"}, names)
    assert values == {"baud": 19200, "readStatus": False, "wait": 0.5, "query": "epl"}
    assert errors == {}
    values, errors = typed(SERIAL, {"baud": "fast", "wait": "nan"}, names)
    assert set(errors) == {"baud", "wait"}
    assert "baud" not in values


def test_a_field_that_was_not_on_the_form_is_not_sent():
    assert typed(SERIAL, {"baud": "9600", "evil": "1"}, ["evil"]) == ({}, {})


def test_a_rule_between_fields_that_does_not_hold_is_told_at_both_of_them_in_the_forms_own_words():
    rule = {"if": {"properties": {"stop": {"const": "1.5"}}}, "then": {"properties": {"bits": {"const": 5}}}}
    words = {
        "#/properties/stop": {"allOf": "1.5 stop bits need 5 data bits."},
        "#/properties/bits": {"allOf": "Take 5."},
    }
    document = {"schema": {"allOf": [rule, 7, {}]}, "messages": words}

    assert broken_rules(document, {"stop": "1", "bits": 8}) == {}
    assert broken_rules(document, {"stop": "1.5", "bits": 5}) == {}
    assert set(broken_rules(document, {"stop": "1.5", "bits": 8})) == {"stop", "bits"}
    assert broken_rules({"schema": {"allOf": [rule]}}, {"stop": "1.5", "bits": 8}).keys() == {"bits"}


def test_a_summary_with_braces_that_do_not_match_ends():
    assert summary("{{{{", {}) == ""
    assert summary("a}b{c", {"c": 1}) == "a}b1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
HOSTILE = st.fixed_dictionaries(
    {},
    optional={
        "schema": st.fixed_dictionaries(
            {
                "properties": st.dictionaries(
                    st.sampled_from(["a", "b", "c"]), JSON | st.fixed_dictionaries({"type": JSON})
                )
            }
        )
        | JSON,
        "ui": st.fixed_dictionaries({"type": JSON, "elements": st.lists(JSON, max_size=4)}) | JSON,
        "summary": JSON,
        "presets": JSON,
        "actions": JSON,
    },
)


@settings(max_examples=200, deadline=None)
@given(HOSTILE, st.dictionaries(st.sampled_from(["a", "b", "z"]), JSON, max_size=3))
@pytest.mark.alone
def test_no_document_and_no_values_break_the_drawing(document: dict[str, Any], values: dict[str, Any]):
    began = time.monotonic()
    view = build(document, values)
    typed(document, {"a": "1", "b": "x"}, ["a", "b", "c"])
    broken_rules(document, values)
    assert time.monotonic() - began < 1
    assert isinstance(view, FormView)


def test_a_commands_answer_proposes_only_the_fields_it_may_fill():
    fills = ("baud", "parity")
    assert asking.proposed(b'{"best": {"baud": 19200, "evil": 1}}', fills) == {"baud": 19200}
    assert asking.proposed(b'{"baud": 9600, "parity": ["x"]}', fills) == {"baud": 9600}
    assert asking.proposed(b"\xff", fills) == {}
    assert asking.proposed(b"[1]", fills) == {}


def test_devices_are_what_a_host_names_and_nothing_else():
    found = devices.devices_in(
        b'{"devices": [{"path": "/dev/a", "inUse": true}, {"path": 7}, "x"]}', "Local Port"
    )
    assert [(one.path, one.in_use) for one in found] == [("/dev/a", "in use")]
    assert devices.devices_in(b"nonsense", "Local Port") == []


class Asked:
    """A fabric that keeps what a command was given."""

    def __init__(self) -> None:
        self.documents: list[Any] = []

    @asynccontextmanager
    async def session(self, **_about: Any) -> AsyncIterator[object]:
        yield object()

    async def long_data(
        self, _xcv: object, _name: str, document: bytes, _timeout_s: float
    ) -> AsyncIterator[tuple[str, bytes, int | None]]:
        self.documents.append(json.loads(document))
        yield "done", b"", 0


async def test_what_was_chosen_about_a_command_goes_along_and_nothing_else_does():
    fabric, target = Asked(), asking.Target(port="hosts/edge/ports/COM1:", name="COM1:")
    detect = build(SERIAL, {}).asks[0]
    for chosen in ("zpl-hi", "rm -rf", ""):
        async for _step in asking.steps(cast("Fabric", fabric), target, detect, {"baud": 9600}, chosen):
            pass
    about = {"settings": {"baud": 9600}, "name": "COM1:"}
    assert fabric.documents == [{"ask": "zpl-hi", **about}, about, about]
