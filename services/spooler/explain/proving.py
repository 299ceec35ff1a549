"""What the end of a job rests on, in words: a headline that says no more than is proven, and every proof. Pure."""

from __future__ import annotations

from spooler.explain.facts import Fact, Source
from spooler.explain.saying import last_proof
from spooler.job import Job
from spooler.ledger import Evidence, EvidenceLevel, EvidenceSource

# What is on paper only the printer knows.
_PROVEN = {
    EvidenceLevel.ACKED: "The printer's side has all of it",
    EvidenceLevel.CONFIRMED: "The printer confirmed all of it",
}
_ANSWERED = "The printer answered behind the last byte (a restart in between cannot be seen on this line)"
_NOT_ASKED = " (the printer itself was not asked)"
_TIMED_OUT = " (the printer did not answer in time: its end was concluded by a time-out)"
_BASIS = {
    EvidenceLevel.NONE: "nothing is proven",
    EvidenceLevel.SPOOLED: "nothing left the spool",
    EvidenceLevel.ACKED: "proven by the connection to the printer: every byte was acknowledged",
    EvidenceLevel.CONFIRMED: "proven by the printer's own word",
}
_BASIS_ANSWERED = (
    "proven by the printer's answer behind the last byte; had it been off and on before, nobody would know"
)
_SAID = {
    EvidenceSource.JOURNAL: (Source.HOST, "the host's journal"),
    EvidenceSource.DRIVER_WRITE: (Source.HOST, "the device's driver"),
    EvidenceSource.TCP_ACK: (Source.TRANSPORT, "the far end of the connection"),
    EvidenceSource.OUTPUT_QUEUE: (Source.TRANSPORT, "the line's output queue"),
    EvidenceSource.USBLP: (Source.TRANSPORT, "the USB printer's driver"),
    EvidenceSource.FILE_SYNC: (Source.TRANSPORT, "the synced file"),
    EvidenceSource.LPD: (Source.TRANSPORT, "the print server"),
    EvidenceSource.IPP: (Source.PRINTER, "the IPP printer"),
    EvidenceSource.PJL: (Source.PRINTER, "the printer's PJL answers"),
    EvidenceSource.ESCPOS: (Source.PRINTER, "the printer's ESC/POS answers"),
    EvidenceSource.ZPL: (Source.PRINTER, "the printer's ZPL answers"),
}

_BY = {EvidenceLevel.NONE: Source.SPOOLER, EvidenceLevel.SPOOLED: Source.SPOOLER}  # who knows so little
_PRINTERS_ANSWERS = {EvidenceSource.ESCPOS, EvidenceSource.ZPL}


def proven(job: Job) -> str:
    """Return what is proven of a completed job, as a headline without its end."""
    if answered(job):
        return _ANSWERED
    text = _PROVEN.get(job.ledger.level, "The device took all of it")
    if timed_out(job):
        return text + _TIMED_OUT
    return text + (_NOT_ASKED if job.ledger.level is EvidenceLevel.ACKED else "")


def proof_facts(job: Job) -> tuple[Fact, ...]:
    """Return what a completed job's level rests on, and every single proof with its time."""
    basis = _BASIS.get(job.ledger.level, "no proof beyond the device's driver")
    basis = _BASIS_ANSWERED if answered(job) else basis
    singles = (_fact(one, job) for one in job.ledger.evidence)
    printers = answered(job) or job.ledger.level is EvidenceLevel.CONFIRMED
    by = Source.PRINTER if printers else _BY.get(job.ledger.level, Source.TRANSPORT)
    return (Fact(basis, by, job.ended_at or last_proof(job)), *singles)


def answered(job: Job) -> bool:
    """Tell whether the printer answered behind the document, and that is no proof of all of it."""
    said = {one.source for one in job.ledger.evidence if one.level is EvidenceLevel.ACKED}
    return job.ledger.level is EvidenceLevel.ACKED and said <= _PRINTERS_ANSWERS and bool(said)


def timed_out(job: Job) -> bool:
    """Tell whether its end was concluded by a time-out."""
    return any(one.source is EvidenceSource.TIMEOUT for one in job.ledger.evidence)


def _fact(one: Evidence, job: Job) -> Fact:
    at = one.at or last_proof(job)
    if one.source not in _SAID:  # a time-out, a person
        by = Source.OPERATOR if one.source is EvidenceSource.OPERATOR else Source.HOST
        return Fact(one.detail, by, at)
    source, who = _SAID[one.source]
    word = "acknowledged" if one.level is EvidenceLevel.ACKED else one.level
    return Fact(f"{word} by {who}: {one.offset:,} of {job.document.size_bytes:,} bytes", source, at)
