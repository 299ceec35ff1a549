"""The values of a form: what a port has, what a caller wants, what the monitor says about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chassis.errors import InvalidArgument
from portui.forms import MOST_BYTES, MOST_FIELDS, Form, FormRefused, encoded, parse, short

HIDDEN = "(secret)"
_MOST_TEXT_CHARS = 500


class FieldError(NamedTuple):
    """What is wrong with one field: a JSON pointer into the settings ("" is all of them), and one sentence."""

    pointer: str
    message: str


class Config(NamedTuple):
    """A port's name as its monitor spells it, its present settings, and their revision."""

    name: str
    revision: str
    settings: Mapping[str, Any]


def config(output: bytes) -> Config:
    """Return what GetConfigInfo answered.

    Raises:
        FormRefused: it is something else.
    """
    if len(output) > MOST_BYTES:
        raise FormRefused(f"GetConfigInfo's answer has {len(output)} bytes; {MOST_BYTES} are allowed")
    found = parse(output, "GetConfigInfo's answer")
    rows = found if isinstance(found, dict) else {}
    name, revision, settings = rows.get("name"), rows.get("revision", ""), rows.get("settings")
    if not isinstance(name, str) or not isinstance(revision, str) or not isinstance(settings, dict):
        raise FormRefused("GetConfigInfo's answer has no name, revision or settings")
    return Config(name, revision, settings)


def exists(output: bytes) -> bool:
    """Return what PortExists answered: `{"exists": true}`, or Windows' DWORD as a bare number.

    Raises:
        FormRefused: it is neither.
    """
    found = parse(output[:MOST_BYTES], "PortExists' answer")
    found = found.get("exists") if isinstance(found, dict) else found
    if not isinstance(found, bool | int):
        raise FormRefused("PortExists' answer is neither yes nor no")
    return bool(found)


def given_settings(data: bytes) -> dict[str, Any]:
    """Return the settings a caller sent; nothing is the same as {}. What the values mean is the monitor's to judge.

    Raises:
        InvalidArgument: it is not a JSON object of at most 64 KiB and 64 members.
    """
    if not data:
        return {}
    wrong = None
    if len(data) > MOST_BYTES:
        wrong = f"has {len(data)} bytes; {MOST_BYTES} are allowed"
    else:
        try:
            found = parse(data, "it")
            encoded(found, "it")
        except FormRefused:
            wrong = "is not JSON in UTF-8"
        else:
            if not isinstance(found, dict):
                wrong = "is not a JSON object"
            elif len(found) <= MOST_FIELDS:
                return found
            else:
                wrong = f"has {len(found)} members; {MOST_FIELDS} are allowed"
    raise InvalidArgument(f"settings: {wrong}", fields=[("settings", wrong)])


def nested(settings: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return an error for each value that is no scalar: a port has none such."""
    return tuple(
        FieldError(pointer(name), "must be a text, a number, true or false")
        for name, value in settings.items()
        if isinstance(value, dict | list)
    )


def pointer(name: str) -> str:
    """Return the JSON pointer to a member (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def visible(values: Mapping[str, Any], known: Form) -> bytes:
    """Return values as JSON without secrets and without what the form does not have."""
    shown = {
        name: value for name, value in values.items() if name in known.fields and name not in known.secrets
    }
    return encoded(shown, "the port's settings")


def changes(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the members that `given` changes, each with its old and new value; a member not given stays."""
    return {
        name: (before.get(name), value)
        for name, value in given.items()
        if name not in before or not _equal(before[name], value)
    }


def _equal(one: Any, other: Any) -> bool:
    # Python holds True for 1; a form does not.
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def audited(changed: Mapping[str, tuple[Any, Any]], known: Form | None) -> dict[str, str]:
    """Return changes as texts for the log, `9600 → 19200`. Without a form nobody knows what is secret: all is hidden."""
    return {
        _plain(name)[:64]: HIDDEN
        if known is None or name in known.secrets or name not in known.fields
        else f"{short(old)} → {short(new)}"
        for name, (old, new) in changed.items()
    }


def monitors_errors(output: bytes) -> list[FieldError]:
    """Return the errors in a monitor's answer, `{"errors": {"/baud": "…"}}`; [] when it has none that can be read."""
    try:
        found = parse(output, "the answer") if 0 < len(output) <= MOST_BYTES else None
    except FormRefused:
        return []
    rows = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(rows, dict):
        return []
    return [
        FieldError(_plain(where)[:200], _plain(what)[:_MOST_TEXT_CHARS])
        for where, what in list(rows.items())[:MOST_FIELDS]
        if isinstance(what, str) and (not where or where.startswith("/"))
    ]


def _plain(text: str) -> str:
    """Return text without control characters and what cannot be encoded, for a log or a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
