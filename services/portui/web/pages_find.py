"""S13: what hosts see on their connectors, and what takes connections at addresses that somebody named."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.web import network_search
from portui.web.changes import sentence, text_of
from portui.web.network_search import Hit
from portui.web.rendering import console_of, page

_RAW_PORT = 9100


async def find(request: Request) -> Response:
    """Show the devices that hosts see and no port uses."""
    return await _page(request, ("", "", str(_RAW_PORT)), None, "")


async def look(request: Request, form: FormData) -> Response:
    """Look for printers at addresses: a connection to each, and nothing is sent."""
    host, text, at = asked = (text_of(form, "host"), text_of(form, "addresses")[:2000], text_of(form, "at"))
    if host not in console_of(request).live.fleet.hosts or not at.isdecimal() or not 0 < int(at) < 65536:
        return await _page(request, asked, None, "Choose a host and a port from 1 to 65535.")
    fabric = console_of(request).spooler.on_behalf_of()
    try:
        wanted = network_search.addresses(text)
        return await _page(request, asked, await network_search.search(fabric, host, wanted, int(at)), "")
    except ValueError as error:
        return await _page(request, asked, None, f"Nothing was looked at: {error}.")
    except FabricError as error:
        return await _page(request, asked, None, sentence(error))


async def _page(
    request: Request, asked: tuple[str, str, str], hits: Sequence[Hit] | None, error: str
) -> Response:
    console, (host, text, at) = console_of(request), asked
    names = sorted(console.live.fleet.hosts)
    used = {one.device: one for one in console.live.fleet.ports.values() if one.host == host}
    return page(
        request,
        "find.html",
        422 if error else 200,
        found=await console.devices.of_all(names) if hits is None else [],
        hosts=names,
        host=host,
        addresses=text,
        at=at,
        hits=[(one, used.get(f"{one.address}:{at}")) for one in hits or ()],
        looked=hits is not None,
        error=error,
        monitor=network_search.RAW_MONITOR,
        most=network_search.MOST,
    )
