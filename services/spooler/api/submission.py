"""From a sender's words to a job that may be accepted: every limit of a submission is here, and the hot path.

What is checked here needs no disk: the printer, sizes, counts, times. The store checks digests and request ids in the
commit that accepts the job.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from chassis.call import current_call
from chassis.errors import (
    DigestMismatch,
    FabricError,
    InvalidArgument,
    PrinterDeleted,
    SpoolFull,
    TooLarge,
    WrongState,
)
from chassis.identity import NOBODY, Identity
from chassis.tracing import tracing
from printfabric.spooler.v1.print_service_pb2 import JobSpec, SubmitJobRequest
from spooler.api import rights
from spooler.api.convert import duration_from_pb, time_from_pb
from spooler.api.convert_printer import DEFAULT_FORMAT
from spooler.api.inside import Dispatch
from spooler.api.looking import Looking
from spooler.api.names import printer_of
from spooler.api.rights import Right
from spooler.job import NO_ATTRIBUTES, Job
from spooler.job_trace import is_traced, submit_span, traced
from spooler.metrics import SpoolerMetrics
from spooler.new_job import Duplicate, Inline, NewJob, Sent, Uploaded
from spooler.printer import Printer
from spooler.store import Jobs
from spooler.while_spooling import WhileSpooling

MAX_INLINE_BYTES = 1 << 20  # of a document in SubmitJob; above, UploadJob is made for it
MAX_REQUEST_ID = 128  # characters
MAX_REASON = 255
MAX_NAME = 255  # characters of a document's name, a format, a user
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_BYTES = 256  # of each key and each value
MAX_COPIES = 9999
MAX_PRIORITY = 99
OUTPUT_FILE = "output-file"  # the attribute under which JobSpec.output_file travels to the port


class Caller(NamedTuple):
    """Who submits, and from where; tasks that a call starts do not know of the call itself."""

    identity: Identity
    client: str
    traceparent: str = ""  # where it stands in a trace; only while spans are told here

    @property
    def owner(self) -> str:
        """Who is told to own what they submit."""
        return self.identity.owner


def caller() -> Caller:
    """Return who makes the RPC that is being answered."""
    call = current_call.get()
    if call is None:
        return Caller(NOBODY, "")
    return Caller(call.identity, call.peer.rpartition(":")[0], call.traceparent)


def reason_of(text: str) -> str:
    """Return why somebody does something. Raises InvalidArgument: a line of history is short, and one line."""
    if len(text) > MAX_REASON or not text.isprintable():
        raise invalid("reason", f"must be at most {MAX_REASON} printable characters")
    return text


def invalid(field: str, why: str, **metadata: Any) -> InvalidArgument:
    """Return the error about one field."""
    return InvalidArgument(f"{field} {why}", fields=[(field, why)], **metadata)


class Submission:
    """Accepts jobs. Used by SubmitJob, SubmitJobs and UploadJob alike."""

    def __init__(self, dispatch: Dispatch, jobs: Jobs, metrics: SpoolerMetrics, looking: Looking) -> None:
        self._dispatch = dispatch
        self._jobs = jobs
        self._looking = looking
        self._metrics = metrics

    def small_job(self, request: SubmitJobRequest, caller: Caller) -> NewJob:
        """Return the job of a request that carries its document.

        Raises:
            TooLarge, InvalidArgument, PrinterNotFound, PrinterDeleted, WrongState, SpoolFull: as they say.
        """
        document = request.document
        if len(document) > MAX_INLINE_BYTES:
            raise TooLarge(
                f"the document has {len(document)} bytes; SubmitJob takes up to {MAX_INLINE_BYTES}, larger ones go by"
                " UploadJob",
                size_bytes=len(document),
                limit_bytes=MAX_INLINE_BYTES,
                use="UploadJob",
            )
        return self.new_job(request.spec, request.request_id, caller, Inline(document), len(document))

    def new_job(
        self,
        spec: JobSpec,
        request_id: str,
        caller: Caller,
        document: Inline | Uploaded,
        size_bytes: int | None,
    ) -> NewJob:
        """Return the job of a checked spec. `size_bytes` is None while nobody knows it. Raises as `small_job`."""
        printer = self._printer(spec.printer, size_bytes, caller)
        _check_limits(spec, request_id)
        not_before, expires_at, ttl = _times(spec)
        new = NewJob(
            printer=printer.name,
            document=document,
            document_name=spec.document_name,
            format=spec.format or printer.attributes.get(DEFAULT_FORMAT, ""),
            owner=caller.owner,
            user=spec.user,
            client=caller.client,
            request_id=request_id,
            copies=spec.copies or 1,
            priority=spec.priority or printer.default_job_priority,
            attributes=_attributes(spec),
            held=spec.hold,
            hold_reason=f"held by {caller.owner} when it was sent" if spec.hold else "",
            reasons=("job-hold-until-specified",) if spec.hold else (),
            not_before=not_before,
            expires_at=expires_at,
            ttl=ttl,
            retain=spec.retain or printer.keep_printed,
            sent=Sent(spec.format, spec.priority, spec.retain),
            digest=spec.digest,
        )
        return traced(new, caller.traceparent, time.time_ns()) if tracing.on else new

    async def twin(self, request: SubmitJobRequest, caller: Caller) -> Job | None:
        """Return the job a request made before, if it is the same document.

        For requests that would be refused now (the printer is going, the time has passed): a refusal does not undo
        that they were accepted. Raises Overloaded: too many look at stored jobs.
        """
        if not request.request_id:
            return None
        async with self._looking.turn():
            made = await self._jobs.get_by_request_id(caller.owner, request.request_id)
        same = made is not None and made.document.digest == hashlib.sha256(request.document).digest()
        return made if same else None

    @property
    def while_spooling(self) -> WhileSpooling:
        """Jobs that are begun before their documents have come whole."""
        return self._dispatch.while_spooling

    def largest(self, printer: str) -> int:
        """Return how many bytes a document for a printer may have; 0: no limit."""
        return self._dispatch.book.queue(printer).printer.limits.max_document_bytes

    async def accept(self, jobs: Sequence[NewJob]) -> list[Job | Duplicate | FabricError]:
        """Accept jobs durably, all in one commit.

        Raises:
            SpoolFull, StoreUnavailable: none was accepted.
        """
        started = time.perf_counter()
        results = await self._dispatch.submit(jobs)
        accepted = sum(1 for result in results if isinstance(result, Job))
        if accepted:
            self._metrics.accepted(accepted, time.perf_counter() - started)
        if tracing.on:
            _tell(results, time.perf_counter() - started)
        return results

    async def complete(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        """Accept a job that was begun before its document was whole; raises as `WhileSpooling.complete`."""
        started = time.perf_counter()
        job = await self.while_spooling.complete(number, upload, digest)
        self._metrics.accepted(1, time.perf_counter() - started)
        return job

    def _printer(self, name: str, size_bytes: int | None, caller: Caller) -> Printer:
        """Return the printer if it takes a document of that size now, from this caller."""
        queue = self._dispatch.book.queue(printer_of(name, "spec.printer"))
        printer = queue.printer
        rights.require_on(printer.name, Right.PRINT, "print on", caller.identity)
        if printer.pending_deletion:
            raise PrinterDeleted(f"printer {printer.name} is being deleted", printer=printer.name)
        if not printer.accepting:
            raise WrongState(f"printer {printer.name} takes no new jobs", win32=1906, printer=printer.name)
        largest, most = printer.limits
        if largest and size_bytes is not None and size_bytes > largest:
            raise TooLarge(
                f"the document has {size_bytes} bytes; printer {printer.name} takes up to {largest}",
                size_bytes=size_bytes,
                limit_bytes=largest,
                printer=printer.name,
            )
        if most and len(queue.jobs) >= most:
            raise SpoolFull(
                f"printer {printer.name} has {most} waiting jobs and takes no more",
                win32=61,
                printer=printer.name,
                limit=most,
            )
        return printer


def _tell(results: Sequence[Job | Duplicate | FabricError], took_s: float) -> None:
    """Tell the spans of submissions that were accepted just now."""
    call, end_ns = current_call.get(), time.time_ns()
    for job in results:
        if isinstance(job, Job) and is_traced(job):
            method = call.method if call is not None else ""
            tracing.tell(submit_span(job, method, end_ns - int(took_s * 1e9), end_ns))


def check_document(job: NewJob) -> None:
    """Check a document against its digest, for a request that accepts nothing. Raises DigestMismatch."""
    assert isinstance(job.document, Inline)
    if job.digest and hashlib.sha256(job.document.data).digest() != job.digest:
        raise DigestMismatch("the document does not have the digest that was announced")


def _check_limits(spec: JobSpec, request_id: str) -> None:
    """Raise InvalidArgument for a field that is too long, too large, or nothing that can be shown."""
    if len(request_id) > MAX_REQUEST_ID or not request_id.isprintable():
        raise invalid("request_id", f"must be at most {MAX_REQUEST_ID} printable characters")
    if spec.priority > MAX_PRIORITY:
        raise invalid(
            "spec.priority", f"must be 1 to {MAX_PRIORITY}, or 0 for the printer's", priority=spec.priority
        )
    if spec.copies > MAX_COPIES:
        raise invalid("spec.copies", f"must be 1 to {MAX_COPIES}", copies=spec.copies)
    if len(spec.digest) not in (0, 32):
        raise invalid("spec.digest", "must be the 32 bytes of a SHA-256")
    for field, text in (
        ("document_name", spec.document_name),
        ("format", spec.format),
        ("user", spec.user),
    ):
        if len(text) > MAX_NAME or not text.isprintable():
            raise invalid(f"spec.{field}", f"must be at most {MAX_NAME} printable characters")


def _times(spec: JobSpec) -> tuple[datetime | None, datetime | None, timedelta | None]:
    """Return from when and until when a job may begin, and the span if that is what the sender named."""
    not_before = expires_at = ttl = None
    if spec.HasField("not_before_time"):
        not_before = time_from_pb(spec.not_before_time, "spec.not_before_time")
    if spec.HasField("ttl"):
        if spec.HasField("expire_time"):
            raise invalid("spec.ttl", "and spec.expire_time exclude each other")
        ttl = duration_from_pb(spec.ttl, "spec.ttl")
        expires_at = datetime.now(UTC) + ttl
    elif spec.HasField("expire_time"):
        expires_at = time_from_pb(spec.expire_time, "spec.expire_time")
        if expires_at <= datetime.now(UTC):
            raise invalid("spec.expire_time", "is in the past")
    if not_before is not None and expires_at is not None and expires_at <= not_before:
        raise invalid("spec.expire_time", "is not after spec.not_before_time: it could never print")
    return not_before, expires_at, ttl


def _attributes(spec: JobSpec) -> Mapping[str, str]:
    attributes = dict(spec.attributes) if spec.attributes else NO_ATTRIBUTES
    check_attributes(attributes, "spec.attributes")
    if spec.output_file:
        if len(spec.output_file) > MAX_NAME or not spec.output_file.isprintable():
            raise invalid("spec.output_file", f"must be at most {MAX_NAME} printable characters")
        return {**attributes, OUTPUT_FILE: spec.output_file}
    return attributes


def check_attributes(attributes: Mapping[str, str], field: str) -> None:
    """Raise InvalidArgument for too many labels, or one that is too long or has no key."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise invalid(field, f"must be at most {MAX_ATTRIBUTES}", count=len(attributes))
    for key, value in attributes.items():
        if not key or not key.isprintable():
            raise invalid(field, "must have printable keys")
        # A character has at most four bytes, so that short texts need no encoding to be counted.
        for text in (key, value):
            if len(text) * 4 > MAX_ATTRIBUTE_BYTES and len(text.encode()) > MAX_ATTRIBUTE_BYTES:
                raise invalid(
                    f"{field}[{key[:40]}]", f"must be at most {MAX_ATTRIBUTE_BYTES} bytes, key and value each"
                )
