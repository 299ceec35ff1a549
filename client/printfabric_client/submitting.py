"""Printing: one document, a stream of small ones, and a document of any size."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Unpack

from printfabric.spooler.v1.print_service_pb2 import JobSpec, SubmitJobRequest, SubmitResult
from printfabric.types.v1.job_pb2 import Job
from printfabric_client.batch import Batch
from printfabric_client.batch_source import Jobs
from printfabric_client.connection import Connection
from printfabric_client.document import Document, Source, open_document
from printfabric_client.names import PrinterRef
from printfabric_client.spec import JobOptions, job_spec, new_request_id
from printfabric_client.upload import Progress, Upload

if TYPE_CHECKING:
    from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceAsyncStub

# Above this a document is uploaded in resumable pieces; the contract would take 1 MiB in one call.
_ONE_CALL_BYTES = 256 * 1024


class Submitting:
    """The part of a client that prints."""

    _connection: Connection
    _print: PrintServiceAsyncStub

    async def submit(
        self,
        document: Source,
        *,
        printer: PrinterRef,
        request_id: str | None = None,
        progress: Progress | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Print a document and return its job, which is durable then.

        Small documents go in one call, larger ones in pieces that survive a broken connection. The same
        `request_id` with the same document returns the first job, so calling again after an error prints nothing
        twice; without one, a fresh id covers the repeats inside this call.

        Args:
            document: bytes, a Path, or an open binary file (a pipe is copied to a temporary file first).
            printer: its name.
            request_id: the idempotency key: any text of yours that names this print, or a UUID.
            progress: called with (bytes sent, bytes in all).
            options: copies, priority, hold, expire, … as in `JobOptions`.

        Raises:
            FabricError: `PrinterNotFound`, `SpoolFull`, `RequestIdReused`, `HostUnreachable`, …
            TypeError: the document is a str.
        """
        async with open_document(document) as opened:
            spec = job_spec(printer, options)
            spec.document_name = spec.document_name or opened.name
            if opened.size <= _ONE_CALL_BYTES:
                return await self._submit_small(opened, spec, request_id or new_request_id(), progress)
            upload = Upload(
                self._connection, self._print, opened, spec, request_id or new_request_id(), progress
            )
            # Only an id the caller chose can have been begun before.
            return await upload.run(ask_first=request_id is not None)

    async def upload(
        self,
        document: Source,
        *,
        printer: PrinterRef,
        request_id: str | None = None,
        progress: Progress | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Print a document of any size in resumable pieces, however small it is; otherwise as `submit`."""
        async with open_document(document) as opened:
            spec = job_spec(printer, options)
            spec.document_name = spec.document_name or opened.name
            chosen = request_id or new_request_id()
            upload = Upload(self._connection, self._print, opened, spec, chosen, progress)
            return await upload.run(ask_first=request_id is not None)

    async def submit_many(self, jobs: Jobs, *, in_flight: int = 2048) -> AsyncGenerator[SubmitResult, None]:
        """Print many small documents over one stream; yield each answer when its job is durable.

        Answers come in the order in which jobs became durable; `index` counts the given jobs from 0. A refused job
        is an answer with `error` set and does not end the stream. After a broken connection, and when the
        spooler's database is away, everything unanswered is sent again under the same request ids.

        Args:
            jobs: made by `new_job`; an iterable (read in a thread, so it may block) or an async iterable.
            in_flight: so many jobs at most are sent and unanswered, with 16 MiB of documents and one more.

        Raises:
            FabricError: the spooler stayed away, or refused the stream as a whole.
        """
        batch = Batch(self._connection, self._print, jobs, in_flight=in_flight)
        async for result in batch.results():
            yield result

    async def _submit_small(
        self, document: Document, spec: JobSpec, request_id: str, progress: Progress | None
    ) -> Job:
        content = await document.read(0, document.size)
        spec.digest = spec.digest or hashlib.sha256(content).digest()
        request = SubmitJobRequest(request_id=request_id, spec=spec, document=content)
        answer = await self._connection.call(self._print.SubmitJob, request, safe=True)
        if progress:
            progress(len(content), len(content))
        return answer.job
