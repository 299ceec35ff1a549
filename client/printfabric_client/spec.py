"""What a sender says about a job, from Python's words to the contract's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from printfabric.spooler.v1.print_service_pb2 import JobSpec, SubmitJobRequest
from printfabric_client.names import PrinterRef, printer_name


class JobOptions(TypedDict, total=False):
    """Everything that may be said about a job. Nothing is required.

    Keys:
        document_name: shown to people.
        format: media type; without it the printer's default.
        copies: 1 to 9999.
        priority: 1 (last) to 99 (first).
        hold: hold it until it is released.
        not_before: not before this time.
        expire: after this time, or after so long a time, it is not begun any more.
        attributes: labels of the sender's own, never interpreted.
        user: the person it is for, when the caller is a program.
        retain: keep it after printing.
        output_file: the file to write, for ports that ask for one.
        digest: the SHA-256 of the document, when it is known; otherwise it is computed.
    """

    document_name: str
    format: str
    copies: int
    priority: int
    hold: bool
    not_before: datetime
    expire: datetime | timedelta
    attributes: Mapping[str, str]
    user: str
    retain: bool
    output_file: str
    digest: bytes


def new_request_id() -> str:
    """Return a fresh idempotency key, a random UUID."""
    return str(uuid.uuid4())


def new_job(
    document: bytes, *, printer: PrinterRef, request_id: str | None = None, **options: Unpack[JobOptions]
) -> SubmitJobRequest:
    """Return one small document for `submit_many`. Without a `request_id` it gets one, so a repeat is harmless.

    Raises:
        ValueError: a time without a time zone, or an empty printer name.
    """
    return SubmitJobRequest(
        request_id=request_id or new_request_id(), spec=job_spec(printer, options), document=bytes(document)
    )


def job_spec(printer: PrinterRef, options: JobOptions) -> JobSpec:
    """Return the contract's form of `options`.

    Raises:
        ValueError: a time without a time zone, or an empty printer name.
    """
    spec = JobSpec(
        printer=printer_name(printer),
        document_name=options.get("document_name", ""),
        format=options.get("format", ""),
        copies=options.get("copies", 0),
        priority=options.get("priority", 0),
        hold=options.get("hold", False),
        attributes=dict(options.get("attributes", {})),
        user=options.get("user", ""),
        retain=options.get("retain", False),
        output_file=options.get("output_file", ""),
        digest=options.get("digest", b""),
    )
    if "not_before" in options:
        spec.not_before_time.CopyFrom(timestamp(options["not_before"]))
    expire = options.get("expire")
    if isinstance(expire, timedelta):
        spec.ttl.CopyFrom(duration(expire))
    elif expire is not None:
        spec.expire_time.CopyFrom(timestamp(expire))
    return spec


def timestamp(time: datetime) -> Timestamp:
    """Return `time` as the contract writes it.

    Raises:
        ValueError: it has no time zone, so nobody knows which moment it is.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone; use datetime.now(tz=...) or .astimezone()")
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def duration(length: timedelta) -> Duration:
    """Return `length` as the contract writes it."""
    found = Duration()
    found.FromTimedelta(length)
    return found
