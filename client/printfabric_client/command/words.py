"""The fabric's facts in people's words: states, outcomes with their proof, sizes, ages. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from printfabric.spooler.v1.printer_service_pb2 import Printer, PrinterState
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import EvidenceLevel, EvidenceSource, Ledger, Outcome, UnitKind
from printfabric.types.v1.port_pb2 import PortCondition, PortState

if TYPE_CHECKING:
    from printfabric.spooler.v1.port_service_pb2 import HostState

_STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_PROOF = {
    EvidenceSource.EVIDENCE_SOURCE_TIMEOUT: "ended by a time-out: the printer did not answer",
    EvidenceSource.EVIDENCE_SOURCE_TCP_ACK: "acknowledged by the printer's connection",
    EvidenceSource.EVIDENCE_SOURCE_OUTPUT_QUEUE: "the line's output queue is empty",
    EvidenceSource.EVIDENCE_SOURCE_USBLP: "taken by the USB printer",
    EvidenceSource.EVIDENCE_SOURCE_FILE_SYNC: "the file is safe on disk",
    EvidenceSource.EVIDENCE_SOURCE_LPD: "acknowledged by the print server",
    EvidenceSource.EVIDENCE_SOURCE_OPERATOR: "as a person decided",
    EvidenceSource.EVIDENCE_SOURCE_DRIVER_WRITE: "taken by the host's driver",
    EvidenceSource.EVIDENCE_SOURCE_JOURNAL: "by the host's journal",
    EvidenceSource.EVIDENCE_SOURCE_SPOOL: "durable in the spool",
}
# Of a document that is not confirmed: what its end is, a restart of the printer may belie for the bytes before.
_ANSWERED = "its end answered by the printer, whose restart before that could not be seen"
_ANSWERS = (EvidenceSource.EVIDENCE_SOURCE_ESCPOS, EvidenceSource.EVIDENCE_SOURCE_ZPL)
_HANDED_OVER = "handed over"
# Who vouches for the way to the printer, and for nothing behind it.
_SILENT = {
    EvidenceSource.EVIDENCE_SOURCE_TCP_ACK,
    EvidenceSource.EVIDENCE_SOURCE_OUTPUT_QUEUE,
    EvidenceSource.EVIDENCE_SOURCE_USBLP,
    EvidenceSource.EVIDENCE_SOURCE_LPD,
    EvidenceSource.EVIDENCE_SOURCE_DRIVER_WRITE,
}
_LEVEL = {
    EvidenceLevel.EVIDENCE_LEVEL_CONFIRMED: "confirmed by the printer",
    EvidenceLevel.EVIDENCE_LEVEL_ACKED: "acknowledged by the far end",
    EvidenceLevel.EVIDENCE_LEVEL_ACCEPTED: "taken by the host's driver",
}
_UNITS = {
    UnitKind.UNIT_KIND_LABEL: "label",
    UnitKind.UNIT_KIND_RECEIPT: "receipt",
    UnitKind.UNIT_KIND_PAGE: "page",
}


def before(name: str) -> str:
    """Return a name as it stands before what is said about it: with a colon, of which `COM1:` has its own."""
    return name if name.endswith(":") else f"{name}:"


def kebab(name: str, prefix: str) -> str:
    """Return the word of an enum value: JOB_STATE_PENDING_HELD is pending-held."""
    return name.removeprefix(prefix).lower().replace("_", "-")


def job_state(state: JobState.ValueType) -> str:
    """Return RFC 8011's word for a job's state."""
    return kebab(JobState.Name(state), "JOB_STATE_")


def printer_state(printer: Printer) -> str:
    """Return what a printer is doing, in one word."""
    if printer.pending_deletion:
        return "deleting"
    if printer.paused:
        return "paused"
    return kebab(PrinterState.Name(printer.state), "PRINTER_STATE_")


def port_state(state: PortState.ValueType) -> str:
    """Return a port's one word."""
    return kebab(PortState.Name(state), "PORT_STATE_")


def host_state(state: HostState.ValueType) -> str:
    """Return whether a host answers, in one word."""
    from printfabric.spooler.v1.port_service_pb2 import HostState  # noqa: PLC0415 - ten milliseconds, for few commands

    return kebab(HostState.Name(state), "HOST_STATE_")


def condition(value: PortCondition.ValueType) -> str:
    """Return what is the matter with a port: "paper out"."""
    return kebab(PortCondition.Name(value), "PORT_CONDITION_").replace("-", " ")


def unit(kind: UnitKind.ValueType, count: int = 1) -> str:
    """Return the name of a unit: label, labels; a document has no smaller parts."""
    name = _UNITS.get(kind, "document")
    return name if count == 1 else f"{name}s"


def outcome(job_outcome: Outcome.ValueType, ledger: Ledger) -> str:
    """Return how it ended on paper and what proves it; empty while that is open."""
    if job_outcome == Outcome.OUTCOME_PRINTED:
        silent = ", the printer did not say" if _SILENT.intersection(_strongest(ledger)) else ""
        return f"{came_out(ledger)}, {proof(ledger)}{silent if came_out(ledger) == _HANDED_OVER else ''}"
    if job_outcome == Outcome.OUTCOME_NOT_PRINTED:
        return "not printed, nothing came out"
    if job_outcome == Outcome.OUTCOME_PARTIAL:
        return f"printed {_reached(ledger)}, not from there on"
    if job_outcome == Outcome.OUTCOME_UNKNOWN:
        return f"unknown for {uncertain(ledger)}"
    return ""


def came_out(ledger: Ledger) -> str:
    """Return what a document is that has come out as far as anybody knows: what is on paper only the printer can say."""
    decided = set(_strongest(ledger)) == {EvidenceSource.EVIDENCE_SOURCE_OPERATOR}
    return "printed" if decided or ledger.level == EvidenceLevel.EVIDENCE_LEVEL_CONFIRMED else _HANDED_OVER


def _strongest(ledger: Ledger) -> list[EvidenceSource.ValueType]:
    return [item.source for item in ledger.evidence if item.level == ledger.level]


def proof(ledger: Ledger) -> str:
    """Return what the strongest proof for the whole document is."""
    strongest = _strongest(ledger)
    said = [_said(ledger.level, source) for source in (*_PROOF, *_ANSWERS) if source in strongest]
    return next(filter(None, said), "") or _LEVEL.get(ledger.level, "without proof")


def proofs(ledger: Ledger) -> list[str]:
    """Return every single proof: who says so, of how many bytes, and when it was heard."""
    return [
        f"{_said(one.level, one.source) or _LEVEL.get(one.level, 'proven')}, {one.offset} B, {clock(one.time)}"
        for one in ledger.evidence
    ]


def _said(level: EvidenceLevel.ValueType, source: EvidenceSource.ValueType) -> str:
    """Return what a source says at a level; empty where the level's own words are the ones."""
    if level == EvidenceLevel.EVIDENCE_LEVEL_CONFIRMED:
        return ""
    return _ANSWERED if source in _ANSWERS else _PROOF.get(source, "")


def uncertain(ledger: Ledger) -> str:
    """Return the span of which nobody knows whether it came out."""
    if ledger.HasField("uncertain_units") and ledger.units.kind in _UNITS:
        first, last = ledger.uncertain_units.first, ledger.uncertain_units.last
        if first == last:
            return f"{unit(ledger.units.kind)} {first}"
        return f"{unit(ledger.units.kind, 2)} {first} to {last}"
    if ledger.HasField("uncertain"):
        return f"bytes {ledger.uncertain.start} to {ledger.uncertain.end}"
    return "all of it"


def progress(job: Job) -> str:
    """Return how far a job has got: "label 3 of 20", "45 %", "90 % taken, 40 % acknowledged", or nothing."""
    units, offsets = job.ledger.units, job.ledger.offsets
    if units.kind in _UNITS and units.total > 1:
        return f"{unit(units.kind)} {max(units.acked, units.confirmed, units.accepted)} of {units.total}"
    if not (job.size_bytes and offsets.accepted):
        return ""
    taken, acked = (min(100, 100 * count // job.size_bytes) for count in (offsets.accepted, offsets.acked))
    return f"{taken} %" if taken == acked else f"{taken} % taken, {acked} % acknowledged"


def reached_bytes(job: Job) -> int:
    """Return how far a bar stands: a byte counts half when the host's driver took it, all when the far end did.

    A network connection takes a whole document at once and delivers it as the printer prints: the first half alone
    would show nothing, the second half nothing of a port that acknowledges only at the end.
    """
    offsets = job.ledger.offsets
    return (offsets.accepted + max(offsets.acked, offsets.confirmed)) // 2


def size(count: int) -> str:
    """Return a size for people, in powers of 1000: 812 B, 1.2 kB, 34 MB."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for name in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or name == "TB":
            return f"{value:.1f} {name}" if value < 9.95 else f"{value:.0f} {name}"
    raise AssertionError("TB is the last")


def span(seconds: float) -> str:
    """Return a length of time for people: 4 s, 3 min, 2 h, 5 d."""
    whole = int(max(0.0, seconds))
    for limit, length, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if whole < limit:
            return f"{whole // length} {name}"
    return f"{whole // 86400} d"


def age(time: Timestamp, now: datetime | None = None) -> str:
    """Return how long ago `time` was; empty when it is not set."""
    if not (time.seconds or time.nanos):
        return ""
    return span(((now or datetime.now(tz=UTC)) - time.ToDatetime(tzinfo=UTC)).total_seconds())


def clock(time: Timestamp) -> str:
    """Return a moment in local time, with the date when it is not today; empty when it is not set."""
    if not (time.seconds or time.nanos):
        return ""
    return _local(time.ToDatetime(tzinfo=UTC))


def _local(moment: datetime) -> str:
    local, today = moment.astimezone(), datetime.now(tz=UTC).astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


def clean(text: str) -> str:
    """Return text of strangers without anything that steers a terminal or breaks a line."""
    return "".join(" " if char in "\n\r\t" else char for char in text if not _steers(char))


def told(sentence: str) -> str:
    """Return a sentence of the fabric's, cleaned, with the points in time in it (RFC 3339) in local time."""
    return _STAMP.sub(_put_here, clean(sentence))


def _put_here(stamp: re.Match[str]) -> str:
    try:
        return _local(datetime.fromisoformat(stamp[0]))
    except (ValueError, OverflowError):
        return stamp[0]


def short(name: str) -> str:
    """Return a resource's own name: printers/labels is labels, hosts/edge-7/ports/COM1: is edge-7/COM1:."""
    if name.startswith("hosts/"):
        return clean(name.removeprefix("hosts/").replace("/ports/", "/", 1))
    return clean(name.partition("/")[2] or name)


def _steers(char: str) -> bool:
    # Cc without the three that `clean` turns into blanks; Cf holds the marks that turn a line around.
    return unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char not in "\n\r\t"


def _reached(ledger: Ledger) -> str:
    units = ledger.units
    if units.kind in _UNITS and units.total:
        reached = max(units.acked, units.confirmed, units.accepted)
        return f"up to {unit(units.kind)} {reached} of {units.total}"
    return f"up to byte {max(ledger.offsets.acked, ledger.offsets.accepted)}"
