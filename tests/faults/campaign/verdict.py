"""What the jobs say, held against what the printers' records say. Pure: docs/proof.md defines every word of it.

For each unit of each accepted job: it is on paper once, or the job (or a person's decision about what the job called
unknown) accounts for it. What a printer lost out of its own memory after its transport had taken it is counted by
itself, and only where the record shows that it lost something at a moment at which nobody could be told.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import EvidenceLevel
from tests.faults.campaign.excuses import SLACK_S, Excuses
from tests.faults.campaign.journals import Try
from tests.faults.campaign.order import overtaken, units_in_disorder
from tests.faults.campaign.papers import serial
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.soil import Soiled, soiled_sheets, torn_behind_the_end, unnamed
from tests.faults.campaign.tale import Statement, Tale

_MOST = 6  # of a job's decisions in a message
_EVENTS = 40  # of a printer in a message

# Of the findings.
MUST_BE_ZERO = (
    "lost", "doubled_unmarked", "false_completed", "false_statements", "soiled", "disordered", "stuck",
)  # fmt: skip


@dataclass
class Findings:
    """The sum over jobs. `complaints` are sentences about what must not be."""

    jobs: int = 0
    units: int = 0
    lost: int = 0
    doubled_unmarked: int = 0
    false_completed: int = 0
    false_statements: int = 0
    stuck: int = 0
    unknown_units: int = 0
    unknown_spans: list[int] = field(default_factory=list)
    lost_in_printer_buffer: int = 0
    skipped_missing: int = 0
    doubled_by_decision: int = 0
    soiled: int = 0  # sheets with a piece of another unit on them, unless all units there were uncertain
    soiled_named: int = 0  # … of which each unit was
    spoiled_by_printer: int = 0  # … which the printer or its line did
    disordered: int = 0  # units that came out before those they follow
    overtaken: int = 0  # jobs that came out before one that was accepted earlier
    completed: int = 0
    cancelled: int = 0
    confirmed: int = 0  # … of which the printer itself said so
    held: int = 0
    complaints: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take another batch's in."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value)


class Judge:
    """Judges the jobs of one queue."""

    def __init__(self, stands: Sequence[Stand], tries: Mapping[bytes, Sequence[Try]]) -> None:
        self._stands = {stand.port.casefold(): stand for stand in stands}
        self._printed: Counter[str] = Counter()
        self._marked: Counter[str] = Counter()
        for stand in stands:
            self._printed.update(stand.printed)
            self._marked.update(stand.marked)
        self._tries = tries
        self._excuses = Excuses(stands, tries)
        self._lost_by_printer: set[str] = set()

    def judge(self, job: Job | None, tale: Tale, found: Findings) -> None:
        """Add one accepted job's verdict to `found`; `job` is its last word, None if nobody knows it any more."""
        plan = tale.plan
        found.jobs += 1
        found.units += plan.units
        if job is None:
            found.lost += plan.units
            found.complaints.append(f"job {plan.number}: accepted, and nobody knows it")
            return
        for statement in tale.statements:
            self._statement(job, tale, statement, found)
        found.held += len(tale.statements)
        if job.state == JobState.JOB_STATE_CANCELED and tale.cancelled:
            found.cancelled += 1
            if tale.last_word is not None:
                self._statement(job, tale, tale.last_word, found)
        elif job.state != JobState.JOB_STATE_COMPLETED:
            found.stuck += 1
            found.complaints.append(self._words(job, tale, f"it never ended: {self._now()}"))
        else:
            found.completed += 1
            found.confirmed += job.ledger.level == EvidenceLevel.EVIDENCE_LEVEL_CONFIRMED
        self._units(job, tale, found)

    def judge_sheets(self, jobs: Sequence[tuple[Job, Tale]], found: Findings) -> None:
        """Judge what no job can be blamed for alone: sheets with more than their unit on them, and the order."""
        tales = {tale.plan.number: tale for _, tale in jobs}
        for stand in self._stands.values():
            soiled, own = soiled_sheets(stand)
            found.spoiled_by_printer += own
            for one in soiled:
                kept = one.pieces and self._lost_by_printer.issuperset(one.pieces)
                if kept or torn_behind_the_end(stand, one.sheet, self._excuses):
                    found.spoiled_by_printer += 1  # nobody could be told that it kept a piece
                elif bad := unnamed(one, tales):
                    found.soiled += 1
                    found.complaints.append(self._soil_words(stand, one, bad, jobs))
                else:
                    found.soiled_named += 1
            for words in units_in_disorder(stand, jobs):
                found.disordered += 1
                found.complaints.append(words)
        if len(self._stands) == 1:
            found.overtaken += sum(overtaken(stand, jobs) for stand in self._stands.values())

    def _units(self, job: Job, tale: Tale, found: Findings) -> None:
        ended, copies = job.state == JobState.JOB_STATE_COMPLETED, tale.plan.copies
        lost_here, denied, buffered = [], [], 0
        for unit in tale.units:
            name = serial(tale.plan.number, unit)
            times = self._printed[name]
            if times - self._marked[name] > copies + tale.maybe[unit]:
                found.doubled_unmarked += 1
                words = f"unit {unit} is on paper {times} times, not {copies}"
                found.complaints.append(self._words(job, tale, words))
            elif times > copies:
                found.doubled_by_decision += 1
            elif times < copies and ended:
                missing = copies - tale.skipped[unit] - times
                if self._excuses.denied(tale, unit, missing, tale.loss):
                    denied.append(unit)
                if missing <= 0:
                    found.skipped_missing += 1
                elif self._excuses.covers(job, tale, unit, missing):
                    self._lost_by_printer.add(name)
                    buffered += 1
                else:
                    lost_here.append(unit)
        found.lost += len(lost_here)
        found.lost_in_printer_buffer += buffered
        if denied:
            found.false_statements += 1
            found.complaints.append(self._words(job, tale, f"explain said {tale.loss!r}; missing {denied}"))
        if lost_here:
            trace = self._trace(tale, lost_here[0])
            found.complaints.append(
                self._words(job, tale, f"units {lost_here} are not on paper, the first: {trace}")
            )
            found.false_completed += 1

    def _statement(self, job: Job, tale: Tale, said: Statement, found: Findings) -> None:
        """What a job said that stood still, against what was on paper at that moment."""
        if said.unsure is not None:
            size = said.unsure[1] - said.unsure[0] + 1
            found.unknown_units += size
            found.unknown_spans.append(size)
        behind = said.unsure[1] if said.unsure is not None else said.proven
        excuses = self._excuses.until(said.at)
        missing = {
            unit: said.copies + 1 - said.on_paper[unit] - tale.skipped[unit] for unit in range(1, behind + 1)
        }
        wrong = [
            unit
            for unit in range(1, said.proven + 1)
            if missing[unit] > 0 and not excuses.covers(job, tale, unit, missing[unit])
        ]
        denied = [unit for unit in missing if excuses.denied(tale, unit, missing[unit], said.loss)]
        early = [
            unit
            for unit in range(behind + 1, tale.plan.units + 1)
            if said.on_paper[unit] > _known_before(tale, said, unit) + tale.maybe[unit]
        ]
        if said.total not in (0, tale.plan.units):
            found.complaints.append(self._words(job, tale, f"it counts {said.total} units"))
            found.false_statements += 1
        if wrong or early or denied:
            found.false_statements += 1
            found.complaints.append(
                self._words(
                    job,
                    tale,
                    f"said {said.text!r}; missing before {wrong}, there behind {early},"
                    f" missing {denied} where explain said {said.loss!r}",
                )
            )

    def _now(self) -> str:
        return "; ".join(f"{stand.plan.name} {stand.last_state}" for stand in self._stands.values())

    def _trace(self, tale: Tale, unit: int) -> str:
        """Say what there is of a unit, and when its printers lost something."""
        name = serial(tale.plan.number, unit)
        sheets = [
            f"{sheet.at:.2f} {sheet.outcome} {sheet.reason} {sheet.begun}"
            for stand in self._stands.values()
            for sheet in stand.sheets
            if name in sheet.begun
        ]
        losses = [f"{loss.at:.2f} {loss.what}" for stand in self._stands.values() for loss in stand.losses()]
        events = [self._events(stand, math.inf) for stand in self._stands.values()]
        return f"sheets {sheets}, losses {losses[:_MOST]}, events {events}"

    def _soil_words(
        self, stand: Stand, one: Soiled, bad: Sequence[str], jobs: Sequence[tuple[Job, Tale]]
    ) -> str:
        sheet, involved = one.sheet, {name.partition("-")[0] for name in bad}
        stories = [
            self._words(job, tale, "is on it") for job, tale in jobs if str(tale.plan.number) in involved
        ]
        plan = stand.plan
        return (
            f"{plan.name} ({plan.personality}/{plan.plug}/{plan.flow}): soiled sheet at {sheet.at:.2f}"
            f" ({sheet.outcome} {sheet.reason}), {sheet.rest[:80]!r}… {sheet.rest[-40:]!r} spans {sheet.spans},"
            f" whole {one.whole}, pieces {one.pieces}, nobody named {bad}; {stories};"
            f" {self._events(stand, sheet.at)}"
        )

    def _events(self, stand: Stand, until: float) -> str:
        events = [event for event in stand.sim.record.events if event["time"] <= until + SLACK_S]
        return "; ".join(
            f"{event['time']:.2f} {event['event']} {event.get('how') or event.get('fault') or event.get('reason') or ''}"
            f" {event.get('inlet', '')} {event.get('spans', '')}{event.get('received', '')}"
            for event in events[-_EVENTS:]
        )

    def _words(self, job: Job, tale: Tale, what: str) -> str:
        tries = [
            f"#{one.attempt}@{one.port} {one.base}..{one.accepted} win32 {one.win32} ev {one.evidence}"
            f" {one.started:.2f} to {one.ended or 0:.2f}"
            for one in self._tries.get(job.uid, ())
        ]
        stands = ", ".join(f"{s.plan.personality}/{s.plan.plug}/{s.plan.flow}" for s in self._stands.values())
        return (
            f"{tale.plan.printer} ({stands}) job {tale.plan.number} (jobs/{job.number}, {tale.plan.units} units,"
            f" {JobState.Name(job.state)}): {what}; tries {tries}; decided {tale.decisions[:_MOST]};"
            f" said {[said.text for said in tale.statements[:_MOST]]}"
        )


def _known_before(tale: Tale, said: Statement, unit: int) -> int:
    """Return how often a unit may be on paper by then that is not said to be: a job that goes on earlier says less."""
    earlier = (one.on_paper[unit] for one in tale.statements if one.at < said.at)
    return max(said.copies, *earlier, 0)
