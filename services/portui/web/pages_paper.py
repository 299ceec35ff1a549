"""What came out of a simulated printer, as pictures, and what a visitor may let happen to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from portui.model import Port
from portui.model_answers import Attempt
from portui.simulated import MISHAPS, Paper, Simulator
from portui.web import shown
from portui.web.changes import not_found, text_of
from portui.web.rendering import Console, back, console_of, go, port_asked

_BEHIND = timedelta(seconds=3)  # how long after its last byte a job's paper may come out
_MOST_OF_JOB = 12
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


async def of_attempt(console: Console, attempt: Attempt | None) -> Seen:
    """Return what came out in an attempt, if a simulator hangs at its port.

    Paper may come out a moment after the last byte was taken, but what came out once the next job had begun is the next's.
    """
    port = console.live.fleet.ports.get(attempt.port) if attempt is not None else None
    if attempt is None or port is None or attempt.started is None:
        return Seen(None, [])
    until = None
    if (ended := attempt.ended) is not None:
        jobs = console.live.fleet.jobs.values()
        later = (one.started for one in jobs if one.port == port.key and one.started and one.started >= ended)
        until = min([ended + _BEHIND, *later])
    return await seen(console, port, attempt.started, until, _MOST_OF_JOB)


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
