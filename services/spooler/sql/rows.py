"""Jobs, attempts, events and printers as rows of the SQL store, and back. The order of a row is its table's."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from sys import intern
from typing import Any

from spooler.daily_window import Window
from spooler.job import NO_ATTRIBUTES, Attempt, Document, HistoryEvent, Job, JobError, Segment, Sender
from spooler.job_state import IPP_NUMBER, STATE_OF_NUMBER
from spooler.ledger import (
    NOTHING_PROVEN,
    Evidence,
    EvidenceLevel,
    EvidenceSource,
    Ledger,
    Offsets,
    Outcome,
    Span,
    UnitKind,
    Units,
    UnitSpan,
)
from spooler.printer import PortName
from spooler.sql.schema import columns, jobs
from spooler.units.prefix import Prefix, Taken

Row = Sequence[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)

JOB_FIXED = [column.name for column in columns(jobs)][:14]
JOB_CHANGING = [column.name for column in columns(jobs)][14:]
JOB_READ = columns(jobs, "fingerprint")

_compact = json.JSONEncoder(separators=(",", ":")).encode
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def micros(at: datetime) -> int:
    """Return a time as the tables hold it."""
    return (at - _EPOCH) // _US


def _micros(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _US


def moment(us: int) -> datetime:
    """Return the time that a table holds."""
    return _EPOCH + timedelta(microseconds=us)


_shared_moment = lru_cache(maxsize=64)(moment)  # what was accepted together has one object for its moment


def _moment(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def json_text(value: object) -> str:
    """Return compact JSON; text that is no Unicode (lone surrogates) is escaped by it."""
    return _compact(value)


def attributes_text(attributes: Mapping[str, str]) -> str | None:
    """Return a sender's labels for their column; None for none."""
    return json_text(dict(attributes)) if attributes else None


def attributes_of(text: str | None) -> Mapping[str, str]:
    """Return a sender's labels from their column."""
    return json.loads(text) if text else NO_ATTRIBUTES


def fixed_row(job: Job, fingerprint: bytes | None) -> tuple[Any, ...]:
    """Return the columns of a job that never change."""
    document, sender = job.document, job.sender
    return (
        job.number,
        job.uid,
        document.name,
        document.format,
        document.size_bytes,
        document.digest,
        sender.owner,
        sender.user,
        sender.client,
        sender.request_id or None,
        fingerprint,
        (job.created_at - _EPOCH) // _US,
        job.copies,
        attributes_text(job.attributes),
    )


def changing_row(job: Job) -> tuple[Any, ...]:
    """Return the columns of a job that change. Numbers for what is true or not: the driver asks a bool what it is."""
    host, port = job.port or (None, None)
    return (
        job.printer,
        IPP_NUMBER[job.state],
        " ".join(job.reasons),
        job.hold_reason,
        job.priority,
        _micros(job.not_before),
        _micros(job.expires_at),
        json_text(job.window.stored) if job.window else None,
        int(job.retain),
        host,
        port,
        job.attempts,
        job.copies_printed,
        job.resume_offset,
        _rest_text(job.rest) if job.rest else None,
        _ledger_text(job.ledger),
        job.outcome.value,
        _error_text(job.last_error),
        _micros(job.started_at),
        _micros(job.ended_at),
        int(job.redirected),
        int(job.has_document),
        job.revision,
    )


def job_of_row(row: Row) -> Job:
    """Return the job of a row of JOB_READ. Words that many jobs share are kept once."""
    (number, uid, name, format_, size, digest, owner, user, client, request_id, created, copies, attributes,
     printer, state, reasons, hold_reason, priority, not_before, expires, window, retain, host, port, attempts,
     copies_printed, resume_offset, rest, ledger, outcome, last_error, started, ended, redirected, has_document, revision) = row  # fmt: skip
    found = _ledger_of(ledger) if ledger else NOTHING_PROVEN
    if not digest:  # it never came whole, or has not yet: how much was sent of it is known by the ledger
        size, has_document = max(size, found.offsets.spooled), False
    return Job(
        number,
        uid,
        Document(name, intern(format_), size, digest),
        Sender(intern(owner), intern(user), intern(client), request_id or ""),
        _shared_moment(created),
        copies,
        json.loads(attributes) if attributes else NO_ATTRIBUTES,
        intern(printer),
        STATE_OF_NUMBER[state],
        tuple(reasons.split()) if reasons else (),
        hold_reason,
        priority,
        _moment(not_before),
        _moment(expires),
        Window(*json.loads(window)) if window else None,
        bool(retain),
        PortName(host, port) if port is not None else None,
        attempts,
        copies_printed,
        resume_offset,
        _rest_of(rest) if rest else (),
        found,
        _OUTCOMES[outcome],
        _error_of(last_error) if last_error else None,
        _moment(started),
        _moment(ended),
        bool(redirected),
        bool(has_document),
        revision,
    )


def attempt_row(attempt: Attempt, now: int) -> tuple[Any, ...]:
    """Return an attempt's columns; `now` is its start if it bears none."""
    return (
        attempt.job_number,
        attempt.number,
        attempt.job_uid,
        attempt.port.host,
        attempt.port.port,
        _signed(attempt.fence),
        attempt.copy,
        attempt.resume_offset,
        attempt.resume_prefix,
        attempt.mark,
        now if attempt.started_at is None else micros(attempt.started_at),
        _micros(attempt.ended_at),
        _ledger_text(attempt.ledger),
        attempt.outcome.value,
        _error_text(attempt.error),
    )


def attempt_of_row(row: Row) -> Attempt:
    """Return the attempt of a row."""
    (job_number, number, uid, host, port, fence, copy, resume_offset, prefix, mark, started, ended, ledger,
     outcome, error) = row  # fmt: skip
    return Attempt(
        uid,
        job_number,
        number,
        PortName(host, port),
        fence % (1 << 64),
        copy,
        resume_offset,
        prefix,
        mark,
        moment(started),
        _moment(ended),
        _ledger_of(ledger) if ledger else NOTHING_PROVEN,
        _OUTCOMES[outcome],
        _error_of(error) if error else None,
    )


def event_row(event: HistoryEvent, now: int, decision: int = 0, decided_bytes: int = 0) -> tuple[Any, ...]:
    """Return an event's columns without its id."""
    at = now if event.at is None else micros(event.at)
    host, port = event.port or (None, None)
    state = None if event.state is None else IPP_NUMBER[event.state]
    return (
        event.what, event.who, event.detail, event.job_number, event.printer, at, event.attempt, host, port, state,
        decision, decided_bytes,
    )  # fmt: skip


def event_of_row(row: Row) -> HistoryEvent:
    """Return the event of a row without its id and its numbers."""
    what, who, detail, job_number, printer, at, attempt, host, port, state = row
    return HistoryEvent(
        what,
        who,
        detail,
        job_number,
        printer,
        moment(at),
        attempt,
        PortName(host, port) if port is not None else None,
        STATE_OF_NUMBER[state] if state is not None else None,
    )


def _signed(fence: int) -> int:
    """SQLite's integers are signed; a fence is 64 bits without a sign."""
    return fence - (1 << 64) if fence >= 1 << 63 else fence


def _ledger_text(ledger: Ledger) -> str | None:
    if ledger is NOTHING_PROVEN:
        return None
    evidence = [(e.level, e.source, e.offset, _micros(e.at), e.detail) for e in ledger.evidence]
    parts = (ledger.offsets, ledger.units, ledger.uncertain, ledger.uncertain_units, evidence)
    return json_text(parts if ledger.copies is None else (*parts, ledger.copies))


def _ledger_of(text: str) -> Ledger:
    offsets, units, uncertain, uncertain_units, evidence, *copies = json.loads(text)
    return Ledger(
        Offsets(*offsets),
        Units(UnitKind(units[0]), *units[1:]),
        Span(*uncertain) if uncertain else None,
        UnitSpan(*uncertain_units) if uncertain_units else None,
        tuple(
            Evidence(EvidenceLevel(level), EvidenceSource(source), offset, _moment(at), detail)
            for level, source, offset, at, detail in evidence
        ),
        Offsets(*copies[0]) if copies else None,
    )


def _rest_text(rest: Sequence[Segment]) -> str:
    return json_text([_segment_row(one) for one in rest])


def _segment_row(one: Segment) -> tuple[Any, ...]:
    said = b64encode(one.prefix.said).decode()
    row = (one.start, one.end, said, one.words, one.mark)
    return (*row, one.prefix.taken) if one.prefix.taken else row


def _rest_of(text: str) -> tuple[Segment, ...]:
    return tuple(
        Segment(start, end, Prefix(b64decode(said), tuple(Taken(*one) for one in chain(*taken))), words, mark)
        for start, end, said, words, mark, *taken in json.loads(text)
    )


def _error_text(error: JobError | None) -> str | None:
    if error is None:
        return None
    return json_text((error.reason, error.win32, error.message, error.verdict, _micros(error.at)))


def _error_of(text: str) -> JobError:
    reason, win32, message, verdict, at = json.loads(text)
    return JobError(reason, win32, message, verdict, _moment(at))
