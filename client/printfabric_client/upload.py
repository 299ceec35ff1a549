"""A document of any size, sent in pieces, and gone on with where the spooler says it has it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc

from printfabric.spooler.v1.print_service_pb2 import (
    GetUploadRequest,
    JobSpec,
    UploadBegin,
    UploadFinish,
    UploadJobRequest,
    UploadJobResponse,
)
from printfabric.types.v1.job_pb2 import Job
from printfabric_client.connection import Connection
from printfabric_client.document import Document
from printfabric_client.errors import FabricError, HostUnreachable, WrongOffset
from printfabric_client.retry import Patience

if TYPE_CHECKING:
    from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceAsyncStub

CHUNK_BYTES = 256 * 1024

# A spooler that takes nothing for so long is treated like a broken connection: ask it how far it is, go on there.
_STALL_S = 60.0

_Call = grpc.aio.StreamStreamCall[UploadJobRequest, UploadJobResponse]

Progress = Callable[[int, int], None]
"""Called with (bytes sent, bytes in all)."""


class Upload:
    """One document on its way into the spool, under one request id."""

    def __init__(
        self,
        connection: Connection,
        stub: PrintServiceAsyncStub,
        document: Document,
        spec: JobSpec,
        request_id: str,
        progress: Progress | None,
    ) -> None:
        self._connection = connection
        self._stub = stub
        self._document = document
        self._begin = UploadBegin(request_id=request_id, spec=spec, size_bytes=document.size)
        self._progress = progress or (lambda _sent, _size: None)

    async def run(self, *, ask_first: bool) -> Job:
        """Send it all and return the job. `ask_first`: the upload may have been begun earlier, by another process.

        Raises:
            FabricError: refused, or the spooler stayed away; the same request id goes on later.
        """
        patience = Patience(self._connection.retry)
        offset, reached = 0, 0
        resuming = ask_first
        while True:
            try:
                if resuming:
                    done, offset = await self._ask()
                    if done is not None:
                        return done
                return await self._send(offset)
            except FabricError as error:
                if isinstance(error, WrongOffset):
                    # A repeat at another offset is the cure, not the same call again; so it counts as transient.
                    error = HostUnreachable(error.message, metadata=error.metadata)
                if offset > reached:
                    reached = offset
                    patience.progressed()
                await patience.pause(error)
                resuming = True

    async def _ask(self) -> tuple[Job | None, int]:
        request = GetUploadRequest(request_id=self._begin.request_id)
        known = await self._connection.call(self._stub.GetUpload, request, safe=True)
        if known.HasField("job"):
            self._progress(self._document.size, self._document.size)
            return known.job, self._document.size
        # More than we have is no place to go on at: another document was sent under this id. Its digest will tell.
        return None, min(known.persisted_bytes, self._document.size)

    async def _send(self, offset: int) -> Job:
        call = self._call()
        try:
            # The spooler may answer before the end: the answer is what counts then.
            with contextlib.suppress(asyncio.InvalidStateError):
                await self._feed(call, offset)
            answer = await asyncio.wait_for(call.read(), _STALL_S)
            if not isinstance(answer, UploadJobResponse):
                await call.read()  # raises the status
                raise HostUnreachable("the upload ended without an answer")
        except grpc.aio.AioRpcError as failed:
            raise self._connection.explained(failed) from None
        except TimeoutError:
            raise HostUnreachable("the spooler took no more bytes of the upload") from None
        finally:
            call.cancel()
        if not answer.HasField("job"):
            raise HostUnreachable(f"the upload broke off at byte {answer.persisted_bytes}")
        return answer.job

    def _call(self) -> _Call:
        # On the wire a client stream is a stream both ways with one answer. grpc.aio's StreamUnaryCall asks for the
        # status only after the initial metadata, so a write to a stream that the spooler has refused raises
        # "Internal error from Core" instead of the refusal (grpcio 1.85); its StreamStreamCall does not.
        open_stream: grpc.aio.StreamStreamMultiCallable[UploadJobRequest, UploadJobResponse]
        open_stream = self._connection.channel.stream_stream(
            "/printfabric.spooler.v1.PrintService/UploadJob",
            request_serializer=UploadJobRequest.SerializeToString,
            response_deserializer=UploadJobResponse.FromString,
        )
        return open_stream(metadata=self._connection.metadata)

    async def _feed(self, call: _Call, offset: int) -> None:
        message = UploadJobRequest(begin=self._begin, offset=offset)
        while True:
            message.data = await self._document.read(offset, CHUNK_BYTES)
            last = offset + len(message.data) >= self._document.size or not message.data
            offset += len(message.data)
            if last:
                digest = await self._document.digest(self._document.size)
                message.finish.CopyFrom(UploadFinish(size_bytes=offset, digest=digest))
            await asyncio.wait_for(call.write(message), _STALL_S)
            self._progress(offset, self._document.size)
            if last:
                await call.done_writing()
                return
            message = UploadJobRequest(offset=offset)
