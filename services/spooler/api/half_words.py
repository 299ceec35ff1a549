"""What is said about a job because half of it lies in a printer, or half of another one lay there before it."""

from __future__ import annotations

from dataclasses import replace

from chassis.errors import DocumentLost
from spooler.aftermath import unit_range
from spooler.deciding import COUNTED_BYTES
from spooler.explain.facts import Explanation, Fact, Source
from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import UnitKind, UnitSpan
from spooler.store import Store
from spooler.unfinished import BEHIND, CLOSED
from spooler.unit_scan import UnitScan

_LATELY = 50  # events looked at


async def with_halves(said: Explanation, job: Job, store: Store, units: UnitScan) -> Explanation:
    """Return an answer that speaks of the half sheets, too."""
    facts = []
    kind = job.ledger.units.kind
    for event in await store.history(job.number, limit=_LATELY):
        if event.what in (BEHIND, CLOSED):
            text = event.detail if event.what == BEHIND else f"the {kind} it was broken off in {event.detail}"
            facts.append(Fact(text, Source.TRANSPORT, event.at or job.created_at))
    if not any(" it was broken off in " in fact.text for fact in facts):
        facts += await _lies_there(job, units)
    if not facts:
        return said
    sentences = " ".join(f"{fact.text[0].upper()}{fact.text[1:]}." for fact in facts)
    return replace(said, loss=f"{said.loss} {sentences}", facts=(*said.facts, *facts))


async def _lies_there(job: Job, units: UnitScan) -> list[Fact]:
    """Return that a job which is over has left the beginning of a unit with its device."""
    accepted = job.ledger.offsets.accepted
    over = job.state in (JobState.CANCELED, JobState.ABORTED) and job.has_document and job.port is not None
    if not over or not 0 < accepted < job.document.size_bytes <= COUNTED_BYTES:
        return []
    try:
        standing = await units.standing(job, accepted, accepted)
    except DocumentLost:
        return []
    if standing.between:
        return []
    what = "half of it"
    if standing.kind is not UnitKind.DOCUMENT:
        what = f"half of {unit_range(standing.kind, UnitSpan(standing.unit, standing.unit))}"
    then = "nobody knows what closes it"
    if standing.close is not None:
        then = f"it {'is thrown away' if standing.close.drops else 'comes out'} before the next document"
    return [Fact(f"{what} went to {job.port}; {then}", Source.TRANSPORT, job.ended_at or job.created_at)]
