"""Adding and configuring ports with the form of their own monitor; asking the monitor; every path is the gRPC service's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chassis.errors import EtagMismatch, FabricError
from portui import port_config
from portui.port_config import Described, Done, NewPort
from portui.web import asking, devices, form_values, form_view, shown, words
from portui.web.changes import sentence, text_of
from portui.web.form_view import FormView
from portui.web.rendering import console_of, go, page

_WHO = "console"
_HOSTS_LOOKED_AT = 4  # so many are asked for their devices before somebody says which


async def configure(request: Request) -> Response:
    """S6: the settings of a port."""
    name = _resource(request)
    described = await port_config.describe(console_of(request).spooler.on_behalf_of(), port=name)
    return _configure_page(
        request, described, _values(described), {}, verdict="", revision=described.revision
    )


def _configure_page(
    request: Request,
    described: Described,
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    *,
    verdict: str,
    revision: str,
    checking: bool = False,
) -> Response:
    host, port = request.path_params["host"], request.path_params["port"]
    known = console_of(request).live.fleet.ports.get(f"{host}/{port}")
    view = form_view.build(_document(described), values, errors)
    return page(
        request,
        "configure.html",
        422 if errors and not checking else 200,
        view=view,
        port=port,
        host=host,
        known=known,
        path_=shown.port_path(host, port),
        action=shown.port_path(host, port, "configure"),
        asks_at=shown.port_path(host, port, "ask"),
        revision=revision,
        verdict=verdict or _verdict(view),
    )


def _verdict(view: FormView) -> str:
    return f"Fix {words.many(view.wrong, 'problem')} to save" if view.wrong else ""


async def save(request: Request, form: FormData) -> Response:
    """Check or save settings; only what changed is sent, and only if nobody changed it meanwhile."""
    fabric, name = console_of(request).spooler.on_behalf_of(), _resource(request)
    described = await port_config.describe(fabric, port=name)
    typed, errors = _typed(described, form)
    check, revision = text_of(form, "check") == "1", text_of(form, "revision")
    before = _values(described)
    changed = {key: value for key, value in typed.items() if key not in before or before[key] != value}
    values = {**before, **typed}
    errors = errors or form_values.broken_rules(_document(described), values)

    def again(wrong: Mapping[str, str], verdict: str = "", since: str = revision) -> Response:
        return _configure_page(
            request, described, values, wrong, verdict=verdict, revision=since, checking=check
        )

    done = Done()
    try:
        if not errors:
            done = await port_config.configure(
                fabric, name, _json(changed), _WHO, revision=revision, validate_only=check
            )
    except EtagMismatch:
        said = f"Somebody changed these settings meanwhile ({_theirs(before, changed)}). Save again to make yours hold."
        return again({"": said}, "Nothing was overwritten.", described.revision)
    except FabricError as error:
        return again({"": sentence(error)})
    errors = errors or _by_field(done)
    if errors or check:
        return again(errors, "" if errors else f"Checked by the monitor: valid. {_diff(before, changed)}")
    port = request.path_params["port"]
    said = (
        f"{port} is changed; it holds from the next document on." if done.changed else "Nothing was changed."
    )
    return go(shown.port_path(request.path_params["host"], port), said)


def _diff(before: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Return what would be saved: `baud 9600 → 19200`."""
    rows = [
        f"{name} {form_values.as_text(before.get(name)) or 'empty'} → {form_values.as_text(value) or 'empty'}"
        for name, value in changed.items()
    ]
    return (
        f"{words.many(len(rows), 'change')}: {', '.join(rows)[:160]}" if rows else "Nothing is changed yet."
    )


def _theirs(before: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Return what another's settings say where ours differ, both sides of it."""
    rows = [
        f"{name}: theirs {form_values.as_text(before[name])}, yours {form_values.as_text(value)}"
        for name, value in changed.items()
        if name in before
    ]
    return "; ".join(rows) or "to what you want, too"


async def add(request: Request) -> Response:
    """S5: where, what, settings, test. Nothing is created before the last step."""
    asked = request.query_params
    host, monitor, name = asked.get("host", ""), asked.get("monitor", ""), asked.get("name", "")
    if host and monitor and name:
        return await _settings_step(request, host, monitor, name, given={"device": asked.get("device", "")})
    return await _what_step(request, host, monitor, name)


async def _what_step(request: Request, host: str, monitor: str, name: str, error: str = "") -> Response:
    console = console_of(request)
    try:
        monitors = await console.printing.monitors()
    except FabricError as failed:
        monitors, error = [], error or sentence(failed)
    looked_at = [one for one in sorted(console.live.fleet.hosts) if host in ("", one)][:_HOSTS_LOOKED_AT]
    found = [(one, await devices.of_host(console, one)) for one in looked_at] if not name else []
    return page(
        request,
        "add.html",
        422 if error else 200,
        found=found,
        monitors=monitors,
        hosts=sorted(console.live.fleet.hosts),
        host=host,
        monitor=monitor,
        name=name,
        device=request.query_params.get("device", ""),
        error=error,
    )


async def _settings_step(
    request: Request,
    host: str,
    monitor: str,
    name: str,
    *,
    given: Mapping[str, Any],
    form: FormData | None = None,
) -> Response:
    fabric = console_of(request).spooler.on_behalf_of()
    try:
        described = await asking.describe_for(fabric, host, monitor, name)
    except FabricError as error:
        return await _what_step(request, host, monitor, name, sentence(error))
    what = (host, monitor, name)
    if form is None:
        known = _document(described)["schema"]["properties"]
        values = {key: value for key, value in given.items() if value and key in known}
        return _add_page(request, described, what, values, {}, "")
    return await _try_to_add(request, described, what, form)


async def _try_to_add(
    request: Request, described: Described, what: tuple[str, str, str], form: FormData
) -> Response:
    """Check or add a port with the settings of a form."""
    host, monitor, name = what
    values, errors = _typed(described, form)
    errors = errors or form_values.broken_rules(_document(described), values)
    check = text_of(form, "check") == "1"
    new = NewPort(f"hosts/{host}", monitor, name, _json(values), "" if check else text_of(form, "id"), check)
    try:
        fabric = console_of(request).spooler.on_behalf_of()
        done = Done() if errors else await port_config.add(fabric, new, _WHO)
    except FabricError as error:
        wrong = {"": sentence(error)}
        return _add_page(request, described, what, values, wrong, "", checking=check)
    errors = errors or _by_field(done)
    if errors or check:
        good = f"Checked by the monitor: {name} can be added, and nothing else changes." if not errors else ""
        return _add_page(request, described, what, values, errors, good, checking=check)
    if done.port is not None:
        name = done.port.name.partition("/ports/")[2]  # as it is spelled from now on
    await console_of(request).live.until(lambda fleet: f"{host}/{name}" in fleet.ports)
    if text_of(form, "then") == "printer":
        return go(f"/printers/new?port={host}/{name}", f"{name} is added on {host}. Now its printer.")
    return go(shown.port_path(host, name), f"{name} is added on {host}.")


def _add_page(
    request: Request, described: Described, what: tuple[str, str, str], values: Mapping[str, Any],
    errors: Mapping[str, str], verdict: str, *, checking: bool = False,
) -> Response:  # fmt: skip
    host, monitor, name = what
    view = form_view.build(_document(described), values, errors, dialog="AddPort")
    return page(
        request,
        "add_settings.html",
        422 if errors and not checking else 200,
        view=view,
        host=host,
        monitor=monitor,
        name=name,
        request_id=asking.fresh_id(),
        verdict=verdict or _verdict(view),
    )


async def add_now(request: Request, form: FormData) -> Response:
    """Check or add a port."""
    host, monitor, name = (text_of(form, field).strip() for field in ("host", "monitor", "name"))
    return await _settings_step(request, host, monitor, name, given={}, form=form)


async def ask(request: Request, form: FormData) -> Response:
    """Let the monitor do one of its commands (Detect settings, …) and tell its steps as they come, a line each."""
    fabric, name = console_of(request).spooler.on_behalf_of(), _resource(request)
    described = await port_config.describe(fabric, port=name)
    values, _errors = _typed(described, form)
    wanted = text_of(form, "ask")
    known = {one.id: one for one in form_view.build(_document(described), values).asks}

    async def lines() -> AsyncIterator[bytes]:
        if wanted not in known:
            yield asking.line("This monitor has no such command.")
            return
        async for text, fill in asking.steps(fabric, name, known[wanted], values):
            yield asking.line(text, fill)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


# --- small things


def _resource(request: Request) -> str:
    return f"hosts/{request.path_params['host']}/ports/{request.path_params['port']}"


def _document(described: Described) -> dict[str, Any]:
    return dict(json.loads(described.document))


def _values(described: Described) -> dict[str, Any]:
    return dict(json.loads(described.values)) if described.values else {}


def _typed(described: Described, form: FormData) -> tuple[dict[str, Any], dict[str, str]]:
    document = _document(described)
    given = {key[2:]: value for key, value in form.items() if key.startswith("f.") and isinstance(value, str)}
    # A field that is hidden by a rule is sent all the same; a box that is not ticked is told by the list of fields.
    return form_values.typed(
        document, given, [name for name in form.getlist("fields") if isinstance(name, str)]
    )


def _by_field(done: Done) -> dict[str, str]:
    return {one.pointer.removeprefix("/"): one.message for one in done.errors}


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
