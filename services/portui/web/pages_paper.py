"""What came out of a simulated printer, as pictures, and what a visitor may let happen to it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from portui.model import Port
from portui.simulated import MISHAPS, Paper, Simulator
from portui.web import shown
from portui.web.changes import not_found, text_of
from portui.web.rendering import Console, back, console_of, go, port_asked

_NONE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 96"><text x="80" y="52" text-anchor="middle"'
    b' font-family="sans-serif" font-size="12" fill="#535d6b">no picture any more</text></svg>'
)


class Seen(NamedTuple):
    """A simulated printer and the newest of what came out of it; no printer: it is a real one."""

    simulator: Simulator | None
    paper: list[Paper]


async def seen(
    console: Console, port: Port, since: datetime | None = None, until: datetime | None = None, most: int = 4
) -> Seen:
    """Return what came out at a port in a time, if a simulator hangs there."""
    simulators = console.simulators
    found = await simulators.at(port.device) if simulators.there else None
    return Seen(found, await simulators.paper(found, since, until, most) if found else [])


async def picture(request: Request) -> Response:
    """Return the picture of a unit, from the simulator that printed it, or one that says that none is kept."""
    name, number = request.path_params["name"], request.path_params["number"]
    found = await console_of(request).simulators.picture(name, number)
    if not found:
        return Response(_NONE, media_type="image/svg+xml", headers={"cache-control": "no-store"})
    return Response(found, media_type="image/png", headers={"cache-control": "private, max-age=600"})


async def happen(request: Request, form: FormData) -> Response:
    """Let something happen to a simulated printer, or mend it."""
    console, port = console_of(request), port_asked(request)
    if port is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    target = back(text_of(form, "back"), shown.port_path(port.host, port.port))
    simulator, what = await console.simulators.at(port.device), text_of(form, "do")
    if simulator is None:
        return go(target, "That is a real printer: nothing was done to it.")
    if what == "mend":
        mended = await console.simulators.mend(simulator)
        return go(target, "It is as good as new." if mended else "The simulator does not answer.")
    done = await console.simulators.break_it(simulator, what)
    said = f"{MISHAPS[what]}: done. Watch what the console says." if done else "Nothing happened to it."
    return go(target, said)
