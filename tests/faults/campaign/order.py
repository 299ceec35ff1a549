"""The order on paper: units of a job one after the other, jobs of a queue as they were accepted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from printfabric.types.v1.job_pb2 import Job
from tests.faults.campaign.papers import serial
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.tale import Tale


def disorder(stands: Sequence[Stand], jobs: Sequence[tuple[Job, Tale]]) -> Iterator[str]:
    """Say what came out too early. Of jobs about which nobody decided anything; else the decisions make the order."""
    for stand in stands:
        place: dict[str, int] = {}
        for number, sheet in enumerate(stand.sheets):
            for name in sheet.whole:
                place.setdefault(name, number)
        for _, tale in jobs:
            mine = [place[name] for unit in tale.units if (name := serial(tale.plan.number, unit)) in place]
            if _untouched(tale) and mine != sorted(mine):
                yield f"{stand.plan.name} job {tale.plan.number}: its units came out in the order of sheets {mine}"
        if len(stands) == 1:
            yield from _jobs_in_disorder(stand, place, jobs)


def _jobs_in_disorder(stand: Stand, place: dict[str, int], jobs: Sequence[tuple[Job, Tale]]) -> Iterator[str]:
    spans = []
    for job, tale in sorted(jobs, key=lambda each: each[0].number):
        mine = [place[name] for unit in tale.units if (name := serial(tale.plan.number, unit)) in place]
        if mine and _untouched(tale):
            spans.append((job, tale, min(mine), max(mine)))
    for (earlier, tale, _, last), (later, _, first, _) in itertools.pairwise(spans):
        if first < last:
            yield (
                f"{stand.plan.name} ({stand.plan.personality}/{stand.plan.plug}): jobs/{later.number} began at sheet {first},"
                f" before jobs/{earlier.number} ({tale.plan.request_id}, {earlier.attempts} attempts) was out at {last}"
            )


def _untouched(tale: Tale) -> bool:
    """Whether nobody decided anything, and the first sheet of each unit is the only one."""
    return not tale.decisions and tale.plan.copies == 1
