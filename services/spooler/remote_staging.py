"""Whole documents on their way to a host, before they are begun there (StageDocument)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc.aio

from chassis.errors import CallCanceled, HostUnreachable
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import ledger_pb2, port_pb2
from spooler.port import DocumentInfo, StagedDocument, StagedPart


def put_start(message: pb.DocumentStart, start: DocumentInfo) -> None:
    """Write what a device shall know about a document."""
    message.resume_offset, message.resume_prefix = start.resume_offset, start.resume_prefix
    message.guarded, message.traceparent = True, start.traceparent
    if start.closing is not None:
        key = start.closing.document
        message.closing.document.job_uid, message.closing.document.attempt = key
        message.closing.data = start.closing.data
    info = message.info
    info.printer, info.job_number, info.copy = start.printer, start.job_number, start.copy
    info.document_name, info.format, info.user = start.document_name, start.format, start.user
    info.output_file = start.output_file
    if not start.open_ended:
        info.size_bytes = start.size_bytes


def _first(owner: pb.PortOwner, port: str, document: StagedDocument) -> pb.StageDocumentRequest:
    request = pb.StageDocumentRequest(
        owner=owner,
        port=port,
        document=ledger_pb2.DocumentKey(job_uid=document.key.uid, attempt=document.key.attempt),
        on_host_restart=(
            port_pb2.HOST_RESTART_POLICY_FINISH if document.finishes else port_pb2.HOST_RESTART_POLICY_HOLD
        ),
        language_monitor=document.way.language,
        bidirectional=document.way.bidirectional,
    )
    put_start(request.start, document.info)
    if document.expires_at is not None:
        request.expire_time.FromDatetime(document.expires_at)
    return request


async def stage(
    stub: Any, owner: pb.PortOwner, port: str, document: StagedDocument, parts: AsyncIterator[StagedPart]
) -> tuple[int, bool]:
    """See `PortHost.stage`."""
    call = stub.StageDocument()
    try:
        with suppress(CallCanceled):  # it was answered before all was sent: the answer says why
            await call.write(_first(owner, port, document))
            async for part in parts:
                request = pb.StageDocumentRequest(offset=part.offset, data=part.data)
                if part.digest:
                    request.finish_size_bytes, request.digest = document.info.size_bytes, part.digest
                await call.write(request)
            await call.done_writing()
        answer = await call
    except (grpc.aio.UsageError, grpc.aio.InternalError) as error:
        raise HostUnreachable(f"the call that brings a document is broken: {error}") from error
    finally:
        call.cancel()
    return answer.staged_bytes, answer.complete
