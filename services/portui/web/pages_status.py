"""How a printer is, in its own words: supplies, identity, what is the matter, and every value it gives away."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.model import Port
from portui.standing import Standing
from portui.web import shown
from portui.web.changes import not_found, sentence
from portui.web.rendering import Console, console_of, page, port_asked


async def status(request: Request) -> Response:
    """S10: status and supplies of what hangs on a port, asked just now."""
    console, port = console_of(request), port_asked(request)
    if port is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    return page(
        request,
        "status.html",
        row=shown.port_rows(console.live, [port])[0],
        standing=await standing_of(console, port),
    )


async def standing_of(console: Console, port: Port) -> Standing:
    """Return what a printer says; when it cannot be asked, that is the answer."""
    try:
        return await console.status.of(port.name)
    except FabricError as error:
        return Standing(wrong=sentence(error))
