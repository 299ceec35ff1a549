"""The beginning of an attempt: what is sent of a job, and what is written down before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.tracing import tracing
from spooler.flight import Flight
from spooler.job import Attempt, Job, Segment, event_of
from spooler.job_trace import attempt_traceparent
from spooler.port import DocumentInfo, DocumentKey
from spooler.printer import PortName
from spooler.store import Changes

OUTPUT_FILE = "output-file"  # the attribute that names the file, for ports that ask for one ("FILE:")


def flight_of(job: Job, offset: int, data: bytes | None) -> Flight:
    """Return the flight of a job's present attempt, beginning at payload byte `offset`.

    What goes before a stretch of the document goes before its first byte only: a byte pipe that goes on in the middle
    of one has had it.
    """
    part = job.rest[0] if job.rest else Segment(0, job.document.size_bytes)
    before = part if offset == part.start else Segment(0, 0)
    info = DocumentInfo(
        printer=job.printer,
        job_number=job.number,
        document_name=job.document.name,
        output_file=job.attributes.get(OUTPUT_FILE, ""),
        format=job.document.format,
        size_bytes=part.end,
        user=job.sender.user or job.sender.owner,
        copy=job.copies_printed + 1,
        resume_offset=offset,
        resume_prefix=b"" if before.prefix.taken else before.prefix.said,
        traceparent=attempt_traceparent(job) if tracing.on else "",
    )
    return Flight(
        key=DocumentKey(job.uid, job.attempts),
        number=job.number,
        size_bytes=part.end,
        info=info,
        data=data,
        before=before.prefix,
        prefix_words=before.words,
        mark=before.mark,
        sent=offset,
        expires_at=None if offset else job.expires_at,
    )


def starts(jobs: Sequence[Job], flights: Sequence[Flight], port: PortName, fence: int) -> Changes:
    """Return what must be durable before these flights leave."""
    attempts = [
        Attempt(
            job_uid=job.uid,
            job_number=job.number,
            number=flight.key.attempt,
            port=port,
            fence=fence,
            copy=flight.info.copy,
            resume_offset=flight.info.resume_offset,
            resume_prefix=flight.prefix_words,
            mark=flight.mark,
        )
        for job, flight in zip(jobs, flights, strict=True)
    ]
    history = [
        event_of(job, "attempt-started", "spooler", f"attempt {one.number} on {port}", at=job)
        for job, one, flight in zip(jobs, attempts, flights, strict=True)
        if one.number > 1 and not flight.again
    ]
    return Changes(jobs=jobs, attempts=attempts, history=history)
