"""A job's trace: where it stands in one, and its spans, from what is kept of it. Pure but for the ids of new traces.

    whoever sends it ─ job ─┬─ submit
                            ├─ attempt 1 ─ document (the host's)
                            └─ attempt 2 ─ document

The ids of the job's span and of its attempts' are made of its uid: any spooler knows them, also after a restart. Kept
with the job is one attribute: the position of its sender, or, where it had none, the position of the job itself.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chassis.tracing import TRACEPARENT, Event, Kind, Position, Span, Value, new_id, position_of, tracing
from spooler.job import Attempt, HistoryEvent, Job, make_uid, uid_text
from spooler.ledger import EvidenceLevel, Outcome
from spooler.new_job import NewJob

MOST_EVENTS = 100  # of one span; OpenTelemetry keeps 128

_BAD = (Outcome.UNKNOWN, Outcome.PARTIAL, Outcome.NOT_PRINTED)


def traced(new: NewJob, said: str, now_ns: int) -> NewJob:
    """Return a job with its trace. `said` is the traceparent of the call; one among the job's attributes goes before it.

    A job with neither begins a trace, if the sampler wants one. Its uid is made here, of the time at which it came.
    """
    parent = position_of(new.attributes.get(TRACEPARENT) or said)
    uid = make_uid(now_ns // 1_000_000, os.urandom(10))
    if parent is None:
        parent = Position(new_id(16), _span_of_job(uid))
        parent = parent._replace(sampled=tracing.samples(parent.trace_id, f"job {new.printer}"))
    if not parent.sampled:
        return new
    return replace(new, uid=uid, attributes={**new.attributes, TRACEPARENT: parent.text})


def attempt_traceparent(job: Job) -> str:
    """Return what the host is told of a job's present attempt: its position; empty where there is none."""
    sender = _sender(job)
    return "" if sender is None else sender.child(_span_of_attempt(job.uid, job.attempts)).text


def is_traced(job: Job) -> bool:
    """Whether there is a trace of this job."""
    return _sender(job) is not None


def submit_span(job: Job, method: str, start_ns: int, end_ns: int) -> Span:
    """Return the span of a submission, from a checked request to the commit that holds the job. The job is traced."""
    position = _of_job(job)
    values = {**_values(job, "create"), "rpc.system.name": "grpc"}
    if method:  # of a stream of jobs it is not known here
        values["rpc.method"] = method.lstrip("/")
    return Span(
        f"submit {job.printer}", position.child(), position.span_id, start_ns, end_ns, Kind.SERVER, values,
        (Event("durable", end_ns),),
    )  # fmt: skip


def attempt_span(job: Job, attempt: Attempt) -> Span | None:
    """Return the span of an attempt that has ended; None for another. The job is traced."""
    if attempt.started_at is None or attempt.ended_at is None:
        return None
    position = _of_job(job)
    proofs = attempt.ledger.evidence[:MOST_EVENTS]
    values = _values(job, "send") | {
        "printfabric.attempt": attempt.number,
        "printfabric.host": attempt.port.host,
        "printfabric.port": attempt.port.port,
        "printfabric.copy": attempt.copy,
        "printfabric.outcome": attempt.outcome.value,
        "printfabric.evidence.level": _level(attempt),
    }
    return Span(
        f"attempt {job.printer}",
        position.child(_span_of_attempt(job.uid, attempt.number)),
        position.span_id,
        _ns(attempt.started_at),
        _ns(attempt.ended_at),
        Kind.PRODUCER,
        values,
        [
            Event(one.level.value, _ns(one.at or attempt.ended_at), {
                "printfabric.evidence.source": one.source.value, "printfabric.offset": one.offset,
            })
            for one in proofs
        ],
        _failure(attempt.outcome, attempt.error.reason if attempt.error else ""),
    )  # fmt: skip


def job_span(job: Job, history: Sequence[HistoryEvent]) -> Span:
    """Return the span of a job that has ended, from the moment it came to its end. The job is traced."""
    position, sender = _of_job(job), _sender(job)
    assert sender is not None
    end_ns = _ns(job.ended_at or job.created_at)
    came_ns = int.from_bytes(job.uid[:6], "big") * 1_000_000  # RFC 9562, 5.7
    values = _values(job, "process") | {
        "printfabric.attempts": job.attempts,
        "printfabric.copies": job.copies,
        "printfabric.job.state": job.state.value,
        "printfabric.outcome": job.outcome.value,
        "printfabric.evidence.level": job.ledger.level_for(job.document.size_bytes).value,
    }
    return Span(
        f"job {job.printer}",
        position,
        0 if sender.span_id == position.span_id else sender.span_id,
        came_ns,
        end_ns,
        Kind.INTERNAL,
        values,
        list(_events(job, history))[:MOST_EVENTS],
        _failure(job.outcome, job.last_error.reason if job.last_error else ""),
    )


def _events(job: Job, history: Sequence[HistoryEvent]) -> Iterator[Event]:
    """Yield what became of a job: never who, and never in whose words."""
    yield Event("accepted", _ns(job.created_at))
    for line in history:
        if line.at is None or line.what == "accepted":
            continue
        values: dict[str, Value] = {"printfabric.by_a_person": line.by_a_person}
        if line.attempt:
            values["printfabric.attempt"] = line.attempt
        if line.state is not None:
            values["printfabric.job.state"] = line.state.value
        yield Event(line.what, _ns(line.at), values)


def _sender(job: Job) -> Position | None:
    text = job.attributes.get(TRACEPARENT)
    found = position_of(text) if text else None
    return found if found is not None and found.sampled else None


def _of_job(job: Job) -> Position:
    sender = _sender(job)
    assert sender is not None, f"job {job.number} has no trace"
    return sender.child(_span_of_job(job.uid))


def _span_of_job(uid: bytes) -> int:
    return int.from_bytes(uid[8:], "big")  # never 0: it begins with a UUID's variant


def _span_of_attempt(uid: bytes, attempt: int) -> int:
    digest = hashlib.blake2b(uid + attempt.to_bytes(8, "big"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") or 1


def _values(job: Job, operation: str) -> dict[str, Value]:
    """Return what all spans of a job say, in OpenTelemetry's words for messages and where they are sent."""
    return {
        "messaging.system": "printfabric",
        "messaging.operation.type": operation,
        "messaging.destination.name": job.printer,
        "messaging.message.id": uid_text(job.uid),
        "messaging.message.body.size": job.document.size_bytes,
        "printfabric.job.number": job.number,
    }


def _level(attempt: Attempt) -> str:
    reached = [one.level for one in attempt.ledger.evidence]
    return (reached[-1] if reached else EvidenceLevel.NONE).value


def _failure(outcome: Outcome, reason: str) -> str:
    return (reason or outcome.value.upper()) if outcome in _BAD else ""


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
