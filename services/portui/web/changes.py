"""Forms that change something: read, checked to be ours, and answered in words when the fabric refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Receive

from chassis.errors import FabricError, Unauthenticated
from portui.web import record, security
from portui.web.rendering import console_of, page

Handler = Callable[[Request, FormData], Awaitable[Response]]
_MOST_FIELDS = 2000
_MOST_BYTES = 1 << 20

# State, consequence, next step; the code stays in the details.
_WORDS = {
    5: "You may look but not change this.",
    50: "This monitor can't do that.",
    87: "The monitor did not understand that.",
    170: "It is in use.",
    183: "That name is taken.",
    1306: "Somebody changed it meanwhile. Nothing was overwritten.",
    1722: "The spooler or the host does not answer.",
    1796: "It is gone; somebody deleted it.",
}


def headline(error: FabricError) -> str:
    """Return an error's headline, without a code."""
    return _WORDS.get(error.win32, "That did not work.")


def sentence(error: FabricError) -> str:
    """Return what an error says, as a sentence; who may not do it hears what is missing, not what was called."""
    text, role = error.message.strip(), error.metadata.get("role")
    if error.win32 == 5 and role:
        text = f"You may look but not change this: it takes the role {role}"
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""


def changing(
    handler: Handler, most_bytes: int | None = _MOST_BYTES
) -> Callable[[Request], Awaitable[Response]]:
    """Let a handler see a form only if it was made on a page of ours, and is not too large."""

    async def guarded(request: Request) -> Response:
        if most_bytes is not None:
            request = Request(request.scope, _limited(request.receive, most_bytes))
        async with request.form(max_fields=_MOST_FIELDS) as form:
            if not security.may_change(request, text_of(form, security.TOKEN_FIELD)):
                record.refused(request.scope, "FORM_NOT_OURS", "the form is not of this visit")
                return PlainTextResponse("This form is not of this visit. Load the page again.\n", 403)
            answer = await handler(request, form)
        if answer.status_code == 303 and "x-sheet" in request.headers:
            # A dialog's script goes there itself: following here would use up what the next page has to say.
            answer.status_code = 200
            answer.headers["x-go"] = answer.headers["location"]
            del answer.headers["location"]
        return answer

    return guarded


def _limited(receive: Receive, most_bytes: int) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most_bytes:
            raise HTTPException(413, f"A form has at most {most_bytes >> 10} KiB.")
        return message

    return limited


def text_of(form: FormData, name: str, default: str = "") -> str:
    """Return a field's text; a file or nothing is the default."""
    value = form.get(name)
    return value if isinstance(value, str) else default


def texts_of(form: FormData, name: str) -> list[str]:
    """Return all texts of a field."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


async def refused(request: Request, error: Exception) -> Response:
    """Show an error of the fabric as a page: what happened, what follows, where to go."""
    assert isinstance(error, FabricError)
    if isinstance(error, Unauthenticated) and console_of(request).doorman.closed:
        return _to_the_door(request)
    status = {1796: 404, 5: 403, 1722: 503}.get(error.win32, 502 if error.win32 == 0 else 409)
    details = [("Reason", error.reason), ("Win32", error.win32), *sorted(error.metadata.items())]
    return page(
        request,
        "problem.html",
        status,
        headline=headline(error),
        text=sentence(error),
        details=[(str(key), str(value)[:400]) for key, value in details],
        back_to=request.headers.get("referer", "/") if request.method == "POST" else "/",
    )


def _to_the_door(request: Request) -> Response:
    response: Response = RedirectResponse("/sign-in", 303)
    if "x-sheet" in request.headers:
        # The dialog stays open with what was typed, and says where to sign in.
        response = PlainTextResponse("You are signed in no more.\n", 401, headers={"x-door": "/sign-in"})
    response.delete_cookie(security.SESSION, path="/")
    return response


async def not_found(request: Request, _error: Exception) -> Response:
    """Say that there is no such page, or that nobody knows now."""
    if not console_of(request).live.connected:
        return page(
            request,
            "problem.html",
            503,
            headline="The spooler does not answer.",
            text="What this page shows is not known now. It appears when the spooler is there again; nothing is lost.",
            details=[],
            back_to=request.url.path,
        )
    return page(
        request,
        "problem.html",
        404,
        headline="There is no such page.",
        text="The address is wrong, or what it showed is gone.",
        details=[],
        back_to="/",
    )
