"""What is meant to be reached, and what was: one table over all runs, as Markdown.

A figure that is a ratio is made within a run; the median of the runs counts, and the least and the most are beside it.
What was asked for and has no figure is a row all the same: not measured is not met.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.on_postgres import SQLITE, STREAMS, postgres_with
from tests.bench.system import UNARY

Run = Mapping[str, Any]
_BATCHES = "stream 32"
PEERS = ("CUPS", "LPrint", "LPRng", "p910nd")


@dataclass(frozen=True)
class Bound:
    """What a figure of ours has to be at least, or at most; beside a figure of another system, or by itself.

    `ratio`: the two by turns, where the part that measures them has it round by round.
    """

    value: float
    least: bool  # it is a lower bound
    beside: Figure | None = None
    other: str = ""
    ratio: Figure | None = None

    def reached(self, run: Run, ours: Figure) -> float | None:
        """Return what a run reached, in the unit of `value`; None: not measured."""
        if self.ratio is not None:
            return self.ratio(run)
        mine, other = ours(run), self.beside(run) if self.beside else 1.0
        return mine / other if mine is not None and other else None

    def met(self, reached: float) -> bool:
        """Tell whether that is enough."""
        return reached >= self.value if self.least else reached <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.value:.3g}{' x ' + self.other if self.other else ''}"


@dataclass(frozen=True)
class Goal:
    """One row: a figure of ours, of which part, the same of others, what it shall be and what it may be."""

    part: str
    what: str
    ours: Figure
    goal: Bound | None = None
    moonshot: Bound | None = None
    peers: Mapping[str, Figure] | None = None


def _rate(size: int, printers: int, mode: str) -> Goal:
    """Return a row of small jobs; its bounds come from `_RATES`."""
    cups, lprint = _RATES[size, printers, mode]
    kib = f"{size >> 10} KiB jobs/s, {printers} queue{'s' if printers > 1 else ''}"
    how = "unary, 16 clients" if mode == UNARY else "stream, 32 per message"
    peers = {name: figures.rate(name, size, printers, mode) for name in PEERS}
    return Goal(
        "rates",
        f"{kib}, {how}",
        figures.rate("fabric", size, printers, mode),
        Bound(cups, True, peers["CUPS"], "CUPS"),
        Bound(lprint, True, peers["LPrint"], "LPrint"),
        peers,
    )


_RATES = {  # at least so many times CUPS; LPrint
    (1024, 1, UNARY): (10, 0.6),
    (1024, 50, UNARY): (7, 0.6),
    (1024, 1, _BATCHES): (20, 1),
    (1024, 50, _BATCHES): (30, 3),
    (65536, 50, UNARY): (5, 0.6),
    (65536, 50, _BATCHES): (12, 1.5),
}


def _first_byte(percentile: str) -> Goal:
    peers = {name: figures.first_byte(name, percentile) for name in PEERS}
    return Goal(
        "latency",
        f"submit to first byte, idle, {percentile}, ms",
        figures.first_byte("fabric", percentile),
        Bound(1 / 3, False, peers["CUPS"], "CUPS"),
        Bound(1.5, False, peers["LPrint"], "LPrint"),
        peers,
    )


def _large(begins: str) -> Goal:
    peers = {name: figures.large(name, "mb_per_s") for name in PEERS}
    bound = Bound(1, True, peers["LPrint"], "LPrint"), Bound(1.2, True, peers["LPrint"], "LPrint")
    return Goal(
        "large",
        f"256 MiB end to end, begun {begins}, MB/s",
        figures.large("fabric", "mb_per_s", begins),
        *bound,
        peers,
    )


def _at_most(
    part: str, what: str, ours: Figure, goal: float, moonshot: float | None = None, cups: Figure | None = None
) -> Goal:
    return Goal(
        part,
        what,
        ours,
        Bound(goal, False),
        Bound(moonshot, False) if moonshot else None,
        {"CUPS": cups} if cups else None,
    )


def _postgres(mode: str, clients: int) -> tuple[Goal, Goal]:
    def goal(more: str, system: str, least: float, beside: str, other: str) -> Goal:
        what = f"PostgreSQL, 1 KiB, 50 queues, {mode}, {clients} clients{more}, jobs/s"
        ratio = figures.stored_beside(system, beside, mode, clients)
        bound = Bound(least, True, other=other, ratio=ratio)
        return Goal("postgres", what, figures.stored(system, mode, clients), bound)

    one, two = postgres_with(1), postgres_with(2)
    return goal("", one, 0.8, SQLITE, "SQLite"), goal(", two spoolers", two, 1.5, one, "one")


_LAME, _THREE = figures.pool("fabric", "4, one refuses"), figures.pool("fabric", "3")
_CUPS_LAME = figures.pool("CUPS", "4, one refuses")
GOALS = (
    *(_rate(*each) for each in _RATES),
    _first_byte("p50"),
    _first_byte("p99"),
    _large(figures.WHOLE),
    _large(figures.EARLY),
    Goal(
        "large",
        "the same, printed while it comes in: first byte, ms",
        figures.large("fabric", "first_byte_ms", figures.EARLY),
        None,
        Bound(10, False),
        {name: figures.large(name, "first_byte_ms") for name in PEERS},
    ),
    Goal(
        "pools", "pool of 4, one member refuses, jobs/s", _LAME, Bound(50, True, _CUPS_LAME, "CUPS"),
        Bound(1, True, _THREE, "with 3 members"), {"CUPS": _CUPS_LAME},
    ),
    _at_most(
        "scale", "CPU of the 10,001st waiting job beside the first", figures.behind_waiting("fabric"), 1.1, 1.0,
        figures.behind_waiting("CUPS"),
    ),
    _at_most("scale", "start with 1,000 printers, s", figures.scale("fabric", "start_s"), 1, 0.12, figures.scale("CUPS", "start_s")),
    _at_most("wide", "start with 10,000 printers, s", figures.wide_start(10_000), 2, 1.2),
    _at_most("scale", "memory of an idle spooler, MiB", figures.idle_memory("spooler"), 80),
    _at_most("scale", "memory of an idle port monitor, MiB", figures.idle_memory("portmon"), 60),
    _at_most("scale", "memory of an idle console, MiB", figures.idle_memory("portui"), 60),
    _at_most("wide", "memory per printer, spooler, hosts apart, KiB", figures.per_printer, 4),
    *(
        Goal("scale", f"memory per printer, {name}, KiB", figures.per_thousandth_printer(process))
        for name, process in (("port monitor", "portmon"), ("console", "portui"))
    ),
    _at_most("backlog", "memory per waiting job, KiB", figures.per_waiting_job("rss_mib"), 1),
    _at_most("backlog", "the same after a restart, KiB", figures.per_waiting_job("rss_restarted_mib"), 1),
    _at_most("scale", "idle CPU, 1,000 printers, % of a core", figures.scale("fabric", "idle_cpu_percent"), 1, 0.2, figures.scale("CUPS", "idle_cpu_percent")),
    *_postgres(UNARY, 16),
    *_postgres(STREAMS, 6),
)  # fmt: skip


def reached(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return a row for each goal that was asked for: figures, ratios run by run, and whether their median is enough."""
    asked = {part for run in runs for part in run.get("parts", ())}
    return [row for goal in GOALS if (row := _reached(goal, runs))["ours"] or goal.part in asked]


def _reached(goal: Goal, runs: Sequence[Run]) -> dict[str, Any]:
    def over_runs(figure: Callable[[Run], float | None]) -> list[float]:
        return [value for run in runs if (value := figure(run)) is not None]

    row: dict[str, Any] = {"goal": goal.what, "ours": over_runs(goal.ours)}
    row["peers"] = {name: found for name, peer in (goal.peers or {}).items() if (found := over_runs(peer))}
    for name, bound in (("goal", goal.goal), ("moonshot", goal.moonshot)):
        if bound is None:
            continue
        found = over_runs(lambda run, bound=bound: bound.reached(run, goal.ours))  # type: ignore[misc]
        met = bound.met(statistics.median(found)) if found else None
        row[f"{name}_bound"] = {"wanted": str(bound), "reached": found, "met": met}
    return row


def as_markdown(runs: Sequence[Run]) -> list[str]:
    """Return the table, line by line; of several runs each ratio is there, run by run."""
    lines = [
        f"| goal | Print Fabric | {' | '.join(PEERS)} | goal: wanted, reached | | moonshot: wanted, reached | |",
        f"|---|---|{'---|' * len(PEERS)}---|---|---|---|",
    ]
    for row in reached(runs):
        peers = [_spread(row["peers"].get(name)) for name in PEERS]
        bounds = [each for name in ("goal", "moonshot") for each in _bound(row.get(f"{name}_bound"))]
        lines.append(f"| {' | '.join([row['goal'], _spread(row['ours']), *peers, *bounds])} |")
    return [*lines, "", *_counted(runs)]


def _counted(runs: Sequence[Run]) -> Iterator[str]:
    """Yield how many goals are met, of those that were asked for."""
    rows = reached(runs)
    for name in ("goal", "moonshot"):
        met = [row[f"{name}_bound"]["met"] for row in rows if f"{name}_bound" in row]
        told = f"{met.count(True)} of {len(met)} {name}s met, {met.count(False)} missed"
        yield f"{told}, {met.count(None)} not measured."


def _bound(bound: Mapping[str, Any] | None) -> tuple[str, str]:
    if bound is None:
        return "", ""
    if bound["met"] is None:
        return f"{bound['wanted']}; not measured", ""
    return f"{bound['wanted']}; {_each(bound['reached'])}", "met" if bound["met"] else "**missed**"


def _each(found: Sequence[float]) -> str:
    middle = _short(statistics.median(found))
    return middle if len(found) == 1 else f"{middle} [{', '.join(map(_short, found))}]"


def _spread(found: Sequence[float] | None) -> str:
    if not found:
        return "-"
    middle = _short(statistics.median(found))
    return middle if len(found) == 1 else f"{middle} ({_short(min(found))} to {_short(max(found))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
