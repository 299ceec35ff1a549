"""The part of MonitorService that brings whole documents to the host before they are printed (store and forward)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from chassis.errors import FabricError, InvalidArgument, TooLarge
from chassis.incoming import refuse_wrong_times
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.port_name import same
from portmon.ports import Ports
from portmon.staging.area import StagedDocument
from portmon.staging.document import StagedFacts
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import port_pb2

MOST_PIECE_BYTES = 1 << 20


class StageCalls(Calls):
    """StageDocument."""

    async def StageDocument(
        self, request_iterator: AsyncIterator[pb.StageDocumentRequest], context: Any
    ) -> pb.StageDocumentResponse:
        """Take bytes of a document; a broken call leaves those that came, and the next one goes on behind them."""
        document: StagedDocument | None = None
        async for request in request_iterator:
            if document is None:
                facts = _facts_from(request, self._ports)
                document = await asyncio.to_thread(self._ports.staging.take, facts)
            await self._take(document, request)
        if document is None:
            raise InvalidArgument("nothing was sent", fields=[("document", "is required")])
        staged = await asyncio.to_thread(document.sync)
        return pb.StageDocumentResponse(staged_bytes=staged, complete=document.is_whole)

    async def _take(self, document: StagedDocument, request: pb.StageDocumentRequest) -> None:
        if len(request.data) > MOST_PIECE_BYTES:
            raise TooLarge(f"a piece has {len(request.data)} bytes, at most {MOST_PIECE_BYTES} are taken")
        convert.check_offset("offset", request.offset)
        if request.data:
            await asyncio.to_thread(document.receive, request.offset, request.data)
        if not request.HasField("finish_size_bytes"):
            return
        if request.finish_size_bytes != document.end:
            wrong = f"is {request.finish_size_bytes}, and {document.end} in the start"
            raise InvalidArgument("the document has two sizes", fields=[("finish_size_bytes", wrong)])
        try:
            await asyncio.to_thread(document.complete, request.digest)
        except FabricError:
            # What the disk gave back is not what was sent: nothing of it is worth keeping.
            await asyncio.to_thread(self._ports.staging.forget, [document.facts.key])
            raise


def _facts_from(request: pb.StageDocumentRequest, ports: Ports) -> StagedFacts:
    """Return what the first message of a call says. Raises InvalidArgument, PortNotFound."""
    refuse_wrong_times(request)
    owner, port = convert.owner_from(request.owner), ports.get(request.port)
    key, start = convert.key_from(request.document), request.start
    info = convert.info_from(start.info)
    if info.size_bytes is None:
        raise InvalidArgument(
            "the document's size is missing", fields=[("start.info.size_bytes", "is required")]
        )
    convert.check_offset("start.info.size_bytes", info.size_bytes)
    if start.resume_offset > info.size_bytes:
        raise InvalidArgument("it begins behind its end", fields=[("start.resume_offset", "is out of range")])
    holds = request.on_host_restart == port_pb2.HOST_RESTART_POLICY_HOLD
    return StagedFacts(
        key,
        owner.fabric,
        same(port.name),
        info,
        info.size_bytes,
        start.resume_offset,
        convert.prefix_from(start),
        # Every opening of such a port is another one: nobody could take it over.
        finishes=not holds and not port.monitor.private(port.name),
        language=request.language_monitor,
        bidirectional=request.bidirectional,
        expires_at=request.expire_time.ToNanoseconds() / 1e9 if request.HasField("expire_time") else None,
    )
