"""RegistryService: hosts that dial in, and what hosts keep here."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from chassis.errors import AccessDenied, EtagMismatch, InvalidArgument
from chassis.identity import Role, current
from printfabric.spooler.v1 import registry_service_pb2 as pb
from printfabric.spooler.v1 import registry_service_pb2_grpc as pb_grpc
from spooler.api.dial_in_calls import DialInCalls
from spooler.api.host_proof import checked_name, is_host
from spooler.dial_in.arrivals import DialIn
from spooler.job import HistoryEvent
from spooler.store import Notes

_MOST_BYTES = 4 << 20


class RegistryServicer(DialInCalls, pb_grpc.RegistryServiceServicer):
    """Lets hosts be here, and keeps a document for each; what is in it is the host's."""

    def __init__(self, notes: Notes, dial_in: DialIn) -> None:
        super().__init__(dial_in)
        self._notes = notes

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
        # What is in it may be a secret: which revision it is says enough to find it in the host's own history.
        detail = f"host {request.host}: revision {_revision(document)}"
        line = HistoryEvent("host-configured", str(current()), detail)
        await self._notes.put_note(key, document, kept, [line])
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
    caller = current()
    if not is_host(caller, checked_name(host)) and not caller.has(Role.ADMINISTRATOR):
        raise AccessDenied(f"{caller} may not speak for host {host}", caller=caller, host=host)
    return f"host {host.casefold()}"
