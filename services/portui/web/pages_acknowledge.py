"""Taking something in hand that needs somebody, for all to see, and taking that back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from portui.web.changes import not_found, text_of
from portui.web.moments import stamp
from portui.web.problems import problems
from portui.web.rendering import back, console_of, go, page

_HOURS = {"1": "1 hour", "4": "4 hours", "12": "12 hours", "72": "3 days"}
_MOST_WORDS = 200


async def choose(request: Request) -> Response:
    """Ask for how long, and for a word to the others."""
    alert = request.query_params.get("alert", "")
    found = next((one for one in problems(console_of(request).live) if one.alert == alert), None)
    if found is None:
        return await not_found(request, LookupError(alert))
    (told,) = await console_of(request).headlines.told([found])
    return page(request, "acknowledge.html", problem=told, hours=_HOURS, longest=_MOST_WORDS)


async def acknowledge(request: Request, form: FormData) -> Response:
    """Say to everybody that somebody has it in hand."""
    hours, subject = text_of(form, "hours"), text_of(form, "subject")[:200]
    until = datetime.now(UTC) + timedelta(hours=int(hours if hours in _HOURS else "1"))
    word = " ".join(text_of(form, "reason").split())[:_MOST_WORDS]
    await console_of(request).acknowledging.acknowledge(text_of(form, "alert"), until, word)
    return go("/alerts", f"{subject}: in your hands until {stamp(until)}, for all to see.")


async def withdraw(request: Request, form: FormData) -> Response:
    """Take it back, whoever said it."""
    await console_of(request).acknowledging.withdraw(text_of(form, "alert"))
    return go(back(text_of(form, "back"), "/alerts"), "Nobody has it in hand now.")
