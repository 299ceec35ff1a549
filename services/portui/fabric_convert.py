"""The wall, looking in: the contracts' messages to plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from portui import model, model_answers
from printfabric.monitor.v1 import recorder_service_pb2 as recorder_pb2
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.types.v1 import job_pb2, ledger_pb2, port_pb2

# Behind a document, where a restart of the printer would not be seen, they prove less than all of it.
_ANSWERS = (ledger_pb2.EVIDENCE_SOURCE_ESCPOS, ledger_pb2.EVIDENCE_SOURCE_ZPL)
_CONDITIONS = {
    "OFFLINE": "Offline", "PAPER_JAM": "Paper jam", "PAPER_OUT": "Out of paper", "OUTPUT_BIN_FULL": "Output bin full",
    "PAPER_PROBLEM": "Paper problem", "NO_TONER": "No toner", "DOOR_OPEN": "Cover open",
    "USER_INTERVENTION": "Needs a hand", "OUT_OF_MEMORY": "Out of memory", "TONER_LOW": "Toner low",
    "WARMING_UP": "Warming up", "POWER_SAVE": "Power save",
}  # fmt: skip


def word(enum: Any, number: int, prefix: str) -> str:
    """Return an enum's name without its prefix; what a newer spooler says and we do not know is "UNKNOWN"."""
    try:
        return str(enum.Name(number)).removeprefix(prefix)
    except ValueError:
        return "UNKNOWN"


def when(message: Any, name: str) -> datetime | None:
    """Return a time stamp of a message, None when it is unset."""
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None


def port_key(name: Any) -> str:
    """Return `edge-7/COM1:`; empty when the name is."""
    return f"{name.host}/{name.port}" if name.port else ""


def port(message: Any) -> model.Port:
    """Return a port."""
    return model.Port(
        host=message.port.host,
        port=message.port.port,
        monitor=message.monitor,
        description=message.description,
        state=_state(message.state),
        device=message.device,
        reports=tuple(_report(one) for one in message.status),
        hold=_hold(message.hold) if message.HasField("hold") else None,
        printers=tuple(name.removeprefix("printers/") for name in message.printers),
        revision=message.settings_revision,
        sources=tuple(_source(one) for one in message.sources),
        counters=_counters(message.counters),
    )


def _state(number: int) -> model.PortState:
    found = word(port_pb2.PortState, number, "PORT_STATE_").lower()
    return model.PortState(found) if found in set(model.PortState) else model.PortState.UNKNOWN


def _source(message: Any) -> model.Source:
    return model.Source(
        word(port_pb2.StatusSource, message.source, "STATUS_SOURCE_").lower(),
        _state(message.state),
        message.text,
        when(message, "time"),
    )


def _counters(message: Any) -> model.Counters:
    return model.Counters(
        message.busy_seconds,
        message.written_bytes,
        message.read_bytes,
        message.documents,
        message.broken_documents,
        message.stall_seconds,
    )


def _report(message: Any) -> model.Report:
    condition = word(port_pb2.PortCondition, message.condition, "PORT_CONDITION_")
    return model.Report(
        text=message.text or _CONDITIONS.get(condition, condition.replace("_", " ").capitalize()),
        severity=word(port_pb2.Severity, message.severity, "SEVERITY_").lower(),
        source=word(port_pb2.StatusSource, message.source, "STATUS_SOURCE_").lower(),
        time=when(message, "report_time"),
    )


def _hold(message: Any) -> model.Hold:
    return model.Hold(
        spooler=message.spooler_id,
        fence=message.fence,
        printer=message.printer.removeprefix("printers/"),
        opened=when(message, "open_time"),
    )


_JOB_STATES = {
    "PENDING": model.JobState.PENDING,
    "PENDING_HELD": model.JobState.HELD,
    "PROCESSING": model.JobState.PROCESSING,
    "PROCESSING_STOPPED": model.JobState.STOPPED,
    "CANCELED": model.JobState.CANCELED,
    "ABORTED": model.JobState.ABORTED,
    "COMPLETED": model.JobState.COMPLETED,
}


def job(message: Any) -> model.Job:
    """Return a job."""
    return model.Job(
        number=message.number,
        printer=message.printer.removeprefix("printers/"),
        title=message.document_name,
        owner=message.owner,
        size=message.size_bytes,
        state=_JOB_STATES.get(word(job_pb2.JobState, message.state, "JOB_STATE_"), model.JobState.PENDING),
        outcome=outcome(message.outcome),
        proof=proof(message.ledger),
        user=message.user,
        client=message.client,
        format=message.format,
        digest=message.digest.hex(),
        copies=message.copies,
        priority=message.priority,
        port=port_key(message.port),
        attempts=message.attempts,
        error=message.last_error.message,
        hold_reason=message.hold_reason,
        created=when(message, "create_time"),
        started=when(message, "start_time"),
        ended=when(message, "end_time"),
        reprint_of=_number(message.attributes.get("reprint-of", "")),
        reprint_units=message.attributes.get("reprint-units", ""),
    )


def _number(name: str) -> int:
    """Return a job's number by its name; 0 for what is none."""
    text = name.removeprefix("jobs/")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def outcome(number: int) -> model.Outcome:
    """Return an outcome; what is not known here counts as unknown."""
    found = word(ledger_pb2.Outcome, number, "OUTCOME_")
    if found == "UNSPECIFIED":
        return model.Outcome.PENDING
    return getattr(model.Outcome, found, model.Outcome.UNKNOWN)


def proof(ledger: Any) -> model.Proof:
    """Return what a ledger proves."""
    units, offsets = ledger.units, ledger.offsets
    kind = word(ledger_pb2.UnitKind, units.kind, "UNIT_KIND_").lower()
    return model.Proof(
        spooled=offsets.spooled,
        accepted=offsets.accepted,
        acked=offsets.acked,
        confirmed=offsets.confirmed,
        units=model.Units(
            "" if kind == "unspecified" else kind, units.total, units.accepted, units.acked, units.confirmed
        ),
        uncertain=(ledger.uncertain.start, ledger.uncertain.end) if ledger.HasField("uncertain") else None,
        uncertain_units=(ledger.uncertain_units.first, ledger.uncertain_units.last)
        if ledger.HasField("uncertain_units")
        else None,
        level=word(ledger_pb2.EvidenceLevel, ledger.level, "EVIDENCE_LEVEL_").lower(),
        timed_out=any(one.source == ledger_pb2.EVIDENCE_SOURCE_TIMEOUT for one in ledger.evidence),
        answered=ledger.level == ledger_pb2.EVIDENCE_LEVEL_ACKED
        and any(one.level == ledger.level and one.source in _ANSWERS for one in ledger.evidence),
    )


def attempt(message: Any) -> model_answers.Attempt:
    """Return an attempt."""
    return model_answers.Attempt(
        number=message.number,
        copy=message.copy,
        port=port_key(message.port),
        started=when(message, "start_time"),
        ended=when(message, "end_time"),
        outcome=outcome(message.outcome),
        proof=proof(message.ledger),
        error=message.error.message,
        resume_offset=message.resume_offset,
        mark=message.mark,
    )


def moment(message: Any) -> model_answers.Moment:
    """Return a moment on the wire."""
    return model_answers.Moment(
        time=when(message, "time"),
        direction=word(recorder_pb2.TapDirection, message.direction, "TAP_DIRECTION_").lower(),
        data=message.data,
        notes=tuple(message.annotations),
        signals=tuple(message.signals),
        skipped=message.skipped_bytes,
    )


def host(message: Any) -> model.Host:
    """Return a host."""
    return model.Host(
        name=message.name.removeprefix("hosts/"),
        state=word(ports_pb.HostState, message.state, "HOST_STATE_").lower(),
        address=message.address,
        version=message.version,
        last_seen=when(message, "last_seen_time"),
        ports=message.ports,
        error=message.error,
    )


def explanation(message: Any) -> model_answers.Explanation:
    """Return an answer to why."""
    return model_answers.Explanation(
        verdict=word(watch_pb.ExplainVerdict, message.verdict, "EXPLAIN_VERDICT_").lower().replace("_", "-"),
        headline=message.headline,
        loss=message.loss,
        actions=tuple(
            model_answers.Suggestion(
                one.title, one.method.removeprefix("printfabric.spooler.v1."), one.command
            )
            for one in message.actions
        ),
        facts=tuple(
            model_answers.Fact(
                one.text,
                word(port_pb2.StatusSource, one.source, "STATUS_SOURCE_").lower(),
                when(one, "time"),
            )
            for one in message.facts
        ),
    )


def event(message: Any) -> model_answers.Event:
    """Return an entry of a job's, port's or printer's history."""
    return model_answers.Event(
        when(message, "time"),
        message.kind,
        message.actor,
        message.text,
        _number(getattr(message, "job", "")),
        getattr(message, "subject", ""),
    )
