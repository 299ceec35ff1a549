"""The people who look after the campaign's printers: they read what a held job says, look at the paper, and decide."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import UNIT_KIND_DOCUMENT, UnitRange
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.jobs import awaits_decision, job_filter
from tests.faults.campaign.plan import JobPlan, SchedulePlan
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.stage import HOST

SKIP, REPRINT = pb.UNCERTAIN_DECISION_SKIP, pb.UNCERTAIN_DECISION_REPRINT
_LOOK_S = 0.2
_STILL_S = 0.4
_MOST_WAIT_S = 30.0


@dataclass
class Statement:
    """What a job said when it was held, and what was on paper then."""

    at: float
    text: str
    total: int
    span = ledger.uncertain_units
    unsure = (span.first, span.last) if span.first else None
    proven = ledger.units.accepted if unsure is None else unsure[0] - 1
    there = frozenset(
        unit
        for unit in range(1, plan.units + 1)
        if any(stand.printed[f"{plan.number}-{unit}"] for stand in stands)
    )
    return Statement(time.time(), job.hold_reason, ledger.units.total, unsure, proven, there)


__all__ = ["HOST", "Persons", "Statement", "Tale", "still"]
