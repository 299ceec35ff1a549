"""A monitor's form on a page: its document and values as described, what was typed into it, what stands beside Save."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response, StreamingResponse

from portui.fabric import Fabric
from portui.port_config import Described, Done
from portui.web import asking, form_values, form_view, words
from portui.web.asking import Target
from portui.web.changes import text_of
from portui.web.form_view import FormView


def document_of(described: Described) -> dict[str, Any]:
    """Return the form document."""
    return dict(json.loads(described.document))


def values_of(described: Described) -> dict[str, Any]:
    """Return the present values; none for a port that is not there yet."""
    return dict(json.loads(described.values)) if described.values else {}


def typed(described: Described, form: FormData) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what was typed as values, and an error for each field that holds none."""
    given = {key[2:]: value for key, value in form.items() if key.startswith("f.") and isinstance(value, str)}
    # A field that is hidden by a rule is sent all the same; a box that is not ticked is told by the list of fields.
    names = [name for name in form.getlist("fields") if isinstance(name, str)]
    return form_values.typed(document_of(described), given, names)


def changed_in(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `after` that `before` does not have."""
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def broken_rules(described: Described, values: Mapping[str, Any]) -> dict[str, str]:
    """Return a message for each field of a rule between fields that does not hold."""
    return form_values.broken_rules(document_of(described), values)


def by_field(done: Done) -> dict[str, str]:
    """Return the monitor's errors by the name of their field; "" for the whole form."""
    return {one.pointer.removeprefix("/"): one.message for one in done.errors}


def as_json(values: Mapping[str, Any]) -> bytes:
    """Return values as a monitor takes them."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()


def wrong_in(view: FormView) -> str:
    """Return what keeps a form from being saved; empty when nothing does."""
    return f"Fix {words.many(view.wrong, 'problem')} to save" if view.wrong else ""


def titles_of(described: Described) -> dict[str, str]:
    """Return all settings' titles by their names, also of those that no dialog shows: `{"baud": "Bits per second"}`."""
    properties = form_values.map_in(
        form_values.map_in(document_of(described).get("schema")).get("properties")
    )
    return {
        name: form_values.text_in(form_values.map_in(one).get("title")) or words.title_of(name)
        for name, one in properties.items()
    }


def diff(before: Mapping[str, Any], changed: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return what would be saved: `1 change: Bits per second 9600 → 19200`."""
    rows = [
        f"{titles.get(name) or words.title_of(name)} {form_values.as_text(before.get(name)) or 'empty'} → {form_values.as_text(value) or 'empty'}"
        for name, value in changed.items()
    ]
    return (
        f"{words.many(len(rows), 'change')}: {', '.join(rows)[:160]}" if rows else "Nothing is changed yet."
    )


def answers(fabric: Fabric, described: Described, target: Target, form: FormData) -> Response:
    """Let a monitor do one of its form's commands (Detect settings, …) and tell its steps as they come, a line each."""
    values, _errors = typed(described, form)
    known = {one.id: one for one in form_view.build(document_of(described), values).asks}
    wanted, chosen = known.get(text_of(form, "ask")), text_of(form, "chosen")

    async def lines() -> AsyncIterator[bytes]:
        if wanted is None:
            yield asking.line("This monitor has no such command.")
            return
        async for text, fill in asking.steps(fabric, target, wanted, values, chosen):
            yield asking.line(text, fill)

    return StreamingResponse(lines(), media_type="application/x-ndjson")
