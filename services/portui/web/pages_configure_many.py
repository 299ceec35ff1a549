"""Several ports configured at once, with the one form that they share; what became of each is said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import EtagMismatch, FabricError
from portui import port_config
from portui.fabric import Fabric
from portui.port_config import Described
from portui.web import form_values, form_view, mixed_form, monitor_form, shown
from portui.web.changes import sentence, texts_of
from portui.web.rendering import console_of, go, page

_WHO = "console"
_MOST = 50


@dataclass(frozen=True, slots=True)
class _Marked:
    """A marked port: its resource name, and its settings as they are now."""

    name: str
    described: Described

    @property
    def label(self) -> str:
        """`COM1: on edge-7`."""
        host, _, port = self.name.removeprefix("hosts/").partition("/ports/")
        return f"{port} on {host}"


async def choose(request: Request, form: FormData) -> Response:
    """Show the form that the marked ports share."""
    names = texts_of(form, "port")[:_MOST]
    if not names:
        return go("/ports", "No port was marked.")
    marked = await _described(console_of(request).spooler.on_behalf_of(), names)
    kinds = {one.described.ui.partition(";")[0] for one in marked}
    if len(kinds) > 1:
        return go("/ports", "These ports have different forms. Mark ports of one kind.")
    return _page(request, marked, {})


async def save(request: Request, form: FormData) -> Response:
    """Check the changes at every port, then make them; if one of them refuses the check, none is changed."""
    fabric = console_of(request).spooler.on_behalf_of()
    marked = await _described(fabric, texts_of(form, "port")[:_MOST])
    if not marked:
        return go("/ports", "No port was marked.")
    wanted, errors = _wanted(form, marked)
    if errors or not wanted:
        return _page(request, marked, errors or {"": "Nothing was changed: every field was left as it is."})
    revisions = dict(zip(texts_of(form, "port"), texts_of(form, "revision"), strict=False))
    checked = await _all(fabric, marked, wanted, revisions, check=True)
    if wrong := [f"{one.label}: {error}" for one, error in zip(marked, checked, strict=True) if error]:
        return _page(request, marked, {"": f"Nothing was changed. {' '.join(wrong)}"})
    done = await _all(fabric, marked, wanted, revisions, check=False)
    return page(
        request,
        "configured.html",
        results=[
            (one.label, shown.path_of_key(one.name.removeprefix("hosts/").replace("/ports/", "/", 1)), error)
            for one, error in zip(marked, done, strict=True)
        ],
        changes=", ".join(f"{name} {form_values.as_text(value)}" for name, value in wanted.items()),
    )


async def _described(fabric: Fabric, names: Sequence[str]) -> list[_Marked]:
    found = await asyncio.gather(*(port_config.describe(fabric, port=name) for name in names))
    return [_Marked(name, described) for name, described in zip(names, found, strict=True)]


def _wanted(form: FormData, marked: Sequence[_Marked]) -> tuple[dict[str, Any], dict[str, str]]:
    document = monitor_form.document_of(marked[0].described)
    properties = form_values.map_in(form_values.map_in(document.get("schema")).get("properties"))
    kinds = {
        name: form_values.text_in(form_values.map_in(one).get("type")) for name, one in properties.items()
    }
    given = {key[2:]: value for key, value in form.items() if key.startswith("f.") and isinstance(value, str)}
    common = mixed_form.shared([monitor_form.values_of(one.described) for one in marked])
    # What the form showed as common is what counts, though somebody may have changed it meanwhile.
    common = {name: value for name, value in common.items() if name in texts_of(form, "common")}
    kept, names = mixed_form.touched(given, texts_of(form, "fields"), kinds, common)
    return form_values.typed(document, kept, names)


async def _all(
    fabric: Fabric,
    marked: Sequence[_Marked],
    wanted: dict[str, Any],
    revisions: dict[str, str],
    *,
    check: bool,
) -> list[str]:
    """Return for each port what stands against the change; empty where nothing does."""
    return await asyncio.gather(*(_one(fabric, one, wanted, revisions, check=check) for one in marked))


async def _one(
    fabric: Fabric, one: _Marked, wanted: dict[str, Any], revisions: dict[str, str], *, check: bool
) -> str:
    values = {**monitor_form.values_of(one.described), **wanted}
    if broken := monitor_form.broken_rules(one.described, values):
        return " ".join(broken.values())
    try:
        done = await port_config.configure(
            fabric,
            one.name,
            monitor_form.as_json(wanted),
            _WHO,
            revision=revisions.get(one.name, one.described.revision),
            validate_only=check,
        )
    except EtagMismatch:
        return "somebody changed it meanwhile; it was not overwritten."
    except FabricError as error:
        return sentence(error)
    return " ".join(monitor_form.by_field(done).values())


def _page(request: Request, marked: Sequence[_Marked], errors: dict[str, str]) -> Response:
    common = mixed_form.shared([monitor_form.values_of(one.described) for one in marked])
    view = form_view.build(monitor_form.document_of(marked[0].described), common, errors)
    return page(
        request,
        "configure_many.html",
        422 if errors else 200,
        view=mixed_form.drawn(view, common),
        marked=marked,
        common=common,
    )
