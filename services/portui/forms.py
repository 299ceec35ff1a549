"""Form documents: hostile data until it is checked. Pure.

A form document comes from a port monitor, which may be somebody else's code; it is shown in an administrator's browser.
So it is data only, of bounded size, one flat object of scalars, and refers to nothing outside itself. Unknown members
are left alone: an older console shows what it understands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import FabricError

MOST_BYTES = 65536
MOST_FIELDS = 64
_MOST_PATTERN_CHARS = 256  # renderers run patterns on what people type
_MOST_STEPS = 8
_CHECKS = ("PortExists", "PortIsValid")
_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_OUTSIDE = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
# S18: a base name, as Windows loads UI modules by bare file name; then revision and digest, if the monitor says them.
_UI_NAME = re.compile(r"(?P<base>[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)(?:;\d{1,9}(?:;sha256=[0-9a-f]{8,64})?)?")
_MOST_UI_NAME = 256
_COMMAND = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_SECRET_WIDGET = "secret"  # noqa: S105 - a widget's name


class FormRefused(FabricError):
    """What a monitor gave as its form is not one, or not one that may be shown; it was not passed on."""

    reason, win32, code = (
        "FORM_REFUSED",
        126,
        "FAILED_PRECONDITION",
    )  # ERROR_MOD_NOT_FOUND: the UI was not found


@dataclass(frozen=True, slots=True)
class Form:
    """A form document that has been checked."""

    document: Mapping[str, Any]
    fields: frozenset[str]
    secrets: frozenset[str] = frozenset()
    # The commands that add a port, in order; AddPort is the first.
    add_steps: tuple[str, ...] = ("AddPort",)
    encoded: bytes = field(default=b"", repr=False)


def ui_name(output: bytes) -> str:
    """Return the monitor's answer to MonitorUI: a JSON string with the form's base name, as `acme.ui;3;sha256=…`.

    Raises:
        FormRefused: it is something else, has a path or separators in it.
    """
    found = parse(output, "MonitorUI's answer")
    if not isinstance(found, str) or len(found) > _MOST_UI_NAME or not _UI_NAME.fullmatch(found):
        raise FormRefused(f"MonitorUI's answer {short(found)} is not a base name", ui=short(found))
    return found


def form(output: bytes, ui: str) -> Form:
    """Return the form document of `ui`, checked.

    Raises:
        FormRefused: too large, no JSON, of another name, nested, or with references.
    """
    if len(output) > MOST_BYTES:
        raise FormRefused(f"the form document has {len(output)} bytes; {MOST_BYTES} are allowed", ui=ui)
    found = parse(output, "the form document")
    if not isinstance(found, dict):
        raise FormRefused("the form document is not a JSON object", ui=ui)
    base = ui.partition(";")[0]
    if found.get("name") != base:
        raise FormRefused(f"the form document is named {short(found.get('name'))}, not {base}", ui=ui)
    _refuse_references(found)
    properties = _properties(found.get("schema"))
    return Form(
        document=found,
        fields=frozenset(properties),
        secrets=frozenset(name for name, one in properties.items() if _is_secret(one))
        | _secret_widgets(found),
        add_steps=_steps(found.get("commit")),
        encoded=encoded(found, "the form document"),
    )


def parse(data: bytes, what: str) -> Any:
    """Return a JSON document.

    Raises:
        FormRefused: it is none, `what` says of what.
    """
    try:
        # NaN and Infinity are Python's, not JSON's: a browser could not read them.
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FormRefused(f"{what} is not JSON in UTF-8") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def encoded(value: object, what: str) -> bytes:
    """Return what was checked as JSON, and not the bytes it came in: a member given twice is gone.

    Raises:
        FormRefused: it has lone surrogates.
    """
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        raise FormRefused(f"{what} has text that is not Unicode, or is too deep") from error


def _refuse_references(document: Mapping[str, Any]) -> None:
    waiting: list[Any] = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if not _OUTSIDE.isdisjoint(one):
                raise FormRefused("the form document refers to other documents")
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _properties(schema: object) -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of a flat schema: one object, scalar members."""
    found = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(found, dict):
        raise FormRefused("the form document has no schema with properties")
    if len(found) > MOST_FIELDS:
        raise FormRefused(f"the form has {len(found)} fields; {MOST_FIELDS} are allowed")
    for name, one in found.items():
        if not _PROPERTY.fullmatch(name):
            raise FormRefused(f"the form has a field named {short(name)}")
        if not isinstance(one, dict) or not _is_scalar(one):
            raise FormRefused(f"the form's field {name} is not a string, number or boolean")
        pattern = one.get("pattern", "")
        if not isinstance(pattern, str) or len(pattern) > _MOST_PATTERN_CHARS:
            raise FormRefused(
                f"the form's field {name} has a pattern of more than {_MOST_PATTERN_CHARS} characters"
            )
    return found


def _is_scalar(one: Mapping[str, Any]) -> bool:
    kind = one.get("type")
    return isinstance(kind, str) and kind in _SCALARS


def _is_secret(one: Mapping[str, Any]) -> bool:
    return one.get("writeOnly") is True or one.get("format") == "password"


def _secret_widgets(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields whose control is a secret one, wherever in the layout it stands."""
    found, waiting = set(), [document.get("ui")]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        options, scope, elements = one.get("options"), one.get("scope"), one.get("elements")
        if isinstance(options, dict) and options.get("widget") == _SECRET_WIDGET and isinstance(scope, str):
            found.add(scope.rpartition("/")[2])
        if isinstance(elements, list):
            waiting.extend(elements)
    return frozenset(found)


def _steps(commit: object) -> tuple[str, ...]:
    """Return the commands that add a port; the checks before them are asked anyway."""
    steps = commit.get("add") if isinstance(commit, dict) else None
    if steps is None:
        return ("AddPort",)
    while isinstance(steps, list) and steps and steps[0] in _CHECKS:
        steps = steps[1:]
    if (
        not isinstance(steps, list)
        or not 0 < len(steps) <= _MOST_STEPS
        or not all(isinstance(step, str) and _COMMAND.fullmatch(step) for step in steps)
        or steps[0] != "AddPort"
    ):
        raise FormRefused(f"the form's commands for adding a port are {short(steps)}")
    return tuple(steps)


def short(value: object) -> str:
    """Return a value as a message may quote it."""
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"
