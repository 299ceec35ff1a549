"""Adding a port, step by step, with the form of its monitor. Nothing is created before the last button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from socket import gethostname
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui import port_config
from portui.model_answers import Monitor
from portui.port_config import Described, Done, NewPort
from portui.web import asking, form_view, monitor_form, shown
from portui.web.asking import Target
from portui.web.changes import sentence, text_of
from portui.web.rendering import console_of, go, page

_WHO = "console"
_THIS_MACHINE = "local"  # as `printfabric up` calls the machine it runs on
_HOSTS_LOOKED_AT = 4  # so many are asked for their devices before somebody says which


async def add(request: Request) -> Response:
    """S5: where, what, settings, test. Nothing is created before the last step."""
    asked = request.query_params
    host, monitor, name = asked.get("host", ""), asked.get("monitor", ""), asked.get("name", "")
    if host and monitor and name:
        given: dict[str, str | int] = {"device": asked.get("device", ""), "host": asked.get("address", "")}
        if asked.get("at", "").isdecimal():
            given["port"] = int(asked["at"])
        return await _settings_step(request, host, monitor, name, given=given)
    return await _what_step(request, host, monitor, name)


async def _what_step(request: Request, host: str, monitor: str, name: str, error: str = "") -> Response:
    console = console_of(request)
    try:
        monitors = await console.printing.monitors()
    except FabricError as failed:
        monitors, error = [], error or sentence(failed)
    hosts = sorted(console.live.fleet.hosts)
    here = at_hand(hosts, gethostname())
    looked_at = sorted((one for one in hosts if host in ("", one)), key=lambda one: one != here)
    found = await console.devices.of_all(looked_at[:_HOSTS_LOOKED_AT]) if not name else []
    return page(
        request,
        "add.html",
        422 if error else 200,
        found=found,
        kinds=kinds(monitors, host),
        hosts=hosts,
        host=host or here,
        monitor=monitor,
        name=name,
        device=request.query_params.get("device", ""),
        error=error,
    )


def at_hand(hosts: Sequence[str], machine: str) -> str:
    """Return the host that is meant when nobody says which: the only one, or the machine this runs on; empty: ask."""
    if len(hosts) == 1:
        return hosts[0]
    mine = machine.partition(".")[0].casefold()
    known = {one.partition(".")[0].casefold(): one for one in hosts}
    return known.get(mine) or known.get(_THIS_MACHINE, "")


def kinds(monitors: Sequence[Monitor], host: str) -> list[tuple[str, str]]:
    """Return the monitors by name, each once, of one host or of all, and on which hosts those are that not all have."""
    hosts: dict[str, list[str]] = {}
    for one in monitors:
        if host in ("", one.host):
            hosts.setdefault(one.name, []).append(one.host)
    everywhere = len({one.host for one in monitors})
    return [
        (name, "" if host or len(where) == everywhere else ", ".join(where)) for name, where in hosts.items()
    ]


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
        known = monitor_form.document_of(described)["schema"]["properties"]
        values = {key: value for key, value in given.items() if value and key in known}
        return _add_page(request, described, what, values, {}, "")
    return await _try_to_add(request, described, what, form)


async def _try_to_add(
    request: Request, described: Described, what: tuple[str, str, str], form: FormData
) -> Response:
    """Check or add a port with the settings of a form."""
    host, monitor, name = what
    values, errors = monitor_form.typed(described, form)
    errors = errors or monitor_form.broken_rules(described, values)
    check = text_of(form, "check") == "1"
    new = NewPort(
        f"hosts/{host}",
        monitor,
        name,
        monitor_form.as_json(values),
        "" if check else text_of(form, "id"),
        check,
    )
    try:
        fabric = console_of(request).spooler.on_behalf_of()
        done = Done() if errors else await port_config.add(fabric, new, _WHO)
    except FabricError as error:
        return _add_page(request, described, what, values, {}, "", hindrance=sentence(error), checking=check)
    errors = errors or monitor_form.by_field(done)
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
    errors: Mapping[str, str], verdict: str, *, hindrance: str = "", checking: bool = False,
) -> Response:  # fmt: skip
    host, monitor, name = what
    document = monitor_form.document_of(described)
    view = form_view.build(document, values, errors, dialog="AddPort", hindrance=hindrance)
    return page(
        request,
        "add_settings.html",
        422 if (errors or hindrance) and not checking else 200,
        view=view,
        host=host,
        monitor=monitor,
        name=name,
        request_id=asking.fresh_id(),
        verdict=verdict or monitor_form.wrong_in(view),
    )


async def add_now(request: Request, form: FormData) -> Response:
    """Check or add a port."""
    host, monitor, name = (text_of(form, field).strip() for field in ("host", "monitor", "name"))
    return await _settings_step(request, host, monitor, name, given={}, form=form)


async def ask(request: Request, form: FormData) -> Response:
    """Let the monitor do one of its commands with a port that is not there yet."""
    host, monitor, name = (text_of(form, field).strip() for field in ("host", "monitor", "name"))
    fabric = console_of(request).spooler.on_behalf_of()
    described = await asking.describe_for(fabric, host, monitor, name)
    return monitor_form.answers(
        fabric, described, Target(monitor=f"hosts/{host}/monitors/{monitor}", name=name), form
    )
