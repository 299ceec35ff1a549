"""The wall: the map and the problems for a screen that nobody sits at, and how such a screen is let in."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis import logs
from portui.web import record, security, shown
from portui.web.changes import text_of
from portui.web.problems import problems as problems_of
from portui.web.rendering import console_of, page

_ON_THE_WALL, _IN_HAND_THERE = 6, 3
_KEPT_S = 365 * 86400
log = logs.get(__name__)


async def wall(request: Request) -> Response:
    """S14: the map and the problems, large: what nobody has in hand, and who has what."""
    live, found = console_of(request).live, problems_of(console_of(request).live)
    first = [one for one in found if one.in_hand is None][:_ON_THE_WALL]
    first += [one for one in found if one.in_hand is not None][:_IN_HAND_THERE]
    return page(
        request,
        "wall.html",
        tiles_=shown.tiles(live.fleet.ports.values()),
        problems=await console_of(request).headlines.told(first),
        map=shown.grouped(live.fleet, "host"),
    )


async def door(request: Request) -> Response:
    """Ask for a screen's key. A link may bring it behind a #, which no server and no proxy ever sees."""
    return page(request, "wall_door.html", error="")


async def let_in(request: Request, form: FormData) -> Response:
    """Let a screen in: it keeps its key's hash, sealed."""
    doorman = console_of(request).doorman
    found = doorman.walls.by_key(text_of(form, "key").strip())
    if found is None:
        record.refused(request.scope, "WRONG_WALL_KEY", "the key is of no screen that is let in")
        return page(request, "wall_door.html", 401, error="That key opens no wall, or no more.")
    log.info("a wall is shown", wall=found.name)
    response = RedirectResponse("/wall", 303)
    sealed, secure = doorman.seals.seal({"k": "wall", "h": found.key_hash}), security.is_secure(request)
    response.set_cookie(
        security.WALL, sealed, max_age=_KEPT_S, path="/", httponly=True, samesite="strict", secure=secure
    )
    return response
