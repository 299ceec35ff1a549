"""The decision about units of which nobody knows whether they came out, as its form shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portui.model import Job
from portui.web import coming_out, story, words
from portui.web.coming_out import CHOICES, MARKED, REPRINT, SKIP


@dataclass(frozen=True, slots=True)
class Way:
    """One decision about all that is uncertain, and what comes out then."""

    what: str
    icon: str
    label: str
    outlook: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What can be decided, what is chosen so far, and what comes out then."""

    uncertain: str  # "labels 5 to 20"
    ways: tuple[Way, ...]
    chosen: Mapping[int, str]  # one choice for each unit; empty: they are decided about together only
    choices: Mapping[str, str]
    outlook: str
    no_mark: str = ""
    wrong: str = ""
    shown: bool = False  # somebody without scripts asked what comes out

    @property
    def again(self) -> list[int]:
        """The units that print again."""
        return [unit for unit, what in self.chosen.items() if what != SKIP]


def decision(job: Job, given: Mapping[int, str] | None = None) -> Decision:
    """Return the decision about a job; a unit about which nothing is given counts as printed."""
    kind, uncertain = job.proof.units.kind, story.uncertain(job)
    no_mark = coming_out.why_no_mark(kind)
    choices = {what: label for what, label in CHOICES.items() if not no_mark or what != MARKED}
    given = given or {}
    chosen = {unit: given.get(unit, SKIP) for unit in coming_out.uncertain_units(job)}
    chosen = {unit: what if what in choices else SKIP for unit, what in chosen.items()}
    again = f"None of it: print {uncertain or 'it'} again"
    labels = {
        SKIP: ("check", "All of it came out"),
        REPRINT: ("repeat", again),
        MARKED: ("copy", f"{again}, marked"),
    }
    ways = tuple(Way(what, *labels[what], coming_out.all_decided(job, what)) for what in choices)
    outlook = f"As chosen, all {words.unit(kind, 2)} came out: say which print again."
    if any(what != SKIP for what in chosen.values()):
        parts = coming_out.decided(job, coming_out.runs(chosen))
        outlook = coming_out.said(job.printer, kind, parts)
    return Decision(uncertain, ways, chosen, choices, outlook, no_mark)
