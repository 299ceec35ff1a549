"""What is remembered of a job beside its paper: what it said, and what was decided about it, in units from 1."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from printfabric.types.v1.job_pb2 import Job
from tests.faults.campaign.papers import serial
from tests.faults.campaign.plan import JobPlan
from tests.faults.campaign.printers import Stand

# What the spooler writes into a job's history when a printer's rule has decided: "labels 17 to 18 skip, label 19 reprint".
_DECIDED = re.compile(r"\w+? (\d+)(?: to (\d+))? (skip|reprint_marked|reprint)")
_DECIDED_WHOLE = re.compile(r"(skip|reprint_marked|reprint)\b")


@dataclass
class Statement:
    """What a job said when it stood still, and how often each of its units was on paper then."""

    at: float
    text: str
    total: int
    unsure: tuple[int, int] | None  # units
    proven: int  # units before that are said to be printed
    on_paper: Mapping[int, int]
    copies: int  # printed before the present one
    loss: str = ""  # explain's word on whether anything is lost

    def is_out(self, unit: int) -> bool:
        """Whether a unit of the present copy is on paper."""
        return self.on_paper[unit] > self.copies


@dataclass
class Tale:
    """One job, what it said, and what was decided."""

    plan: JobPlan
    number: int = 0
    statements: list[Statement] = field(default_factory=list)
    last_word: Statement | None = None  # of a job that was cancelled
    skipped: Counter[int] = field(default_factory=Counter)  # sheets of a unit that were let go
    maybe: Counter[int] = field(
        default_factory=Counter
    )  # … printed again although they may have been printed
    decisions: list[str] = field(default_factory=list)
    ruled: set[int] = field(default_factory=set)  # units that a printer's rule decided about
    cancelled: bool = False  # somebody tried to
    loss: str = ""  # explain's word in the end on whether anything is lost

    @property
    def units(self) -> range:
        """Return its units."""
        return range(1, self.plan.units + 1)

    @property
    def words(self) -> list[Statement]:
        """Return all it said when it stood still."""
        return self.statements + ([self.last_word] if self.last_word is not None else [])

    def named(self, unit: int) -> bool:
        """Whether it ever said that a unit may have come out, or may be spoiled."""
        spans = [said.unsure for said in self.words if said.unsure is not None]
        return unit in self.ruled or any(first <= unit <= last for first, last in spans)

    def broke_off(self, unit: int) -> bool:
        """Whether it ever said that a unit was not, or not certainly, printed."""
        return unit in self.ruled or any(unit > said.proven for said in self.words)

    def take_rule(self, detail: str) -> None:
        """Take down what a printer's rule decided, from the words of the job's history."""
        self.decisions.append(f"rule: {detail}")
        found = [(int(first), int(last or first), what) for first, last, what in _DECIDED.findall(detail)]
        if not found and (whole := _DECIDED_WHOLE.match(detail)):
            found = [(1, self.plan.units, whole[1])]
        for first, last, what in found:
            self.ruled.update(range(first, last + 1))
            if what == "skip":
                self.skipped.update(range(first, last + 1))


def statement_of(job: Job, loss: str, copy: int, plan: JobPlan, stands: Iterable[Stand]) -> Statement:
    """Return what a job and explain say now, in its copy `copy` (from 1), beside the paper as it is now."""
    ledger = job.ledger
    span = ledger.uncertain_units
    unsure = (span.first, span.last) if span.first else None
    there = {
        unit: sum(stand.printed[serial(plan.number, unit)] for stand in stands)
        for unit in range(1, plan.units + 1)
    }
    proven = ledger.units.accepted if unsure is None else unsure[0] - 1
    text = job.hold_reason or f"outcome {job.outcome}"
    return Statement(time.time(), text, ledger.units.total, unsure, proven, there, copy - 1, loss)
