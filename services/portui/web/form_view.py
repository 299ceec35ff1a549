"""A form document and values as fields to draw, and what was typed as values. Pure, and safe with hostile documents.

The document has passed `portui.forms`: a flat object of scalars, of bounded size. Whatever else it says is taken if it
has the right shape and left out if not; a widget that is not known is the type's plain control. Without a layout a
form is made from the schema alone. Texts are shown as texts; patterns are left to the monitor, whose word is final.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portui.web import words
from portui.web.form_asks import Ask, asks_of
from portui.web.form_values import MOST_TEXT, as_text, list_in, map_in, text_in

_MOST_OPTIONS = 200
_WIDGETS = frozenset(
    {
        "text",
        "textarea",
        "secret",
        "number",
        "slider",
        "duration",
        "select",
        "segmented",
        "radio",
        "switch",
        "readonly",
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One control. `options` are (value, label); `hidden` fields keep their value."""

    name: str
    title: str
    widget: str
    kind: str  # string, integer, number, boolean
    value: str = ""
    on: bool = False
    options: tuple[tuple[str, str], ...] = ()
    description: str = ""
    unit: str = ""
    placeholder: str = ""
    minimum: str = ""
    maximum: str = ""
    longest: int = 0
    wide: bool = False
    mono: bool = False
    advanced: bool = False
    hidden: bool = False
    error: str = ""
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading."""

    title: str
    fields: tuple[Field, ...]
    advanced: bool = False


@dataclass(frozen=True, slots=True)
class FormView:
    """A whole form."""

    title: str
    groups: tuple[Group, ...]
    summary: str = ""
    presets: tuple[tuple[str, str], ...] = ()  # title, values as JSON
    asks: tuple[Ask, ...] = ()
    general_error: str = ""
    hindrance: str = ""  # why it could not be done, whatever the values are
    names: tuple[str, ...] = field(default=(), repr=False)

    @property
    def wrong(self) -> int:
        """How many problems there are."""
        fields = sum(bool(one.error) for group in self.groups for one in group.fields)
        return fields + bool(self.general_error)


def build(
    document: Mapping[str, Any],
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    dialog: str = "ConfigPort",
    hindrance: str = "",
) -> FormView:
    """Return a form as it is drawn: `values` over defaults, `errors` by field name ("" for the whole form).

    An error keeps the form from being saved until a value changes; a hindrance is told, and may be gone when Save is pressed.
    """
    schema = map_in(document.get("schema"))
    properties = {
        name: one for name, one in map_in(schema.get("properties")).items() if isinstance(one, dict)
    }
    merged = {name: values.get(name, one.get("default")) for name, one in properties.items()}
    wrong = dict(errors or {})
    drawn: set[str] = set()
    groups: list[Group] = []
    for title, controls in _groups(document.get("ui")):
        fields = []
        for control in controls:
            name = text_in(control.get("scope")).rpartition("/")[2]
            if name in properties and name not in drawn and _fits(control, dialog):
                drawn.add(name)
                fields.append(_field(name, properties[name], control, merged, wrong.pop(name, "")))
        if fields:
            groups.append(Group(title, tuple(fields), all(one.advanced for one in fields)))
    rest = [name for name in properties if name not in drawn and not _left_out(document, name, dialog)]
    if rest:
        plain = tuple(_field(name, properties[name], {}, merged, wrong.pop(name, "")) for name in rest)
        groups.append(Group("" if not groups else "More", plain))
    return FormView(
        title=text_in(schema.get("title")) or text_in(document.get("monitor")),
        groups=tuple(groups),
        summary=summary(text_in(document.get("summary")), merged),
        presets=_presets(document.get("presets"), properties),
        asks=asks_of(document.get("actions")),
        general_error=" ".join(dict.fromkeys(text for text in wrong.values() if text)),
        hindrance=hindrance,
        names=tuple(properties),
    )


def _groups(ui: object) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the layout flat: (heading, controls), in order; depth and number are bounded by the document's size."""
    found: list[tuple[str, list[Mapping[str, Any]]]] = [("", [])]
    waiting: list[tuple[str, object]] = [("", ui)]
    while waiting:
        title, node = waiting.pop(0)
        if not isinstance(node, dict):
            continue
        if node.get("type") == "Control":
            if found[-1][0] != title:
                found.append((title, []))
            found[-1][1].append(node)
        elements = node.get("elements")
        if isinstance(elements, list):
            label = text_in(node.get("label")) if node.get("type") == "Group" else title
            waiting[:0] = [(label or title, one) for one in elements[:_MOST_OPTIONS]]
    return [one for one in found if one[1]]


def _fits(control: Mapping[str, Any], dialog: str) -> bool:
    return bool(map_in(control.get("options")).get("when", dialog) == dialog)


def _left_out(document: Mapping[str, Any], name: str, dialog: str) -> bool:
    """Say whether the layout has a control for a field, only not in this dialog."""
    return any(
        text_in(one.get("scope")).rpartition("/")[2] == name and not _fits(one, dialog)
        for _title, controls in _groups(document.get("ui"))
        for one in controls
    )


def _field(
    name: str, schema: Mapping[str, Any], control: Mapping[str, Any], values: Mapping[str, Any], error: str
) -> Field:
    options = map_in(control.get("options"))
    kind = text_in(schema.get("type")) or "string"
    labels = map_in(options.get("labels"))
    choices = schema.get("enum")
    listed = choices[:_MOST_OPTIONS] if isinstance(choices, list) else []
    value = values.get(name)
    return Field(
        name=name,
        title=text_in(schema.get("title")) or words.title_of(name),
        widget=_widget(kind, options, schema, len(listed)),
        kind=kind,
        value="" if schema.get("writeOnly") else as_text(value),
        on=value is True,
        options=tuple((as_text(one), text_in(labels.get(as_text(one))) or as_text(one)) for one in listed),
        description=text_in(schema.get("description")),
        unit=text_in(options.get("unit")) or text_in(schema.get("unit")),
        placeholder=text_in(options.get("placeholder")),
        minimum=as_text(schema.get("minimum")),
        maximum=as_text(schema.get("maximum")),
        longest=found if isinstance(found := schema.get("maxLength"), int) and 0 < found <= 65536 else 0,
        wide=options.get("span") == 2,
        mono=options.get("mono") is True,
        advanced=options.get("advanced") is True,
        hidden=not _visible(control.get("rule"), values),
        error=error[:MOST_TEXT],
        suggestions=tuple(as_text(one) for one in list_in(options.get("suggest"))[:20]),
    )


def _widget(kind: str, options: Mapping[str, Any], schema: Mapping[str, Any], choices: int) -> str:
    wanted = text_in(options.get("widget"))
    if schema.get("readOnly") is True:
        return "readonly"
    if choices:
        return (
            wanted
            if wanted in ("segmented", "radio", "select")
            else "segmented"
            if choices <= 4
            else "select"
        )
    if kind == "boolean":
        return "switch"
    if schema.get("writeOnly") is True or schema.get("format") == "password":
        return "secret"
    plain = "number" if kind in ("integer", "number") else "text"
    return wanted if wanted in _WIDGETS - {"segmented", "radio", "select", "switch"} else plain


def _visible(rule: object, values: Mapping[str, Any]) -> bool:
    """Say whether a rule shows its control: `const` and `enum` of one field, which is all that forms need."""
    rules = map_in(rule)
    condition = map_in(rules.get("condition"))
    schema = map_in(condition.get("schema"))
    value = values.get(text_in(condition.get("scope")).rpartition("/")[2])
    if "const" in schema:
        holds = bool(value == schema["const"])
    elif isinstance(schema.get("enum"), list):
        holds = value in schema["enum"]
    else:
        return True
    return {"SHOW": holds, "HIDE": not holds}.get(text_in(rules.get("effect")), True)


def summary(template: str, values: Mapping[str, Any]) -> str:
    """Return the one-line badge: `{baud} {dataBits}{parity|initial}{stopBits}` becomes `19200 8N1`."""
    found, rest = [], template[:MOST_TEXT]
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        name, _, how = name.partition("|")
        text = as_text(values.get(name))
        found += [before, text[:1].upper() if how == "initial" else text]
    return "".join([*found, rest])[:80].strip()


def _presets(given: object, properties: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = []
    for one in list_in(given)[:12]:
        values = {key: value for key, value in map_in(map_in(one).get("values")).items() if key in properties}
        title = text_in(map_in(one).get("title"))[:60]
        if title and values:
            found.append((title, json.dumps(values)))
    return tuple(found)
