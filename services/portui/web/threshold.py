"""The threshold: requests of whoever has to sign in and has not are led to the door; others act under their session."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.errors import FabricError
from portui.person import Person, speaks_for
from portui.web import record, security
from portui.web.doorman import EVERYBODY, Doorman
from portui.web.pages_sign_in import address_of
from portui.web.sessions import Session
from portui.web.walls import SHOWN, Wall

_OPEN = ("/static/", "/sign-in", "/theme", "/wall/in")


class Threshold:
    """Middleware behind the gate: finds the person of a request, and lets the calls made for it go under their name."""

    def __init__(self, app: ASGIApp, doorman: Doorman) -> None:
        self._app = app
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._doorman.closed:
            scope["person"] = EVERYBODY
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        doorman = self._doorman
        session = doorman.seals.opened(request.cookies.get(security.SESSION, ""))
        try:
            person = await doorman.person(session) if session is not None else None
        except FabricError:
            await PlainTextResponse("The spooler does not answer: nobody can be let in now.\n", 503)(
                scope, receive, send
            )
            return
        if session is None or person is None:
            if (wall := self._wall(request)) is not None:
                scope["person"], scope["wall"] = wall.person, wall
                await self._app(scope, receive, send)
                return
            _note(request)
            await self._nobody(request, receive, send)
            return
        scope["person"], scope["session"] = person, session
        await self._under(session, request, receive, send)

    def _wall(self, request: Request) -> Wall | None:
        """Return the screen that asks for what it may see; None: it asks for more, or is none."""
        if request.method not in security.SAFE or request.url.path not in SHOWN:
            return None
        return self._doorman.wall(request.cookies.get(security.WALL, ""))

    async def _nobody(self, request: Request, receive: Receive, send: Send) -> None:
        request.scope["person"] = Person("", "nobody", frozenset())
        if request.url.path.startswith(_OPEN):
            await self._app(request.scope, receive, send)
            return
        await _to_the_door(request)(request.scope, receive, send)

    async def _under(self, session: Session, request: Request, receive: Receive, send: Send) -> None:
        renewed = self._doorman.seals.renewed(session) if request.url.path != "/live" else ""
        secure = security.is_secure(request)

        async def kept(message: Message) -> None:
            if renewed and message["type"] == "http.response.start":
                cookie = Response()
                cookie.set_cookie(
                    security.SESSION, renewed, path="/", httponly=True, samesite="lax", secure=secure
                )
                message["headers"].append((b"set-cookie", cookie.headers["set-cookie"].encode("latin-1")))
            await send(message)

        before = speaks_for.set(session.token)
        try:
            await self._app(request.scope, receive, kept)
        finally:
            speaks_for.reset(before)


def _note(request: Request) -> None:
    """Write down who brings a session that does not hold, or would change something without one."""
    if request.cookies.get(security.SESSION):
        record.refused(
            request.scope, "SESSION_ENDED", "the session brought is over, or none of this console's"
        )
    elif request.method not in security.SAFE and not request.url.path.startswith(_OPEN):
        record.refused(request.scope, "UNAUTHENTICATED", "who would change something has not signed in")


def _to_the_door(request: Request) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(address_of(request), 303)
    # A script asked: it says so on the page that is open, and what was typed there stays.
    return PlainTextResponse("You are signed in no more.\n", 401, headers={"x-door": address_of(request)})
