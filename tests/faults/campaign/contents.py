"""What a batch has in it, in words: for the campaign's sum, and for the short one, which is to have everything."""

from __future__ import annotations

from collections import Counter

from spooler.flight import SMALL_BYTES
from tests.faults.campaign.plan import BatchPlan

AT_ONCE = "faults of programs and lines at one moment"
BROUGHT = "documents that prefetch=auto brings to a host that is far"


def traits(plan: BatchPlan) -> set[str]:
    """Return what is true of the whole batch."""
    found = {"in PostgreSQL" if plan.postgres else "in SQLite"}
    found.add("host dials in" if plan.dialled else "host is called")
    if plan.console:
        found.add("configuration service")
    if plan.dialled and _is_brought(plan):
        found.add(BROUGHT)
    if max(Counter(at for at, _, _ in plan.faults).values(), default=0) > 1:
        found.add(AT_ONCE)
    return found


def contents(plan: BatchPlan) -> set[str]:
    """Return these and the faults of its programs and lines; the link of a host that dials in has its own words."""
    link = " that the host has dialled" if plan.dialled else ""
    return traits(plan) | {what + (link if what.endswith(" line") else "") for _, what, _ in plan.faults}


def _is_brought(plan: BatchPlan) -> bool:
    return any(
        schedule.rules.prefetch == "auto" and len(job.paper().data) > SMALL_BYTES
        for schedule in plan.schedules
        for job in schedule.jobs
    )
