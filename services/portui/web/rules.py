"""What the console calls an alert: each rule in words, who says it, and where it is seen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from portui.model import PortState
from portui.web import words
from portui.web.problems import Kind, Problem


class Rule(NamedTuple):
    """A kind of problem: when it begins and ends, who says so, and the page of what it is about."""

    kind: Kind
    state: words.Shown
    words: str
    source: str
    path: str


_PORT = words.PORT_STATES
RULES = (
    Rule(
        Kind.ERROR,
        _PORT[PortState.ERROR],
        "A port needs a hand: paper, door, jam. Until its printer, its host or a person takes that back.",
        "printer, host, people: reports of severity error",
        "/ports?state=error",
    ),
    Rule(
        Kind.OFFLINE,
        _PORT[PortState.OFFLINE],
        "A port's device is gone, or its printer does not answer. Until it is there again.",
        "host, connection",
        "/ports?state=offline",
    ),
    Rule(
        Kind.UNKNOWN,
        _PORT[PortState.UNKNOWN],
        "Nobody knows how a port is. Until its host has told.",
        "spooler: what it has not heard",
        "/ports?state=unknown",
    ),
    Rule(
        Kind.ATTENTION,
        _PORT[PortState.ATTENTION],
        "A port prints, and not for long: paper or toner at its mark or below, damaged bytes, another program at the device."
        " Until it is filled, or over.",
        "printer, host, connection: reports of severity warning",
        "/ports?state=attention",
    ),
    Rule(
        Kind.STILL,
        _PORT[PortState.ATTENTION],
        "A document is on its way and nothing of it has moved for longer than a printer takes. Until something moves.",
        "spooler: what the printer's side has received",
        "/jobs?show=active",
    ),
    Rule(
        Kind.SILENT,
        words.HOST_STATES["silent"],
        "A host's connection is gone; its ports are no alerts of their own then. Until it answers.",
        "spooler: its connection to the host",
        "/hosts",
    ),
    Rule(
        Kind.PAUSED,
        words.PORT_STATES[PortState.PAUSED],
        "A printer is paused and has jobs. Until somebody resumes it, or no job is left.",
        "people",
        "/printers",
    ),
    Rule(
        Kind.DECIDE,
        words.Shown("Decide", "question", "attention"),
        "Nobody knows what came out of a job. Until somebody has looked at the paper and decided.",
        "spooler: what no proof covers",
        "/jobs?show=decide",
    ),
)


def counted(problems: Iterable[Problem]) -> list[tuple[Rule, int]]:
    """Return the rules, and how many alerts are open by each."""
    open_by = Counter(one.kind for one in problems)
    return [(rule, open_by[rule.kind]) for rule in RULES]
