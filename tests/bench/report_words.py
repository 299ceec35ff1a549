"""What all tables of the report are made of: rows of several runs put together, and how a figure is written."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Run = Mapping[str, Any]
Row = Mapping[str, Any]


class Table(NamedTuple):
    """A table; one without rows is not shown."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def as_lines(table: Table) -> list[str]:
    """Return it as Markdown, a blank line in front."""
    if not table.rows:
        return []
    title = [f"**{table.title}**", ""] if table.title else []
    return ["", *title, _line(table.head), "|" + "---|" * len(table.head), *map(_line, table.rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def by(runs: Iterable[Run], part: str, *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return the rows of a part by what they are about, one of each run."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for run in runs:
        for row in run.get(part) or ():
            found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def figure(value: float) -> str:
    """Return three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(found: Sequence[Mapping[str, float]]) -> str:
    """Return the median of what runs found, and the least and the most of all their rounds."""
    middle = statistics.median(each["median"] for each in found)
    return _told(middle, min(each["min"] for each in found), max(each["max"] for each in found))


def median_of(found: Sequence[float]) -> str:
    """Return the median of one figure of each run, and with several the least and the most."""
    return within(statistics.median(found), found)


def within(middle: float, found: Sequence[float]) -> str:
    """Return a figure, and with several runs the least and the most of what they found."""
    return _told(middle, min(found), max(found))


def _told(middle: float, least: float, most: float) -> str:
    return figure(middle) if least == most else f"{figure(middle)} ({figure(least)} to {figure(most)})"


def costs(found: Sequence[Mapping[str, float]]) -> str:
    """Return the medians of what each process cost."""
    return " + ".join(
        f"{statistics.median(each[name] for each in found if name in each):.2f}" for name in found[0]
    )
