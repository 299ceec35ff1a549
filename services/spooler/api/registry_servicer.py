"""RegistryService: what hosts keep here. Hosts that announce themselves are not built yet: they come from the settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from chassis.errors import AccessDenied, EtagMismatch, InvalidArgument
from chassis.identity import Identity, Kind, Role, current
from printfabric.spooler.v1 import registry_service_pb2 as pb
from printfabric.spooler.v1 import registry_service_pb2_grpc as pb_grpc
from spooler.access.workloads import NODE
from spooler.api.not_built import no_messages
from spooler.store import Notes

_MOST_BYTES = 4 << 20
_MOST_NAME = 63
_OURSELVES = (Kind.LOOPBACK, Kind.UNIX)


class RegistryServicer(pb_grpc.RegistryServiceServicer):
    """Keeps a document for each host; what is in it is the host's."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def RegisterHost(
        self, requests: AsyncIterator[pb.RegisterHostRequest], _context: Any
    ) -> AsyncIterator[pb.RegisterHostResponse]:
        """See the contract."""
        async for message in no_messages("RegisterHost"):
            yield message

    async def TunnelHost(
        self, requests: AsyncIterator[pb.TunnelHostRequest], _context: Any
    ) -> AsyncIterator[pb.TunnelHostResponse]:
        """See the contract."""
        async for message in no_messages("TunnelHost"):
            yield message

    async def GetHostConfig(
        self, request: pb.GetHostConfigRequest, _context: Any
    ) -> pb.GetHostConfigResponse:
        """See the contract."""
        kept = await self._notes.get_note(_key(request.host))
        if kept is None:
            return pb.GetHostConfigResponse()
        return pb.GetHostConfigResponse(document=kept.encode(), revision=_revision(kept))

    async def PutHostConfig(
        self, request: pb.PutHostConfigRequest, _context: Any
    ) -> pb.PutHostConfigResponse:
        """See the contract."""
        key = _key(request.host)
        document = _checked(request.document)
        kept = await self._notes.get_note(key)
        if request.expected_revision != ("" if kept is None else _revision(kept)):
            raise EtagMismatch(f"the configuration of host {request.host} was changed meanwhile")
        await self._notes.put_note(key, document, kept)
        return pb.PutHostConfigResponse(revision=_revision(document))


def _revision(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()[:16]


def _checked(document: bytes) -> str:
    wrong = ""
    if len(document) > _MOST_BYTES:
        wrong = f"has more than {_MOST_BYTES} bytes"
    else:
        try:
            wrong = "" if isinstance(json.loads(document.decode("utf-8")), dict) else "is not a JSON object"
        except (ValueError, RecursionError):
            wrong = "is not JSON in UTF-8"
    if wrong:
        raise InvalidArgument(f"the document {wrong}", fields=[("document", wrong)])
    return document.decode("utf-8")


def _key(host: str) -> str:
    """Return where a host's document is kept, if the caller may speak for that host.

    Raises:
        InvalidArgument: no host has such a name.
        AccessDenied: it is another one's.
    """
    if not host or len(host) > _MOST_NAME or not host.isprintable() or any(one in host for one in "/, "):
        raise InvalidArgument(f"{host[:80]!r} is no host's name", fields=[("host", "is no name")])
    caller = current()
    own = caller.kind in _OURSELVES or host.casefold() in {name.casefold() for name in _hosts_of(caller)}
    if not own and not caller.has(Role.ADMINISTRATOR):
        raise AccessDenied(f"{caller} may not speak for host {host}", caller=caller, host=host)
    return f"host {host.casefold()}"


def _hosts_of(caller: Identity) -> set[str]:
    """Return the names under which a caller may be a host: what its certificate or token says, a pod's node."""
    if caller.kind is Kind.WORKLOAD:
        return {group.removeprefix(NODE) for group in caller.groups if group.startswith(NODE)}
    # spiffe://fabric/edge-7, edge-7.example or a token's name.
    return {caller.name, caller.name.rpartition("/")[2], caller.name.partition(".")[0]}
