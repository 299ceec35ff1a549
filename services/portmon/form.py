"""The form document of a monitor: what DescribeUI answers, made from its settings class and its `form`. Data only.

A field of the settings says how it is shown in `json_schema_extra`, beside what JSON Schema knows: `group`, `widget`,
`labels`, `unit`, `span`, `mono`, `advanced`, `placeholder`, `suggest`, `when`, `source`, `check`, and `show_if`
({"other": value}). A monitor's `form` may have: `revision`, `title`, `summary`, `presets`, `actions`, `messages`, `rules`
(the schema's `allOf`), and `commit`. docs/form.schema.json is the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any

from portmon.monitor import PortMonitor

DESCRIPTOR = 1
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OPTIONS = (
    "widget", "labels", "unit", "span", "mono", "advanced", "placeholder", "suggest", "when", "source", "check",
)  # fmt: skip
_HINTS = {*_OPTIONS, "group", "show_if"}
_SEGMENTS = 4  # so many choices stand side by side
_LONG_TEXT = 128  # a text that may be longer gets the whole width
_PROBE = {
    "id": "probe", "title": "Test connection", "xcv": "Probe", "stream": True, "requires": "idle",
    "access": "administer", "timeoutSeconds": 60,
    "note": "Connects and asks who is there. Nothing is printed.",
}  # fmt: skip
_TEST_PAGE = {
    "id": "test", "title": "Print a test page", "xcv": "TestPage", "stream": True, "requires": "idle",
    "access": "use", "timeoutSeconds": 120, "confirm": "Prints one page, receipt or label.",
}  # fmt: skip
_COMMIT = {
    "add": ["PortExists", "PortIsValid", "AddPort"],
    "configure": ["PortIsValid", "ConfigPort"],
    "delete": ["DeletePort"],
}


def document(monitor: PortMonitor[Any]) -> dict[str, Any]:
    """Return the document: schema, layout, presets, actions, and the commands that bring it about."""
    return json.loads(_encoded(type(monitor)))  # type: ignore[no-any-return]


def ui_name(monitor: PortMonitor[Any]) -> str:
    """Return what MonitorUI answers: the form's name, its revision and a digest, and so a key to cache it by."""
    text = _encoded(type(monitor))
    found = json.loads(text)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{found['name']};{found['revision']};sha256={digest}"


@lru_cache(maxsize=64)
def _encoded(kind: Hashable) -> str:
    assert isinstance(kind, type)
    assert issubclass(kind, PortMonitor)
    hints = dict(kind.form)
    revision = hints.get("revision", 1)
    raw = kind.settings.model_json_schema(by_alias=True)
    title = hints.get("title") or kind.description or kind.name
    content = {
        "descriptor": DESCRIPTOR,
        "name": f"printfabric.{kind.scheme}.ui",
        "revision": revision,
        "monitor": kind.name,
        "for": ["AddPort", "ConfigPort"],
        "schema": _schema(raw, f"urn:printfabric:monitor:{kind.scheme}:port:{revision}", title, hints),
        "ui": _layout(raw["properties"], title),
        "summary": hints.get("summary", ""),
        "presets": hints.get("presets", []),
        "actions": hints.get("actions", [_PROBE, _TEST_PAGE]),
        "commit": hints.get("commit", _COMMIT),
        "messages": hints.get("messages", {}),
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


# --- the schema


def _schema(raw: Mapping[str, Any], name: str, title: str, hints: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "$schema": _DIALECT,
        "$id": name,
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "required": sorted(raw.get("required", [])),
        "properties": {field: _scalar(one) for field, one in raw["properties"].items()},
    }
    return found | ({"allOf": hints["rules"]} if "rules" in hints else {})


def _scalar(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field in the flat profile: bounds included, one value as a choice of one, no hints."""
    found = {key: value for key, value in one.items() if key not in _HINTS}
    step = 1 if found.get("type") == "integer" else 0.001
    if "exclusiveMinimum" in found:
        found["minimum"] = found.pop("exclusiveMinimum") + step
    if "exclusiveMaximum" in found:
        found["maximum"] = found.pop("exclusiveMaximum") - step
    if "const" in found:
        found["enum"] = [found.pop("const")]
    return found


# --- the layout


def _layout(properties: Mapping[str, Mapping[str, Any]], title: str) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for field, one in properties.items():
        groups.setdefault(one.get("group", title), []).append(_control(field, one))
    # What every port has comes from the parent class, and so first; it is looked at last.
    rows = sorted(groups.items(), key=lambda row: row[0] == "Behaviour")
    elements = [{"type": "Group", "label": label, "elements": controls} for label, controls in rows]
    return {"type": "VerticalLayout", "elements": elements}


def _control(field: str, one: Mapping[str, Any]) -> dict[str, Any]:
    options = {"widget": _widget(one)} | {key: one[key] for key in _OPTIONS if key in one}
    if not isinstance(options.get("suggest", ""), str):
        del options[
            "suggest"
        ]  # the format has one suggestion, a pattern; several are for the page of the monitor
    if one.get("type") == "string" and one.get("maxLength", 0) >= _LONG_TEXT:
        options.setdefault("span", 2)
    found = {"type": "Control", "scope": f"#/properties/{field}", "options": options}
    for other, value in one.get("show_if", {}).items():
        schema = {"enum": value} if isinstance(value, list) else {"const": value}
        condition = {"scope": f"#/properties/{other}", "schema": schema}
        found["rule"] = {"effect": "SHOW", "condition": condition}
    return found


def _widget(one: Mapping[str, Any]) -> str:
    if "enum" in one or "const" in one:
        return "segmented" if len(one.get("enum", [1])) <= _SEGMENTS else "select"
    if one.get("writeOnly"):
        return "secret"
    return {"boolean": "switch", "integer": "number", "number": "number"}.get(one["type"], "text")
