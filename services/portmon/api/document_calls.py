"""The part of MonitorService that is about documents: on their way, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from chassis.call import current_call
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.api.document_stream import DocumentStream, slice_from
from portmon.api.staged_documents import as_known, settle, take_back
from portmon.document import Disposition, Phase, Progress, Slice
from portmon.refusals import is_past, not_in_progress
from printfabric.monitor.v1 import monitor_service_pb2 as pb

T = TypeVar("T")


class DocumentCalls(Calls):
    """StartDocPort, WritePort, EndDocPort, StreamDocuments, QueryDocuments, SettleDocuments."""

    # --- function by function

    async def StartDocPort(self, request: pb.StartDocPortRequest, context: Any) -> pb.StartDocPortResponse:
        """Begin a document."""
        call = current_call.get()
        start = pb.DocumentStart(
            info=request.info,
            resume_offset=request.resume_offset,
            resume_prefix=request.resume_prefix,
            guarded=request.guarded,
            closing=request.closing if request.HasField("closing") else None,
            traceparent=call.traceparent if call is not None else "",
        )
        piece = slice_from(pb.DocumentSlice(document=request.document, start=start))
        return pb.StartDocPortResponse(progress=await self._call(request.handle, piece))

    async def EndDocPort(self, request: pb.EndDocPortRequest, context: Any) -> pb.EndDocPortResponse:
        """End a document: through a language monitor when it is sent, else when it has ended."""
        how, hold = convert.disposition_from(request.disposition), self._hold(request.handle)
        key = convert.key_from(request.document)
        if how is not Disposition.COMPLETE:
            found = await take_back(hold.session, self._ports.staging, key, how)
            return pb.EndDocPortResponse(progress=convert.progress_to_pb(found))
        piece = slice_from(pb.DocumentSlice(document=request.document))
        piece.end, piece.size = how, request.size_bytes if request.HasField("size_bytes") else None
        hold.orphaned_at, sent = None, hold.session.feed.sent
        if not hold.tells_end or sent is None or sent.key != key:
            sent = _or_raise(await hold.session.call(piece, sent=hold.tells_end))
        if sent.phase is Phase.SENT:
            hold.awaited = key
        return pb.EndDocPortResponse(progress=convert.progress_to_pb(sent))

    async def _call(self, handle: pb.PortHandle, piece: Slice) -> pb.DocumentProgress:
        """Do one slice; a failure is the call's, with the offsets in its metadata."""
        hold = self._hold(handle)
        hold.orphaned_at = None
        return convert.progress_to_pb(_or_raise(await hold.session.call(piece)))

    async def WritePort(
        self, request_iterator: AsyncIterator[pb.WritePortRequest], context: Any
    ) -> AsyncIterator[pb.WritePortResponse]:
        """Take the bytes of one document; the first failure ends the stream and not the document."""
        first = await anext(aiter(request_iterator), None)
        if first is None:
            return
        hold = self._hold(first.handle)
        self._handles.stream_began(hold)
        try:
            async for request in _again(first, request_iterator):
                self._handles.check(hold.token, hold.fence)
                message = pb.DocumentSlice(document=first.document, offset=request.offset, data=request.data)
                piece = slice_from(message)
                found = _or_raise(await hold.session.call(piece))
                if found.phase is not Phase.IN_PROGRESS and is_past(found, piece):
                    raise not_in_progress(hold.port.name, piece.key)
                yield pb.WritePortResponse(progress=convert.progress_to_pb(found))
        finally:
            self._handles.stream_ended(hold)

    # --- all at once

    async def StreamDocuments(
        self, request_iterator: AsyncIterator[pb.StreamDocumentsRequest], context: Any
    ) -> AsyncIterator[pb.StreamDocumentsResponse]:
        """Take slices of documents and answer with progress, until either side ends."""
        first = await anext(aiter(request_iterator), None)
        if first is None:
            return
        hold = self._hold(first.handle)
        stream = DocumentStream(self._handles, hold, self._ports.staging)
        hold.mourners.append(stream.end)
        self._handles.stream_began(hold)
        taking = self._tasks.spawn(f"stream {hold.port.name}", stream.take(_again(first, request_iterator)))
        try:
            async for answer in stream.answers():
                yield answer
        finally:
            taking.cancel()
            hold.mourners.remove(stream.end)
            self._handles.stream_ended(hold)

    async def QueryDocuments(
        self, request: pb.QueryDocumentsRequest, context: Any
    ) -> pb.QueryDocumentsResponse:
        """Tell what the journal knows."""
        owner, port = convert.owner_from(request.owner), self._ports.get(request.port)
        journal = await asyncio.to_thread(port.fresh_journal)
        if request.documents:
            staging = self._ports.staging
            waiting = set(port.session.queued()) if port.session is not None else set()
            asked = list(map(convert.key_from, request.documents))
            waiting.update(key for key in asked if staging.is_ordered(key))
            found = [as_known(journal.outcome(key, owner.fabric), staging, waiting) for key in asked]
        else:
            found = journal.unsettled(owner.fabric)
        return pb.QueryDocumentsResponse(documents=map(convert.progress_to_pb, found))

    async def SettleDocuments(
        self, request: pb.SettleDocumentsRequest, context: Any
    ) -> pb.SettleDocumentsResponse:
        """Let the journal forget."""
        owner, port = convert.owner_from(request.owner), self._ports.get(request.port)
        await asyncio.to_thread(lambda: port.journal)
        settle(port, self._ports.staging, map(convert.key_from, request.documents), owner.fabric)
        return pb.SettleDocumentsResponse()


def _or_raise(found: Progress) -> Progress:
    """Raise a document's error, with how far it is in the metadata, where the caller of a function finds it."""
    error = found.error
    if error is None:
        return found
    error.metadata.update(accepted=str(found.accepted), acked=str(found.acked), phase=found.phase)
    if found.uncertain_end:
        error.metadata.update(
            uncertain_start=str(found.uncertain_start), uncertain_end=str(found.uncertain_end)
        )
    raise error


async def _again(first: T, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    yield first
    async for request in rest:
        yield request
