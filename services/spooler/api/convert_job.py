"""Jobs, attempts and events for the wire; which jobs a filter wants."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.field_mask_pb2 import FieldMask

from chassis.errors import FabricError, InvalidArgument
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1 import job_pb2
from spooler.api import convert
from spooler.api.win32_status import job_bits
from spooler.job import Attempt, HistoryEvent, Job
from spooler.job_state import IPP_NUMBER, STATE_OF_NUMBER, TERMINAL, JobState
from spooler.ledger import Outcome

ACTIVE = frozenset(JobState) - TERMINAL


def job_name(number: int) -> str:
    """Return a job's resource name."""
    return f"jobs/{number}"


def put_job(message: job_pb2.Job, job: Job, jobs_ahead: int = 0) -> None:
    """Write a job into an empty message."""
    document, sender = job.document, job.sender
    message.name, message.number, message.uid = f"jobs/{job.number}", job.number, job.uid
    message.printer = f"printers/{job.printer}"
    message.document_name, message.format = document.name, document.format
    message.size_bytes, message.digest = document.size_bytes, document.digest
    message.owner, message.user, message.client = sender.owner, sender.user, sender.client
    message.request_id = sender.request_id
    message.copies, message.priority = job.copies, job.priority
    message.state = IPP_NUMBER[job.state]  # type: ignore[assignment]
    message.outcome = convert.OUTCOMES[job.outcome]  # type: ignore[assignment]
    message.state_reasons.extend((*job.reasons, "job-incoming") if job.incoming else job.reasons)
    message.win32_status = job_bits(job)
    convert.put_ledger(message.ledger, job.ledger, document.size_bytes, job.created_at)
    convert.put_time(message.create_time, job.created_at)
    message.attempts, message.hold_reason, message.etag = job.attempts, job.hold_reason, job.etag
    message.retain, message.jobs_ahead = job.retain, jobs_ahead
    if job.attributes:
        message.attributes.update(job.attributes)
    if job.port is not None:
        convert.put_port(message.port, job.port)
    if job.last_error is not None:
        convert.put_remembered_error(message.last_error, job.last_error)
    if job.started_at is not None:
        convert.put_time(message.start_time, job.started_at)
    if job.ended_at is not None:
        convert.put_time(message.end_time, job.ended_at)
    if job.not_before is not None:
        convert.put_time(message.not_before_time, job.not_before)
    if job.expires_at is not None:
        convert.put_time(message.expire_time, job.expires_at)


def job_to_pb(job: Job, jobs_ahead: int = 0) -> job_pb2.Job:
    """Return a job for the wire."""
    message = job_pb2.Job()
    put_job(message, job, jobs_ahead)
    return message


def put_result(message: pb.SubmitResult, job: Job, duplicate: bool) -> None:
    """Write the good answer to one document of a stream."""
    message.job, message.job_uid = f"jobs/{job.number}", job.uid
    message.duplicate = duplicate


def put_refusal(message: pb.SubmitResult, error: FabricError) -> None:
    """Write why one document of a stream was refused."""
    convert.put_error(message.error, error)


def attempt_to_pb(attempt: Attempt, job: Job) -> job_pb2.Attempt:
    """Return an attempt of a job for the wire."""
    message = job_pb2.Attempt(
        name=f"jobs/{attempt.job_number}/attempts/{attempt.number}",
        number=attempt.number,
        copy=attempt.copy,
        fence=attempt.fence,
        resume_offset=attempt.resume_offset,
        resume_prefix=attempt.resume_prefix,
        mark=attempt.mark,
    )
    message.outcome = convert.OUTCOMES[attempt.outcome]  # type: ignore[assignment]
    convert.put_port(message.port, attempt.port)
    convert.put_ledger(message.ledger, attempt.ledger, job.document.size_bytes, job.created_at)
    if attempt.started_at is not None:
        convert.put_time(message.start_time, attempt.started_at)
    if attempt.ended_at is not None:
        convert.put_time(message.end_time, attempt.ended_at)
    if attempt.error is not None:
        convert.put_remembered_error(message.error, attempt.error)
    return message


def event_to_pb(event: HistoryEvent, sequence: int) -> pb.JobEvent:
    """Return a line of a job's history for the wire."""
    message = pb.JobEvent(sequence=sequence, kind=event.what, actor=event.who, text=event.detail)
    message.attempt = event.attempt
    if event.at is not None:
        convert.put_time(message.time, event.at)
    if event.port is not None:
        convert.put_port(message.port, event.port)
    if event.state is not None:
        message.state = IPP_NUMBER[event.state]  # type: ignore[assignment]
    return message


def masking(mask: FieldMask) -> Callable[[job_pb2.Job, Job], object]:
    """Return `put_job` for those fields only that `mask` names; an empty mask means all. Raises InvalidArgument."""
    if not mask.paths:
        return put_job
    check_mask(mask, job_pb2.Job, "read_mask")
    return lambda message, job: mask.MergeMessage(job_to_pb(job), message)


def check_mask(mask: FieldMask, kind: type[job_pb2.Job], field: str) -> None:
    """Raise InvalidArgument unless every path of a mask names a field."""
    if not mask.IsValidForDescriptor(kind.DESCRIPTOR):
        wrong = [path for path in mask.paths if path.split(".")[0] not in kind.DESCRIPTOR.fields_by_name]
        raise InvalidArgument(
            f"{field} names no field: {', '.join(wrong or mask.paths)}",
            fields=[(field, f"no such field: {path}") for path in wrong or mask.paths],
        )


def states_of(where: pb.JobFilter) -> frozenset[JobState]:
    """Return the states a filter allows; empty: any. Raises InvalidArgument for a number that is no state."""
    states = set()
    for number in where.states:
        if number not in STATE_OF_NUMBER:
            raise InvalidArgument(
                f"filter.states: {number} is no job state",
                fields=[("filter.states", f"{number} is no state")],
            )
        states.add(STATE_OF_NUMBER[number])
    if where.active_only:
        states = (states & ACTIVE) if states else set(ACTIVE)
        if not states:
            raise InvalidArgument(
                "filter.active_only and filter.states leave nothing",
                fields=[("filter.states", "only ended states, together with active_only")],
            )
    return frozenset(states)


def outcomes_of(where: pb.JobFilter) -> frozenset[Outcome]:
    """Return the outcomes a filter allows; empty: any. Raises InvalidArgument for a number that is none."""
    for number in where.outcomes:
        if number not in convert.OUTCOME_OF:
            raise InvalidArgument(
                f"filter.outcomes: {number} is no outcome",
                fields=[("filter.outcomes", f"{number} is no outcome")],
            )
    return frozenset(convert.OUTCOME_OF[number] for number in where.outcomes)
