"""What is reported of a port in words, and what of that stops no port: damaged bytes, and what will be used up soon. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from spooler.explain.facts import Action, Fact, PortFacts, Report, Sentence, Source, Trouble, Verdict

PORTS = "printfabric.spooler.v1.PortService"
LINE_ERRORS = "line-errors"  # the cause of a host's report about framing and parity

# PORT_INFO_3.dwStatus, in words for people.
CONDITIONS: Mapping[int, str] = {
    1: "The printer is offline",
    2: "Paper jam",
    3: "Out of paper",
    4: "The output bin is full",
    5: "The printer has a paper problem",
    6: "Out of toner",
    7: "A door is open",
    8: "The printer needs a hand",
    9: "The printer is out of memory",
    10: "Toner is low",
    11: "The printer is warming up",
    12: "The printer saves power",
}
_WARNING = 2  # dwSeverity
_SOON = frozenset({3, 4, 5, 10})  # conditions that stop the printer when they grow from a warning to an error


def fact_of(port: PortFacts, report: Report) -> Fact:
    """Return a report as a fact, in its own words or in those of its condition."""
    words = report.text or CONDITIONS.get(report.condition, f"condition {report.condition}").lower()
    return Fact(f"{port.name.before} {words}", report.source, report.at)


def line_trouble(port: PortFacts) -> Trouble | None:
    """Return that the line's settings look wrong, if its host has counted errors; that alone stops no port."""
    report = next((one for one in port.reports if one.cause == LINE_ERRORS), None)
    if report is None:
        return None
    how = f": {report.text.rstrip('.')}" if report.text else ""
    return Trouble(
        Verdict.LINE_ERRORS,
        Sentence(f"The line settings of {port.name} look wrong", how),
        (fact_of(port, report),),
        (
            Action(
                "Change the settings",
                f"{PORTS}/ConfigurePort",
                f"printfabric ports configure {port.name} baud=9600",
            ),
        ),
    )


def soon(port: PortFacts) -> tuple[Fact, ...]:
    """Return what the printer on a port says that it will need: it prints, and not for long."""
    return tuple(
        fact_of(port, one)
        for one in port.reports
        if one.severity == _WARNING and one.source is Source.PRINTER and one.condition in _SOON
    )
