"""A wire to a spooler that knows of rights only: it answers whoever may ask with an empty message, and refuses others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from chassis.errors import AccessDenied
from portui.person import ROLES, Opened, Person, SignInOptions, bearer
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from spooler.api import rights


class Wire:
    """In the place of channels and of one channel; a session's token is its role."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []  # method, under which token
        self.refused: list[str] = []

    def get(self, _address: str) -> Wire:
        return self

    def unary_unary(self, method: str, **how: Any) -> Callable[..., Any]:
        async def call(request: Any, **_more: Any) -> Any:
            self._ask(method, request)
            return how["response_deserializer"](b"")

        return call

    def stream_unary(self, method: str, **how: Any) -> Callable[..., Any]:
        async def call(requests: AsyncIterator[Any], **_more: Any) -> Any:
            self._ask(method, None)
            async for _ in requests:
                pass
            return how["response_deserializer"](b"")

        return call

    def unary_stream(self, method: str, **_how: Any) -> Callable[..., Any]:
        async def call(request: Any, **_more: Any) -> AsyncIterator[Any]:
            self._ask(method, request)
            answers: tuple[Any, ...] = ()
            for one in answers:
                yield one

        return call

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        return lambda *_method, **_how: None  # nothing else is called

    def _ask(self, method: str, request: Any) -> None:
        token = bearer()
        self.asked.append((method, token))
        role = rights.ROLES.get(rights.METHODS[method])
        needed = str(role) if role is not None else "viewer"
        if isinstance(request, ports_pb.XcvOpenRequest) and request.desired_access == 1:
            needed = "administrator"  # to administer: XcvOpen compares
        if token not in ROLES or ROLES.index(token) < ROLES.index(needed):
            self.refused.append(method)
            raise AccessDenied("you may not", role=needed)


class Access:
    """People whose token is their role; somebody with a role has those below it."""

    async def options(self) -> SignInOptions:
        return SignInOptions(needed=True, local=True, issuers=())

    async def by_password(self, user: str, password: str) -> Opened:
        return Opened(user, None)

    async def by_id_token(self, token: str, nonce: str) -> Opened:
        raise AssertionError(token)

    async def end(self, token: str) -> None:
        return

    async def who(self, token: str) -> Person:
        return Person(f"a {token}", "local", frozenset(ROLES[: ROLES.index(token) + 1]))
