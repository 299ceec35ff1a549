"""Between our words and the wire's: enums, times, errors, ledgers. Nouns are in `convert_job`, `convert_printer`, ….

Enums go by tables that are made at import and must cover every member on both sides: a new word in the contract or in
the code fails at once, not at the first job that carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FabricError, InvalidArgument, Verdict
from printfabric.types.v1 import error_pb2, ledger_pb2
from printfabric.types.v1.port_pb2 import PortName as PortNamePb
from spooler.job import JobError
from spooler.ledger import (
    NOTHING_PROVEN,
    Evidence,
    EvidenceLevel,
    EvidenceSource,
    Ledger,
    Outcome,
    UnitKind,
)
from spooler.printer import PortName

E = TypeVar("E", bound=StrEnum)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=3660)  # ten years: a duration above is a mistake


def table(words: type[E], wire: Any, prefix: str) -> Mapping[E, int]:
    """Return the number of each word: `OnUncertain.HOLD` is `{prefix}HOLD`.

    Raises:
        KeyError: the wire has no such name; a bug, found at import.
    """
    numbers = dict(wire.items())
    return {word: numbers[prefix + word.value.upper().replace("-", "_")] for word in words}


LEVELS = table(EvidenceLevel, ledger_pb2.EvidenceLevel, "EVIDENCE_LEVEL_")
SOURCES = table(EvidenceSource, ledger_pb2.EvidenceSource, "EVIDENCE_SOURCE_")
OUTCOMES = table(Outcome, ledger_pb2.Outcome, "OUTCOME_")
UNIT_KINDS = table(UnitKind, ledger_pb2.UnitKind, "UNIT_KIND_")
VERDICTS = table(Verdict, error_pb2.Verdict, "VERDICT_")
OUTCOME_OF: Mapping[int, Outcome] = {number: outcome for outcome, number in OUTCOMES.items()}


def put_time(message: Timestamp, moment: datetime) -> None:
    """Write an aware moment into a message's field."""
    since = moment - _EPOCH
    message.seconds = since.days * 86400 + since.seconds
    message.nanos = since.microseconds * 1000


def time_from_pb(message: Timestamp, field: str) -> datetime:
    """Return the moment a message holds. Raises InvalidArgument for what is no moment of this calendar."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{field} is not a moment", fields=[(field, "is not a moment")]) from None


def duration_from_pb(message: Duration, field: str) -> timedelta:
    """Return a positive span of at most ten years. Raises InvalidArgument."""
    try:
        span = message.ToTimedelta()
    except (ValueError, OverflowError):
        span = timedelta(0)
    if not timedelta(0) < span <= _LONGEST:
        raise InvalidArgument(
            f"{field} must be positive and at most ten years",
            fields=[(field, "must be positive and at most ten years")],
        )
    return span


def put_port(message: PortNamePb, port: PortName) -> None:
    """Write a port's name into a message's field."""
    message.host, message.port = port


def port_from_pb(message: PortNamePb, field: str) -> PortName:
    """Return a port's name. Raises InvalidArgument when a half is missing."""
    if not (message.host and message.port):
        raise InvalidArgument(
            f"{field} needs a host and a port", fields=[(field, "needs a host and a port")], port=message.port
        )
    return PortName(message.host, message.port)


def put_error(message: error_pb2.ErrorStatus, error: FabricError) -> None:
    """Write an error, for one item of many."""
    message.reason, message.win32, message.message = error.reason, error.win32, error.message
    message.verdict = VERDICTS[error.verdict]  # type: ignore[assignment]
    message.metadata.update(error.metadata)


def put_remembered_error(message: error_pb2.ErrorStatus, error: JobError) -> None:
    """Write an error as the store remembers it."""
    message.reason, message.win32, message.message = error.reason, error.win32, error.message
    if error.verdict:
        message.verdict = VERDICTS[Verdict(error.verdict)]  # type: ignore[assignment]


def put_ledger(message: ledger_pb2.Ledger, ledger: Ledger, size_bytes: int, spooled_at: datetime) -> None:
    """Write what is proven; a job of which nothing is proven is at least in the spool, and since `spooled_at`."""
    known, offsets = ledger.offsets, message.offsets
    offsets.spooled = max(known.spooled, size_bytes)
    spooled = message.evidence.add(
        level=ledger_pb2.EVIDENCE_LEVEL_SPOOLED,
        source=ledger_pb2.EVIDENCE_SOURCE_SPOOL,
        offset=offsets.spooled,
    )
    put_time(spooled.time, spooled_at)
    if ledger is NOTHING_PROVEN:
        message.level = ledger_pb2.EVIDENCE_LEVEL_SPOOLED
        return
    offsets.accepted, offsets.acked, offsets.confirmed = known.accepted, known.acked, known.confirmed
    message.level = LEVELS[ledger.level_for(size_bytes)]  # type: ignore[assignment]
    units = ledger.units
    if units.total:
        message.units.kind = UNIT_KINDS[units.kind]  # type: ignore[assignment]
        message.units.total, message.units.accepted = units.total, units.accepted
        message.units.acked, message.units.confirmed = units.acked, units.confirmed
    if ledger.uncertain is not None:
        message.uncertain.start, message.uncertain.end = ledger.uncertain
    if ledger.uncertain_units is not None:
        message.uncertain_units.first, message.uncertain_units.last = ledger.uncertain_units
    for evidence in ledger.evidence:
        _put_evidence(message.evidence.add(), evidence)


def _put_evidence(message: ledger_pb2.Evidence, evidence: Evidence) -> None:
    message.level = LEVELS[evidence.level]  # type: ignore[assignment]
    message.source = SOURCES[evidence.source]  # type: ignore[assignment]
    message.offset, message.detail = evidence.offset, evidence.detail
    if evidence.at is not None:
        put_time(message.time, evidence.at)
