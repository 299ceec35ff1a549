"""The console's wall: which names it answers to, whose pages may change something, and under whose name it is done.

Against pages of others (a site open in the next tab, a name that resolves to 127.0.0.1): the Host header must name
loopback or our own origin, a change must come from that origin and carry the token of the page it was made on. Nothing
is kept here: the token is made from the visitor's cookie, so that a form that was open through a restart can still be sent.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portui.web import record
from portui.web.sessions import Session
from portui.web.walls import Wall

COOKIE, SESSION, WALL = "pf_visit", "pf_session", "pf_wall"
TOKEN_FIELD = "token"  # noqa: S105 - a field's name
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE = frozenset({"GET", "HEAD"})

# What the framework refuses by itself.
_BROKEN = {
    400: (record.MALFORMED, "the request is not well formed"),
    413: (record.TOO_LARGE, "the request is too large"),
}

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def token_of(visit: str) -> str:
    """Return the token that the pages of a visitor carry."""
    return hashlib.sha256(b"printfabric console form\0" + visit.encode()).hexdigest()[:40]


def may_change(request: Request, token: str) -> bool:
    """Say whether a change comes from a page of ours that was given to this visitor."""
    visit = request.cookies.get(COOKIE, "")
    return bool(visit) and hmac.compare_digest(token.encode(), token_of(visit).encode())


def is_ours(headers: Headers) -> bool:
    """Say whether a request that changes something was made by a page of this origin."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    # No browser sends a POST without one of the two; curl sends neither and has no cookie either.
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def names_loopback(host: str) -> bool:
    """Say whether a Host header names this machine."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False


class Gate:
    """The wall of the console: refuses what is not ours, gives visitors a cookie, and every answer its headers."""

    def __init__(self, app: ASGIApp, origin: str = "") -> None:
        self._app = app
        self._name = urlsplit(origin).netloc
        self._secure = origin.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = _refusal(scope["method"], headers, self._name)
        scope["secure"] = self._secure
        visit = Request(scope).cookies.get(COOKIE, "")
        fresh = "" if len(visit) == 43 and visit.isascii() else secrets.token_urlsafe(32)
        if fresh:
            # The page that answers this first request has to carry the token of the cookie it sets.
            scope["visit"] = fresh

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                if why := _BROKEN.get(message["status"]):
                    record.refused(scope, *why)
                _seal(MutableHeaders(scope=message), fresh, secure=self._secure)
            await send(message)

        if refusal is not None:
            record.refused(scope, *refusal)
            await PlainTextResponse(f"{refusal[1]}\n", 403)(scope, receive, sealed)
            return
        with suppress(ClientDisconnect):  # nobody is there to be told
            await self._app(scope, receive, sealed)


def _refusal(method: str, headers: Headers, name: str) -> tuple[str, str] | None:
    """Return why a request is not for us: the reason, and the words for people."""
    host = headers.get("host", "")
    if not names_loopback(host) and (not name or host != name):
        return "WRONG_NAME", "The console does not answer to this name; web_origin says to which."
    if method not in SAFE and not is_ours(headers):
        return (
            "FOREIGN_PAGE",
            "This change was asked for by a page of another site. Nothing was changed.",
        )
    return None


def _seal(headers: MutableHeaders, fresh: str, *, secure: bool) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("cache-control", "no-store")
    if secure:
        headers["strict-transport-security"] = "max-age=31536000"
    if fresh and not any(one.startswith(f"{COOKIE}=") for one in headers.getlist("set-cookie")):
        headers.append("set-cookie", _visit_cookie(fresh, secure=secure))


def _visit_cookie(visit: str, *, secure: bool) -> str:
    return f"{COOKIE}={visit}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def renew_visit(response: Response, *, secure: bool = False) -> None:
    """Give the browser a new visit: the tokens of pages that were open before it are void."""
    response.headers.append("set-cookie", _visit_cookie(secrets.token_urlsafe(32), secure=secure))


def is_secure(request: Request) -> bool:
    """Say whether browsers reach the console by TLS."""
    return bool(request.scope.get("secure"))


def session_of(request: Request) -> Session | None:
    """Return the session under which a request is answered; None: nobody has signed in."""
    found = request.scope.get("session")
    return found if isinstance(found, Session) else None


def wall_of(request: Request) -> Wall | None:
    """Return the screen that a request is answered for; None: it is a person's."""
    found = request.scope.get("wall")
    return found if isinstance(found, Wall) else None


def visit_of(request: Request) -> str:
    """Return the visitor's cookie, also when it is only being given."""
    return str(request.scope.get("visit") or request.cookies.get(COOKIE, ""))
