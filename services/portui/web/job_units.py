"""What the forms about a job's units have in common: which units there are, and whether the job is still as it was shown."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData

from portui.model import Job, Units
from portui.model_answers import Attempt
from portui.web.changes import text_of


def units_known(job: Job, attempts: Sequence[Attempt]) -> Units:
    """Return what units a document has: by its job, else by an attempt; a total of 0 where nobody has counted."""
    counted = [one.proof.units for one in attempts if one.proof.units.total]
    return job.proof.units if job.proof.units.total or not counted else counted[-1]


def as_shown(job: Job, form: FormData) -> bool:
    """Say whether no attempt was made since a form was: one that is sent twice, or late, has nothing to decide."""
    return text_of(form, "attempts") == str(job.attempts)


def gone_on(job: Job) -> str:
    """Return what is said to somebody whose form came twice or too late."""
    return f"Job {job.number} has gone on meanwhile. Nothing more was done; this is how it stands."
