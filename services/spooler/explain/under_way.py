"""Why a job that was sent has not come out. Pure."""

from __future__ import annotations

from spooler.explain.facts import (
    Explanation,
    Fact,
    JobFacts,
    Lies,
    NotWritten,
    PortFacts,
    Sentence,
    Source,
    Verdict,
)
from spooler.explain.loss import loss_of
from spooler.explain.ports import trouble_of
from spooler.explain.reported import line_trouble
from spooler.explain.saying import accepted_fact, progress_facts
from spooler.explain.standstill import all_sent, standstill
from spooler.job import Job
from spooler.job_state import JobState
from spooler.moments import stamp


def on_its_way(facts: JobFacts) -> Explanation:
    """Say what keeps a job that has left from coming out, or that nothing does."""
    job = facts.job
    port = next((one for one in facts.ports if job.port is not None and one.name.key == job.port.key), None)
    known = (accepted_fact(job), *progress_facts(job, facts.moved))
    if facts.unwritten is not None:
        return _unwritten(job, facts.unwritten, known)
    found = None
    if port is not None:
        found = trouble_of(port, facts.now) or line_trouble(port)
        found = found or standstill(job, port, facts.now, facts.patience)
        if found is not None and found.verdict is Verdict.HOST_SILENT and facts.lies is Lies.THERE:
            found = found._replace(headline=_goes_on_without_us(port), actions=())
    if found is not None:
        return Explanation(found.verdict, found.headline, loss_of(job), found.actions, (*found.facts, *known))
    if job.stopping:
        text = Sentence("It is being cancelled: the device still has to let go")
        return Explanation(Verdict.FINE, text, loss_of(job), facts=known)
    if job.state is JobState.PROCESSING_STOPPED:
        text = Sentence(f"Its port broke off and goes on soon: {job.port}")
        return Explanation(Verdict.RETRY, text, loss_of(job), facts=known)
    if facts.lies is Lies.MOVING and job.port is not None:
        where = f"It is being brought to host {job.port.host}"
        text = Sentence(f"{where}: all of it lies there before its first byte is printed")
        return Explanation(Verdict.FINE, text, loss_of(job), facts=known)
    if job.incoming:
        return Explanation(Verdict.FINE, _while_spooling(job), loss_of(job), facts=known)
    if all_sent(job):
        text = Sentence("All of it is sent; the proof is awaited")
        return Explanation(Verdict.AWAITING_PROOF, text, loss_of(job), facts=known)
    size, offsets = job.document.size_bytes, job.ledger.offsets
    where = f" on {job.port}" if job.port is not None else ""
    done = f", {offsets.accepted} of {size} bytes" if offsets.accepted else ""
    return Explanation(Verdict.FINE, Sentence(f"It is printing{where}", done), loss_of(job), facts=known)


def _unwritten(job: Job, why: NotWritten, known: tuple[Fact, ...]) -> Explanation:
    text = Sentence(
        "Its port is done with it, but what became of it cannot be written down",
        f": {why.message}; that is tried again at {stamp(why.retry_at)}",
    )
    fact = Fact(f"the store does not take what became of it: {why.message}", Source.SPOOLER, why.since)
    return Explanation(Verdict.RETRY, text, loss_of(job), facts=(fact, *known))


def _while_spooling(job: Job) -> Sentence:
    size, accepted = job.document.size_bytes, job.ledger.offsets.accepted
    waits = ", and waits for more" if accepted >= size else ""
    done = f": {accepted} of the {size} bytes that are here{waits}"
    return Sentence("It is printing while its document comes in", done)


def _goes_on_without_us(port: PortFacts) -> Sentence:
    host, seen = port.name.host, port.host_seen
    since = f" since {stamp(seen)}" if seen is not None else ""
    text = f"The document lies on host {host}: printing goes on, although the host cannot be reached"
    return Sentence(text, since)
