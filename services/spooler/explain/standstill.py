"""A document of which nothing moves any more: whether that is the printer's waiting, or our not knowing. Pure."""

from __future__ import annotations

from datetime import datetime

from spooler.explain.facts import Action, Fact, Patience, PortFacts, Sentence, Source, Trouble, Verdict
from spooler.explain.saying import span_of
from spooler.job import Job
from spooler.job_state import JobState

_GET_PORT = "printfabric.spooler.v1.PortService/GetPort"


def all_sent(job: Job) -> bool:
    """Say whether its port has taken all that there is of a document."""
    return job.ledger.offsets.accepted >= job.document.size_bytes > 0


def standstill(job: Job, port: PortFacts, now: datetime, patience: Patience) -> Trouble | None:
    """Return that nothing of a document on its way has moved for too long; None: it has, or nobody can tell yet."""
    if port.lane != "open" or port.moved is None or job.state is not JobState.PROCESSING:
        return None
    if job.incoming and all_sent(job):
        return None  # it waits for its sender
    still_s = (now - port.moved).total_seconds()
    ask = Action("Look at the port", _GET_PORT, f"printfabric ports show {port.name}")
    fact = Fact(f"{port.name.before} the last byte moved", Source.TRANSPORT, port.moved)
    if all_sent(job) and not _taken_in_part(job):
        if still_s < patience.stale_s:
            return None
        text = Sentence(
            f"We do not know: all of it is sent, and {port.name} says nothing any more",
            f", for {span_of(still_s)} now",
        )
        return Trouble(Verdict.UNKNOWN, text, (fact,), (ask,))
    if still_s < patience.stall_s:
        return None
    if all_sent(job):
        says = f"The printer on {port.name} takes nothing more and does not say why"
        return Trouble(Verdict.STALLED, Sentence(says, f", for {span_of(still_s)} now"), (fact,), (ask,))
    text = Sentence(
        f"The printer on {port.name} asks to wait and does not say why",
        f": it has taken nothing for {span_of(still_s)}",
    )
    return Trouble(Verdict.STALLED, text, (fact,), (ask,))


def _taken_in_part(job: Job) -> bool:
    """Say whether somebody tells what the far end takes, and it has not taken all: the rest waits in the host."""
    return 0 < job.ledger.offsets.acked < job.document.size_bytes
