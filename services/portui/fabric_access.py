"""The wall: who people are, by the spooler's AccessService. Everything raises FabricError."""

from __future__ import annotations

from typing import Any

from chassis.client import Channels
from portui.fabric_convert import when, word
from portui.person import Opened, Person, SignInOptions
from printfabric.spooler.v1 import access_service_pb2 as pb
from printfabric.spooler.v1.access_service_pb2_grpc import AccessServiceStub


class Access:
    """Signs people in and out at the spooler. One instance per process."""

    def __init__(self, channels: Channels, address: str) -> None:
        self._stub: Any = AccessServiceStub(channels.get(address))

    async def options(self) -> SignInOptions:
        """Return how people can sign in."""
        answer = await self._stub.GetSignInOptions(pb.GetSignInOptionsRequest())
        return SignInOptions(answer.needed, answer.local, tuple(one.issuer for one in answer.issuers))

    async def by_password(self, user: str, password: str) -> Opened:
        """Open a session with a name and a password of the spooler's own.

        Raises:
            WrongPassword, TooManyRequests: it is not opened.
        """
        return await self._open(pb.SignInRequest(password=pb.Password(user=user, password=password)))

    async def by_id_token(self, token: str, nonce: str) -> Opened:
        """Open a session with an ID token, which the spooler verifies.

        Raises:
            TokenInvalid and its like: it does not hold.
        """
        return await self._open(pb.SignInRequest(id_token=pb.IdToken(token=token, nonce=nonce)))

    async def _open(self, request: pb.SignInRequest) -> Opened:
        answer = await self._stub.SignIn(request)
        return Opened(answer.session_token, when(answer, "expire_time"))

    async def end(self, token: str) -> None:
        """End a session."""
        await self._stub.SignOut(pb.SignOutRequest(), metadata=_under(token))

    async def who(self, token: str) -> Person:
        """Return whose session this is, and what they may; without a token, who this service is.

        Raises:
            SessionEnded: it has ended.
        """
        answer = await self._stub.WhoAmI(pb.WhoAmIRequest(), metadata=_under(token) if token else None)
        caller = answer.caller
        roles = [*caller.roles, *(one.role for one in caller.printer_roles)]
        return Person(
            name=caller.name,
            kind=word(pb.CallerKind, caller.kind, "CALLER_KIND_").lower(),
            roles=frozenset(word(pb.Role, role, "ROLE_").lower() for role in roles),
            groups=tuple(caller.groups),
            ends=when(answer, "expire_time"),
        )


def _under(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)
