"""What was typed into a form as values, and values as a control holds them. Pure, and safe with hostile documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_TEXT = 600
Value = str | int | float | bool | None


def typed(
    document: Mapping[str, Any], given: Mapping[str, str], names: Sequence[str]
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return what was typed as values of the fields' types, and an error for each that is not one.

    Fields in `names` were on the form; a switch that is not in `given` is off, an empty secret stays as it was.
    """
    properties = map_in(map_in(document.get("schema")).get("properties"))
    values: dict[str, Value] = {}
    errors: dict[str, str] = {}
    for name in names:
        schema = map_in(properties.get(name))
        if not schema or schema.get("readOnly") is True:
            continue
        kind, text = text_in(schema.get("type")), given.get(name)
        if kind == "boolean":
            values[name] = text is not None
        elif text is None or (
            not text and (schema.get("writeOnly") is True or schema.get("format") == "password")
        ):
            continue
        elif kind in ("integer", "number"):
            try:
                values[name] = int(text) if kind == "integer" else _number(text)
            except ValueError:
                errors[name] = "Type a whole number." if kind == "integer" else "Type a number."
        else:
            values[name] = text
    return values, errors


def broken_rules(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Return a message for each field of a rule between fields (the schema's `allOf` of `if`/`then`) that does not hold.

    Only `const` and `enum` count, which is the flat profile; what else a rule says is the monitor's to judge. Both sides
    of a broken rule get their message, for either may be the one that was just changed.
    """
    schema, messages = map_in(document.get("schema")), map_in(document.get("messages"))
    found: dict[str, str] = {}
    for rule in map(map_in, list_in(schema.get("allOf"))):
        asked = map_in(map_in(rule.get("if")).get("properties"))
        wanted = map_in(map_in(rule.get("then")).get("properties"))
        if not asked or not _holds(asked, values) or _holds(wanted, values):
            continue
        for name in (*asked, *wanted):
            text = text_in(map_in(messages.get(f"#/properties/{name}")).get("allOf"))
            if text and name in values:
                found[name] = text
        if wanted and not found.keys() & {*asked, *wanted}:
            found[next(iter(wanted))] = "This does not go with the other settings."
    return found


def _holds(properties: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    for name, one in properties.items():
        schema, value = map_in(one), values.get(name)
        if "const" in schema and value != schema["const"]:
            return False
        if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
            return False
    return True


def _number(text: str) -> float:
    found = float(text.strip()[:40])
    if found != found or found in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is the one that is not itself
        raise ValueError(text)
    return found


def as_text(value: object) -> str:
    """Return a value as a control holds it: whole numbers without a fraction."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)[:MOST_TEXT]


def text_in(value: object) -> str:
    """Return a text, bounded; whatever else is none."""
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def map_in(value: object) -> Mapping[str, Any]:
    """Return a JSON object; whatever else is an empty one."""
    return value if isinstance(value, dict) else {}


def list_in(value: object) -> list[Any]:
    """Return a JSON array; whatever else is an empty one."""
    return value if isinstance(value, list) else []
