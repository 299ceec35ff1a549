"""The order on paper: units of a job one after the other, jobs of a queue as they were accepted.

Only what nobody has decided about is looked at; else the decisions make the order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from printfabric.types.v1.job_pb2 import Job
from tests.faults.campaign.papers import serial
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.tale import Tale


def units_in_disorder(stand: Stand, jobs: Sequence[tuple[Job, Tale]]) -> Iterator[str]:
    """Say which jobs' units came out before those that they follow."""
    places = _places(stand)
    for _, tale in jobs:
        mine = _sheets(tale, places)
        if mine != sorted(mine):
            yield f"{stand.plan.name} job {tale.plan.number}: its units came out in the order of sheets {mine}"


def overtaken(stand: Stand, jobs: Sequence[tuple[Job, Tale]]) -> int:
    """Return how many jobs were not out yet when a later one began; `stand` is the only printer of its queue."""
    places = _places(stand)
    in_turn = [_sheets(tale, places) for _, tale in sorted(jobs, key=lambda each: each[0].number)]
    runs = [(min(mine), max(mine)) for mine in in_turn if mine]
    return sum(later[0] < earlier[1] for earlier, later in itertools.pairwise(runs))


def _places(stand: Stand) -> dict[str, int]:
    places: dict[str, int] = {}
    for number, sheet in enumerate(stand.sheets):
        for name in sheet.whole:
            places.setdefault(name, number)
    return places


def _sheets(tale: Tale, places: Mapping[str, int]) -> list[int]:
    """Return the first sheet of each unit; none of a job with decisions, or with several copies."""
    if tale.decisions or tale.plan.copies > 1:
        return []
    names = (serial(tale.plan.number, unit) for unit in tale.units)
    return [places[name] for name in names if name in places]
