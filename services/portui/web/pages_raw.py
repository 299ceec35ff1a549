"""A port as programs see it: the spooler's message, its monitor's settings and form, each to copy into a ticket."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui import fabric_raw, port_config
from portui.fabric import Fabric
from portui.web.changes import not_found, sentence
from portui.web.rendering import console_of, page, port_asked

_MOST_CHARS = 200_000


class Raw(NamedTuple):
    """One document: its name in the page, what it is, the call that it answers, its text; or why there is none."""

    id: str
    title: str
    call: str
    text: str
    wrong: str = ""


async def raw(request: Request) -> Response:
    """S4, its tab *Raw*. Secrets are in none of it: monitors' answers are passed on without them."""
    found = port_asked(request)
    if found is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    fabric = console_of(request).spooler.on_behalf_of()
    return page(
        request,
        "raw.html",
        port=found,
        documents=[await _port(fabric, found.name), *await _of_monitor(fabric, found.name)],
    )


async def _port(fabric: Fabric, name: str) -> Raw:
    about = ("port", "Port and status", "PortService/GetPort")
    try:
        return Raw(*about, (await fabric_raw.port(fabric, name))[:_MOST_CHARS])
    except FabricError as error:
        return Raw(*about, "", sentence(error))


async def _of_monitor(fabric: Fabric, name: str) -> list[Raw]:
    settings = ("settings", "Settings, without secrets", "Xcv GetConfigInfo")
    form = ("form", "Form", "Xcv DescribeUI")
    try:
        described = await port_config.describe(fabric, port=name)
    except FabricError as error:
        return [Raw(*settings, "", sentence(error)), Raw(*form, "", sentence(error))]
    return [
        Raw(
            settings[0],
            f"{settings[1]}, revision {described.revision}" if described.revision else settings[1],
            settings[2],
            fabric_raw.indented(described.values)[:_MOST_CHARS],
        ),
        Raw(*form, fabric_raw.indented(described.document)[:_MOST_CHARS]),
    ]
