"""What a browser remembers by itself: its theme, its views of lists, and what it does not want to hear of for an hour."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, quote, unquote, urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from portui.web.changes import text_of
from portui.web.problems import Problem
from portui.web.rendering import back, go, with_theme

_VIEWS, _MUTED = "pf_views", "pf_muted"
_MOST, _MOST_NAME, _MUTE_S = 8, 40, 3600.0
_KEPT_S = 365 * 86400


async def theme(_request: Request, form: FormData) -> Response:
    """Switch the theme and go back."""
    chosen = text_of(form, "theme")
    response = go(back(text_of(form, "back")))
    return with_theme(response, chosen) if chosen in ("light", "dark") else response


def views(request: Request) -> list[tuple[str, str]]:
    """Return this browser's views of the ports: (name, query), in the order they were saved."""
    found = _remembered(request, _VIEWS)
    return [(name, query) for name, query in found.items() if isinstance(query, str)][:_MOST]


async def save_view(request: Request, form: FormData) -> Response:
    """Keep a view under a name, or forget it."""
    name, kept = text_of(form, "name").strip()[:_MOST_NAME], dict(views(request))
    if "forget" in form:
        kept.pop(text_of(form, "forget"), None)
        return _keep(go("/ports"), _VIEWS, kept)
    asked = parse_qs(text_of(form, "query")[:500])
    wanted: dict[str, str] = {key: asked[key][0] for key in ("state", "q") if key in asked}
    if not name:
        return go("/ports", "A view has a name.")
    kept[name] = urlencode(wanted)
    kept = dict(list(kept.items())[-_MOST:])
    return _keep(go(f"/ports?{kept[name]}", f"{name} is kept in this browser."), _VIEWS, kept)


async def mute(request: Request, form: FormData) -> Response:
    """Say nothing of a problem for an hour, in this browser; it stays on the page of alerts."""
    subject, now = text_of(form, "subject")[:200], time.time()
    kept = {name: until for name, until in _muted(request).items() if until > now}
    if "hear" in form:
        kept.pop(subject, None)
    elif subject:
        kept[subject] = round(now + _MUTE_S)
    response = go(
        back(text_of(form, "back")), "" if "hear" in form else f"{subject}: muted here for an hour."
    )
    return _keep(response, _MUTED, dict(list(kept.items())[-20:]))


def quiet(request: Request) -> Callable[[Problem], bool]:
    """Return what tells whether this browser has muted a problem."""
    now, muted = time.time(), _muted(request)
    return lambda problem: muted.get(problem.subject, 0.0) > now


def _muted(request: Request) -> dict[str, float]:
    found = _remembered(request, _MUTED)
    return {name: float(until) for name, until in found.items() if isinstance(until, int | float)}


def _remembered(request: Request, cookie: str) -> Mapping[str, object]:
    try:
        found = json.loads(unquote(request.cookies.get(cookie, "")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _keep(response: Response, cookie: str, value: Mapping[str, object]) -> Response:
    text = quote(json.dumps(dict(value), separators=(",", ":")))
    response.set_cookie(cookie, text[:3800], max_age=_KEPT_S, samesite="strict", httponly=True)
    return response
