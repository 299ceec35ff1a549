"""Deleting a port: what goes with it, before it goes; and taking that back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui import port_config
from portui.model import Port, Printer
from portui.port_config import NewPort
from portui.web import shown
from portui.web.changes import not_found, sentence, text_of
from portui.web.rendering import Console, console_of, go, page, port_asked

_WHO = "console"


@dataclass(frozen=True, slots=True)
class Before:
    """What a deleted port was: enough to add it again. `whole` is false when it had secrets, which nobody shows."""

    host: str
    port: str
    monitor: str
    settings: str
    pools: tuple[tuple[str, int], ...]  # printers it was taken out of, and its place there
    whole: bool = True

    def as_json(self) -> str:
        """Return it as a form carries it."""
        return json.dumps([self.host, self.port, self.monitor, self.settings, self.pools])


async def delete(request: Request) -> Response:
    """S7: what goes with a port, before it goes."""
    found = port_asked(request)
    if found is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    return _page(request, found, "")


def _page(request: Request, found: Port, error: str) -> Response:
    fleet = console_of(request).live.fleet
    users = [fleet.printers[name] for name in found.printers if name in fleet.printers]
    alone = [one for one in users if len(one.ports) == 1]
    return page(
        request,
        "delete.html",
        422 if error else 200,
        port=found,
        alone=alone,
        pools=[one for one in users if len(one.ports) > 1],
        jobs=sum(one.queued for one in alone),
        error=error,
        path_=shown.port_path(found.host, found.port),
    )


async def delete_now(request: Request, form: FormData) -> Response:
    """Delete a port whose name was typed: out of its pools first; if it cannot go, it is put back there."""
    console, found = console_of(request), port_asked(request)
    if found is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    if text_of(form, "typed").strip().rstrip(":").casefold() != found.port.rstrip(":").casefold():
        return _page(request, found, f"Type {found.port} to delete it.")
    printers = console.live.fleet.printers
    pools = [printers[name] for name in found.printers if name in printers and len(printers[name].ports) > 1]
    places = tuple((one.name, one.ports.index(found.key)) for one in pools)
    taken: list[Printer] = []
    try:
        before = await _before(console, found, places)
        for one in pools:
            kept = tuple(key for key in one.ports if key != found.key)
            await console.printing.update_printer(replace(one, ports=kept))
            taken.append(one)
        await port_config.delete(console.spooler.on_behalf_of(), found.name, _WHO)
    except FabricError as error:
        not_back = await _put_back(
            console, found.key, [place for place in places if place[0] in _names(taken)]
        )
        return _page(request, found, " ".join([sentence(error), *not_back]))
    return page(request, "deleted.html", before=before)


def _names(printers: Sequence[Printer]) -> set[str]:
    return {one.name for one in printers}


async def _before(console: Console, found: Port, pools: tuple[tuple[str, int], ...]) -> Before:
    described = await port_config.describe(console.spooler.on_behalf_of(), port=found.name)
    properties = json.loads(described.document)["schema"]["properties"]
    secret = any(one.get("writeOnly") or one.get("format") == "password" for one in properties.values())
    values = described.values.decode() or "{}"
    return Before(found.host, found.port, found.monitor, values, pools, whole=not secret)


async def undo(request: Request, form: FormData) -> Response:
    """Add a deleted port again, as it was, and put it back where it was used."""
    console = console_of(request)
    try:
        host, port, monitor, settings, pools = json.loads(text_of(form, "before"))
        places = [(str(name), int(place)) for name, place in pools]
    except (ValueError, TypeError):
        return go("/ports", "That cannot be taken back.")
    new = NewPort(f"hosts/{host}", str(monitor), str(port), str(settings).encode(), text_of(form, "id"))
    done = await port_config.add(console.spooler.on_behalf_of(), new, _WHO)
    if done.errors:
        wrong = "; ".join(f"{one.pointer.removeprefix('/')}: {one.message}" for one in done.errors)
        return go("/ports", f"{port} could not be added again: {wrong}")
    not_back = await _put_back(console, f"{host}/{port}", places)
    await console.live.until(lambda fleet: f"{host}/{port}" in fleet.ports)
    return go(shown.port_path(str(host), str(port)), " ".join([f"{port} is there again.", *not_back]))


async def _put_back(console: Console, key: str, places: Sequence[tuple[str, int]]) -> list[str]:
    """Put a port into printers at its place; return a sentence for each that could not be changed."""
    failed = []
    for name, place in places:
        try:
            one = await console.printing.printer(name)
            if key not in one.ports:
                ports = (*one.ports[:place], key, *one.ports[place:])
                await console.printing.update_printer(replace(one, ports=ports))
        except FabricError as error:
            failed.append(f"It is not back in {name}: {sentence(error)}")
    return failed
