"""Middleware that says that somebody is here, from a request to the end of its answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from portui.attention import Attention


class Attended:
    """Behind the gate: what is refused there is nobody."""

    def __init__(self, app: ASGIApp, attention: Attention) -> None:
        self._app = app
        self._attention = attention

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        async with self._attention.visit():
            await self._app(scope, receive, send)
