"""What a job says about itself, held against what the receiver really got."""

from __future__ import annotations

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from tests.rig.real_fabric import brief, printed


def assert_true(job: Job, got: bytes, document: bytes) -> None:
    """Fail unless the job's statement is true of `got`, all that came of it at the receiver.

    Printed: all bytes, once. Held: what came is a beginning of the document, and its length lies where the ledger
    says: at the accepted offset, or inside the span that is said to be uncertain.
    """
    said = f"{brief(job)}; received {len(got)} of {len(document)}"
    if printed(job):
        same = got == document
        assert same, f"not what was sent: {said}{_difference(got, document)}"
        return
    assert job.state in (JobState.JOB_STATE_PENDING_HELD, JobState.JOB_STATE_PROCESSING_STOPPED), said
    begins = document.startswith(got)
    assert begins, f"not a beginning of the document: {said}{_difference(got, document)}"
    offsets, span = job.ledger.offsets, job.ledger.uncertain
    assert offsets.acked <= offsets.accepted <= offsets.spooled == len(document), said
    if job.outcome == Outcome.OUTCOME_UNKNOWN:
        assert span.start <= len(got) <= span.end, said
    elif job.outcome == Outcome.OUTCOME_PARTIAL:
        assert len(got) == offsets.accepted, said
    else:
        assert job.outcome == Outcome.OUTCOME_NOT_PRINTED, said
        assert not got, said


def _difference(got: bytes, document: bytes) -> str:
    """Say where two byte strings part, and what of the document follows there."""
    at = next(
        (place for place, (a, b) in enumerate(zip(got, document, strict=False)) if a != b),
        min(len(got), len(document)),
    )
    follows = document.find(got[at : at + 32]) if at < len(got) else -1
    return f"; they part at {at}, where byte {follows} of the document follows"
