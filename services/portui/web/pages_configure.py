"""Configuring a port with the form of its own monitor, and asking the monitor; every path is the gRPC service's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import EtagMismatch, FabricError
from portui import port_config
from portui.port_config import Described, Done
from portui.web import form_values, form_view, monitor_form, shown, words
from portui.web.asking import Target
from portui.web.changes import sentence, text_of
from portui.web.rendering import console_of, go, page

_WHO = "console"


async def configure(request: Request) -> Response:
    """S6: the settings of a port."""
    name = _resource(request)
    described = await port_config.describe(console_of(request).spooler.on_behalf_of(), port=name)
    return _configure_page(request, described, monitor_form.values_of(described), revision=described.revision)


def _configure_page(
    request: Request,
    described: Described,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    *,
    revision: str,
    verdict: str = "",
    hindrance: str = "",
    checking: bool = False,
) -> Response:
    host, port = request.path_params["host"], request.path_params["port"]
    known = console_of(request).live.fleet.ports.get(f"{host}/{port}")
    view = form_view.build(monitor_form.document_of(described), values, errors, hindrance=hindrance)
    return page(
        request,
        "configure.html",
        422 if (errors or hindrance) and not checking else 200,
        view=view,
        port=port,
        host=host,
        known=known,
        path_=shown.port_path(host, port),
        action=shown.port_path(host, port, "configure"),
        asks_at=shown.port_path(host, port, "ask"),
        revision=revision,
        verdict=verdict or monitor_form.wrong_in(view),
    )


async def save(request: Request, form: FormData) -> Response:
    """Check or save settings; only what changed is sent, and only if nobody changed it meanwhile."""
    fabric, name = console_of(request).spooler.on_behalf_of(), _resource(request)
    described = await port_config.describe(fabric, port=name)
    typed, errors = monitor_form.typed(described, form)
    check, revision = text_of(form, "check") == "1", text_of(form, "revision")
    before = monitor_form.values_of(described)
    changed, titles = monitor_form.changed_in(before, typed), monitor_form.titles_of(described)
    values = {**before, **typed}
    errors = errors or monitor_form.broken_rules(described, values)

    again = partial(_configure_page, request, described, values, checking=check)
    done = Done()
    try:
        if not errors:
            done = await port_config.configure(
                fabric, name, monitor_form.as_json(changed), _WHO, revision=revision, validate_only=check
            )
    except EtagMismatch:
        # A check is not a person's word: only who has pressed Save, and was told, makes theirs give way.
        then = "Saving asks once more." if check else "Save again to make yours hold."
        said = f"Somebody changed these settings meanwhile ({_theirs(titles, before, changed)}). {then}"
        return again(hindrance=said, verdict="Nothing was overwritten.", revision=described.revision)
    except FabricError as error:
        return again(hindrance=sentence(error), revision=revision)
    errors = errors or monitor_form.by_field(done)
    if errors or check:
        good = (
            "" if errors else f"Checked by the monitor: valid. {monitor_form.diff(before, changed, titles)}"
        )
        return again(errors, verdict=good, revision=revision)
    port = request.path_params["port"]
    said = (
        f"{port} is changed; it holds from the next document on." if done.changed else "Nothing was changed."
    )
    return go(shown.port_path(request.path_params["host"], port), said)


def _theirs(titles: Mapping[str, str], before: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Return what another's settings say where ours differ, both sides of it, by the titles that the form shows."""
    rows = [
        f"{titles.get(name) or words.title_of(name)}: theirs {form_values.as_text(before[name])}, yours {form_values.as_text(value)}"
        for name, value in changed.items()
        if name in before
    ]
    return "; ".join(rows) or "to what you want, too"


async def ask(request: Request, form: FormData) -> Response:
    """Let the port's monitor do one of its commands."""
    fabric, name = console_of(request).spooler.on_behalf_of(), _resource(request)
    described = await port_config.describe(fabric, port=name)
    return monitor_form.answers(fabric, described, Target(port=name), form)


def _resource(request: Request) -> str:
    return f"hosts/{request.path_params['host']}/ports/{request.path_params['port']}"
