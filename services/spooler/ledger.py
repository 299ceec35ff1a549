"""What is proven about one document: offsets that only rise, and the span where proof ends. Pure.

Offsets are payload bytes of one copy. They always hold spooled >= accepted >= acked >= confirmed; bytes that a
language monitor adds are never counted. The ledger never guesses: what lies between proof and `accepted` when an
attempt is broken off is *uncertain*, and is said so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from spooler.frozen import replacing


class EvidenceLevel(StrEnum):
    """How strong a proof is; each level includes the ones before it."""

    NONE = "none"
    SPOOLED = "spooled"  # durable in the spool
    ACCEPTED = "accepted"  # the host's driver or kernel took it
    ACKED = "acked"  # the far end's transport took it
    CONFIRMED = "confirmed"  # the printer itself said so


class EvidenceSource(StrEnum):
    """Where a proof comes from."""

    SPOOL = "spool"
    JOURNAL = "journal"
    DRIVER_WRITE = "driver_write"
    TCP_ACK = "tcp_ack"
    OUTPUT_QUEUE = "output_queue"
    USBLP = "usblp"
    FILE_SYNC = "file_sync"
    PJL = "pjl"
    ESCPOS = "escpos"
    ZPL = "zpl"
    IPP = "ipp"
    LPD = "lpd"
    TIMEOUT = "timeout"
    OPERATOR = "operator"


class Outcome(StrEnum):
    """How an attempt, or a job, ended on paper."""

    PENDING = "pending"  # it has not ended
    PRINTED = "printed"  # all of it came out, as far as the evidence level reaches
    NOT_PRINTED = "not_printed"  # nothing of it came out
    PARTIAL = "partial"  # it came out up to a known place, and not from there on
    UNKNOWN = "unknown"  # for a known span nobody can say


class UnitKind(StrEnum):
    """What a document is divided into."""

    DOCUMENT = "document"
    LABEL = "label"
    RECEIPT = "receipt"
    PAGE = "page"


class Span(NamedTuple):
    """Payload bytes from `start` (included) to `end` (not included)."""

    start: int
    end: int


class UnitSpan(NamedTuple):
    """Units from `first` to `last`, both counted from 1 and both included."""

    first: int
    last: int


class Offsets(NamedTuple):
    """How far a document has got, in payload bytes."""

    spooled: int = 0
    accepted: int = 0
    acked: int = 0
    confirmed: int = 0


class Units(NamedTuple):
    """How many whole units lie below each offset; `total` 0 until they have been counted."""

    kind: UnitKind = UnitKind.DOCUMENT
    total: int = 0
    accepted: int = 0
    acked: int = 0
    confirmed: int = 0


class Evidence(NamedTuple):
    """One proof: how strong, from whom, up to which payload byte, since when, in which words."""

    level: EvidenceLevel
    source: EvidenceSource
    offset: int
    at: datetime | None = None
    detail: str = ""


_AT_THE_START = Offsets()
_NOT_COUNTED = Units()


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is proven about one attempt, or about a job over all its attempts."""

    offsets: Offsets = _AT_THE_START
    units: Units = _NOT_COUNTED
    uncertain: Span | None = None
    uncertain_units: UnitSpan | None = None
    evidence: tuple[Evidence, ...] = ()  # latest of each source at each level
    copies: Offsets | None = None  # what is proven of every copy before this one; None: this is the first

    @property
    def decided(self) -> tuple[Evidence, ...]:
        """What people, or a printer's rule for them, decided where nothing was proven."""
        return tuple(one for one in self.evidence if one.source is EvidenceSource.OPERATOR)

    @property
    def level(self) -> EvidenceLevel:
        """See `level_for`, of all that was spooled."""
        return self.level_for(self.offsets.spooled)

    def level_for(self, size_bytes: int) -> EvidenceLevel:
        """Return the strongest level that covers so much of each copy; NONE where a part of it was decided about."""
        if self.decided:
            return EvidenceLevel.NONE
        proven = _of_each_copy(self)
        return level_of(proven._replace(spooled=max(proven.spooled, size_bytes)), size_bytes)


with_fields = replacing(Ledger)
NOTHING_PROVEN = Ledger()  # shared, so that a waiting job costs no ledger of its own

_LEVELS = (EvidenceLevel.SPOOLED, EvidenceLevel.ACCEPTED, EvidenceLevel.ACKED, EvidenceLevel.CONFIRMED)


def level_of(offsets: Offsets, size_bytes: int) -> EvidenceLevel:
    """Return the strongest level whose offset reaches `size_bytes`. Zero bytes are covered at SPOOLED only."""
    if size_bytes == 0:
        return EvidenceLevel.SPOOLED
    reached = EvidenceLevel.NONE
    for level, offset in zip(_LEVELS, offsets, strict=True):
        if offset >= size_bytes:
            reached = level
    return reached


def offset_at(offsets: Offsets, level: EvidenceLevel) -> int:
    """Return how far `level` reaches; all of what is spooled for NONE."""
    return offsets.spooled if level is EvidenceLevel.NONE else offsets[_LEVELS.index(level)]


def merge(known: Offsets, news: Offsets) -> Offsets:
    """Return `known` raised by `news`: late and repeated news never lower it.

    A stronger level lifts the weaker ones below it (what the far end has, the host took). `spooled` is ours:
    claims beyond the larger of the two are cut, for a peer cannot prove bytes that it was never given.
    """
    spooled = max(known.spooled, news.spooled)
    confirmed = min(max(known.confirmed, news.confirmed), spooled)
    acked = min(max(known.acked, news.acked, confirmed), spooled)
    accepted = min(max(known.accepted, news.accepted, acked), spooled)
    return Offsets(spooled, accepted, acked, confirmed)


def uncertain_span(offsets: Offsets, trust: EvidenceLevel, intent: int | None = None) -> Span | None:
    """Return the bytes that may or may not have come out when an attempt breaks off, or None.

    Args:
        offsets: what is proven.
        trust: the weakest level that this printer's paths count as proof.
        intent: how far the host meant to write when it was cut, if it was cut inside a write.
    """
    end = max(offsets.accepted, min(intent or 0, offsets.spooled))
    start = offset_at(offsets, trust)
    return Span(start, end) if start < end else None


def outcome_of(offsets: Offsets, size_bytes: int, uncertain: Span | None, trust: EvidenceLevel) -> Outcome:
    """Return how an attempt that has ended came out on paper, from its evidence alone.

    An empty document is PRINTED: there is nothing of it that could be missing.
    """
    proven = offset_at(offsets, trust)
    if proven >= size_bytes:
        return Outcome.PRINTED
    if uncertain is not None and uncertain.start < uncertain.end:
        return Outcome.UNKNOWN
    return Outcome.PARTIAL if proven > 0 else Outcome.NOT_PRINTED


def may_be_resent(offsets: Offsets, uncertain: Span | None, trust: EvidenceLevel) -> int | None:
    """Return the byte from which sending again doubles nothing and loses nothing; None if no byte is known to."""
    return None if uncertain is not None else offset_at(offsets, trust)


def broken_off(ledger: Ledger, trust: EvidenceLevel, intent: int | None = None) -> Ledger:
    """Return the ledger of an attempt whose path was cut: the same offsets, and the uncertain span."""
    return replace(ledger, uncertain=uncertain_span(ledger.offsets, trust, intent))


def _of_each_copy(ledger: Ledger) -> Offsets:
    """Return what is proven of every copy so far; all are of the same document, so `spooled` is this one's."""
    if ledger.copies is None:
        return ledger.offsets
    weakest = Offsets(*map(min, ledger.offsets, ledger.copies))
    return weakest._replace(spooled=ledger.offsets.spooled)


def over_copies(ledger: Ledger) -> Ledger:
    """Return the ledger of a job whose last copy is out: it says of the job what holds of each of its copies."""
    return ledger if ledger.copies is None else replace(ledger, offsets=_of_each_copy(ledger), copies=None)


def next_copy(ledger: Ledger) -> Ledger:
    """Return the ledger of the copy that follows: nothing is proven of it, and what was of those before is kept."""
    spooled = Offsets(spooled=ledger.offsets.spooled)
    return Ledger(spooled, evidence=ledger.evidence, copies=_of_each_copy(ledger))


def begun_anew(ledger: Ledger) -> Ledger:
    """Return the ledger of a copy that is printed from its start once more: only what holds of those before is kept."""
    return Ledger(evidence=() if ledger.copies is None else ledger.decided, copies=ledger.copies)


def sent_again(ledger: Ledger, start: int) -> Ledger:
    """Return the ledger of a copy that goes on at byte `start`: what is sent anew is proven by that alone."""
    known = ledger.offsets
    if known.accepted <= start:
        return ledger
    return replace(ledger, offsets=Offsets(known.spooled, *(min(offset, start) for offset in known[1:])))


def goes_on(ledger: Ledger, start: int) -> Ledger:
    """Return the ledger of a copy that was decided about and goes on at byte `start`: what is before that stays."""
    return Ledger(sent_again(ledger, start).offsets, evidence=ledger.evidence, copies=ledger.copies)


def with_evidence(ledger: Ledger, proofs: Iterable[Evidence]) -> Ledger:
    """Return a ledger with newer proofs in the place of those of the same source and level."""
    proofs = tuple(proofs)
    if not ledger.evidence:
        return with_fields(ledger, evidence=proofs)
    newer = {(one.source, one.level) for one in proofs}
    kept = (one for one in ledger.evidence if (one.source, one.level) not in newer)
    return with_fields(ledger, evidence=(*kept, *proofs))


def over_attempts(attempts: Iterable[tuple[Ledger, int]]) -> Ledger:
    """Return a job's ledger from its attempts' `(ledger, resume_offset)`, oldest first.

    An attempt that gave the host no byte says nothing. One that began at byte 0 starts the paper anew. One that
    resumed goes on where the paper stood: what was uncertain before its first byte stays so, the rest is its own.
    """
    total = NOTHING_PROVEN
    for ledger, resume_offset in attempts:
        if total is NOTHING_PROVEN or resume_offset == 0:
            total = ledger if ledger.offsets.accepted or total is NOTHING_PROVEN else total
        elif ledger.offsets.accepted:
            before = _before(total.uncertain, resume_offset)
            total = replace(
                ledger,
                offsets=merge(total.offsets, ledger.offsets),
                uncertain=_joined(before, ledger.uncertain),
                evidence=total.evidence + ledger.evidence,
            )
    return total


def _before(span: Span | None, offset: int) -> Span | None:
    """Return the part of `span` that lies before `offset`."""
    if span is None or span.start >= offset:
        return None
    return Span(span.start, min(span.end, offset))


def _joined(first: Span | None, second: Span | None) -> Span | None:
    """Return the smallest span that holds both."""
    if first is None or second is None:
        return first or second
    return Span(min(first.start, second.start), max(first.end, second.end))
