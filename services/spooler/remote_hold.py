"""A hold on a port of another process: documents on one stream, and what is asked beside it.

The hot path is one `StreamDocuments` call per open port. Its requests carry starts, bytes and ends of documents as
they come; its answers carry the newest offsets of each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc.aio

from chassis.errors import FabricError, HostUnreachable
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from spooler.introduction import Introduction
from spooler.port import DataQuestion, DocumentKey, OpenPort, Progress, Slice
from spooler.remote_documents import key_to_pb, progress_from_pb, slice_to_pb

CALL_TIMEOUT_S = 15.0  # a host that answers at all answers in milliseconds; opening a device may take seconds
CLOSE_TIMEOUT_S = 5.0
DATA_TIMEOUT_S = 60.0  # a printer's answer may have to wait for the end of a document


class RemoteHold(OpenPort):
    """A hold on a port of another process."""

    def __init__(
        self,
        stub: Any,
        handle: pb.PortHandle,
        documents: Sequence[Progress],
        left: Callable[[], None],
        introduction: Introduction,
    ) -> None:
        self.documents = documents
        self._left = left  # told when the hold is dropped
        self._introduction = introduction  # a call may take another connection than the stream
        self._stub = stub
        self._handle = handle
        self._closed = False
        self._call = stub.StreamDocuments()

    async def begin(self) -> None:
        """Name the handle on the stream, before anything else is sent."""
        await self._write(pb.StreamDocumentsRequest(handle=self._handle))

    async def send(self, slices: Sequence[Slice], settled: Sequence[DocumentKey] = ()) -> None:
        """See `OpenPort.send`."""
        request = pb.StreamDocumentsRequest(settled=[key_to_pb(key) for key in settled])
        for piece in slices:
            slice_to_pb(piece, request.slices.add())
        await self._write(request)

    async def progress(self) -> AsyncIterator[Sequence[Progress]]:
        """See `OpenPort.progress`."""
        try:
            async for response in self._call:
                if response.progress:
                    yield [progress_from_pb(news) for news in response.progress]
        except FabricError:
            if not self._closed:
                raise
            return
        if not self._closed:
            raise HostUnreachable("the host ended the port's stream")

    async def take_back(self, key: DocumentKey) -> Progress:
        """See `OpenPort.take_back`."""
        return await self._end(key, pb.DISPOSITION_ABORT)

    async def have_back(self, key: DocumentKey) -> Progress:
        """See `OpenPort.have_back`."""
        return await self._end(key, pb.DISPOSITION_WITHDRAW)

    async def _end(self, key: DocumentKey, how: pb.Disposition.ValueType) -> Progress:
        request = pb.EndDocPortRequest(handle=self._handle, document=key_to_pb(key), disposition=how)
        self._introduction.check_proven()
        response = await self._stub.EndDocPort(request, timeout=CALL_TIMEOUT_S)
        return progress_from_pb(response.progress)

    async def printer_data(self, question: DataQuestion) -> bytes:
        """See `OpenPort.printer_data`."""
        request = pb.GetPrinterDataFromPortRequest(
            handle=self._handle,
            control_id=question.control_id,
            value_name=question.value_name,
            input=question.data,
            request_id=question.request_id,
        )
        self._introduction.check_proven()
        answer = await self._stub.GetPrinterDataFromPort(request, timeout=DATA_TIMEOUT_S)
        return bytes(answer.output)

    def drop(self) -> None:
        """See `OpenPort.drop`."""
        self._end_stream()
        self._left()

    def _end_stream(self) -> None:
        self._closed = True
        self._call.cancel()

    async def close(self) -> None:
        """See `OpenPort.close`."""
        self._end_stream()
        with suppress(FabricError):  # else the lease closes it
            await self._stub.ClosePort(pb.ClosePortRequest(handle=self._handle), timeout=CLOSE_TIMEOUT_S)

    async def _write(self, request: pb.StreamDocumentsRequest) -> None:
        try:
            await self._call.write(request)
        except (
            grpc.aio.UsageError,
            grpc.aio.InternalError,
        ) as error:  # the stream ended while it was written to
            raise HostUnreachable(f"the port's stream is broken: {error}") from error
