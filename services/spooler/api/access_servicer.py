"""AccessService: who a caller is here, and how people prove who they are."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.call import Call, current_call
from chassis.errors import InvalidArgument
from chassis.identity import Identity, Kind, Role, current
from printfabric.spooler.v1 import access_service_pb2 as pb
from printfabric.spooler.v1 import access_service_pb2_grpc as pb_grpc
from spooler.access.sessions import Session
from spooler.access.sign_in import SignIn

# Callers that are no person and speak for people: what they ask for a person needs that person's token.
_NO_PERSON = frozenset({Kind.NOBODY, Kind.CERTIFICATE, Kind.TOKEN, Kind.WORKLOAD})


class AccessServicer(pb_grpc.AccessServiceServicer):
    """People sign in and out, and ask who they are."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in

    async def GetSignInOptions(
        self, request: pb.GetSignInOptionsRequest, context: Any
    ) -> pb.GetSignInOptionsResponse:
        """See the contract."""
        issuers = [pb.OidcIssuer(issuer=one.issuer, audiences=one.audiences) for one in self._sign_in.issuers]
        return pb.GetSignInOptionsResponse(
            needed=current().kind in _NO_PERSON, local=self._sign_in.local, issuers=issuers
        )

    async def SignIn(self, request: pb.SignInRequest, context: Any) -> pb.SignInResponse:
        """See the contract."""
        proof = request.WhichOneof("proof")
        if proof is None:
            raise InvalidArgument("there is no proof of who signs in", fields=[("proof", "is required")])
        if proof == "password":
            said = request.password
            signed_in = await self._sign_in.by_password(said.user, said.password, _call())
        else:
            token = request.id_token
            signed_in = await self._sign_in.by_id_token(token.token, token.nonce, _call())
        return pb.SignInResponse(
            session_token=signed_in.token, expire_time=Timestamp(seconds=signed_in.session.expires)
        )

    async def SignOut(self, request: pb.SignOutRequest, context: Any) -> pb.SignOutResponse:
        """See the contract."""
        session = self._session(context)
        if session is not None:
            await self._sign_in.end(session)
        return pb.SignOutResponse()

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Any) -> pb.WhoAmIResponse:
        """See the contract."""
        session = self._session(context)
        expires = Timestamp(seconds=session.expires) if session is not None else None
        return pb.WhoAmIResponse(caller=caller_to_pb(current()), expire_time=expires)

    def _session(self, context: Any) -> Session | None:
        """Return the session of the call; the wall has proven its token."""
        for name, value in context.invocation_metadata():
            if name == "authorization":
                return self._sign_in.sessions.read(value.partition(" ")[2].strip())
        return None


def caller_to_pb(identity: Identity) -> pb.Caller:
    """Return a caller as the contract shows it."""
    return pb.Caller(
        kind=pb.CallerKind.Value(f"CALLER_KIND_{identity.kind.name}"),
        name=identity.name,
        groups=sorted(identity.groups),
        roles=[_role(role) for role in Role if role in identity.roles],
        printer_roles=[
            pb.PrinterRole(role=_role(one.role), printers=one.printers)
            for one in sorted(identity.on_printers)
        ],
        display_name=str(identity),
        owner=identity.owner,
    )


def _role(role: Role) -> pb.Role.ValueType:
    return pb.Role.Value(f"ROLE_{role.name}")


def _call() -> Call:
    call = current_call.get()
    assert call is not None  # the wall is around every handler
    return call
