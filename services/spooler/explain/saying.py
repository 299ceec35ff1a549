"""Sentences, facts and actions that many answers share. Pure."""

from __future__ import annotations

from datetime import datetime

from spooler.explain.facts import Action, Fact, Source
from spooler.job import Job
from spooler.ledger import UnitKind

JOBS = "printfabric.spooler.v1.PrintService"
PRINTERS = "printfabric.spooler.v1.PrinterService"


def accepted_fact(job: Job) -> Fact:
    """Return that a job is safe, and since when."""
    return Fact(f"job {job.number} is safe on the spooler's disk", Source.SPOOLER, job.created_at)


def error_facts(job: Job) -> tuple[Fact, ...]:
    """Return the last thing that went wrong, if anything did."""
    error = job.last_error
    return (Fact(error.message, Source.TRANSPORT, error.at or job.created_at),) if error is not None else ()


def progress_facts(job: Job, moved: datetime | None = None) -> tuple[Fact, ...]:
    """Return how far its bytes have got, if any has left; `moved`: when news of that came last, if it is on its way."""
    size, offsets, units = job.document.size_bytes, job.ledger.offsets, job.ledger.units
    if not offsets.accepted:
        return ()
    counted = units.kind is not UnitKind.DOCUMENT and units.total > 0
    total, what = (units.total, f"{units.kind}s") if counted else (size, "bytes")
    got = units if counted else offsets
    text = f"the printer's side had received {got.acked:,} of {total:,} {what}, {got.accepted:,} were sent"
    if got.confirmed:
        text += f", the printer confirmed {got.confirmed:,}"
    if counted:
        text += f" (of {size:,} bytes {offsets.acked:,} received, {offsets.accepted:,} sent)"
    return (Fact(text, Source.TRANSPORT, moved or last_proof(job)),)


def last_proof(job: Job) -> datetime:
    """Return when the newest proof of a job was heard of; of one without any, when it began, or came."""
    heard = [one.at for one in job.ledger.evidence if one.at is not None]
    return max(heard, default=job.started_at or job.created_at)


def release_action(job: Job) -> Action:
    """Return the way to let a held job go."""
    return Action("Release", f"{JOBS}/ReleaseJob", f"printfabric release {job.number}")


def move_action(job: Job) -> Action:
    """Return the way to let another printer print it."""
    return Action("Move it", f"{JOBS}/MoveJob", f"printfabric move {job.number} <printer>")


def cancel_action(job: Job) -> Action:
    """Return the way to end it."""
    return Action("Cancel job", f"{JOBS}/CancelJob", f"printfabric cancel {job.number}")


def span_of(seconds: float) -> str:
    """Return a span of time as people say it: `95 s`, `4 min`, `2 h`, `3 d`."""
    for size in ((172800, 86400, "d"), (7200, 3600, "h"), (120, 60, "min")):
        if seconds >= size[0]:
            return f"{int(seconds // size[1])} {size[2]}"
    return f"{max(int(seconds), 0)} s"
