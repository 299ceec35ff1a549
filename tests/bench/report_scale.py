"""The report's tables of what grows, printers, hosts and jobs, and of the store in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.on_postgres import SQLITE
from tests.bench.report_words import Row, Run, Table, by, costs, median_of, spread

_THINGS = ("printers", "hosts", "jobs")  # how many of what a column is about


def growing(runs: Sequence[Run]) -> Iterator[Table]:
    """Yield tables of many printers, many waiting jobs, many finished ones, many hosts."""
    scale = by(runs, "scale", "system")
    yield _columns(
        "many printers, many waiting jobs", {name: rows for (name,), rows in scale.items()}, ("system",)
    )
    yield _grown("jobs that wait at one of two printers", by(runs, "backlog", "jobs"))
    yield _grown("finished jobs behind a store", by(runs, "finished", "jobs"))
    yield _grown("finished jobs behind a whole spooler", by(runs, "remembered", "jobs"))
    yield _grown("printers on hosts", by(runs, "wide", "printers", "hosts"))


def _columns(title: str, columns: Mapping[str, Sequence[Row]], left_out: Sequence[str] = ()) -> Table:
    keys = [key for key in next(iter(columns.values()), [{}])[0] if key not in left_out]
    rows = [
        [
            key.replace("_", " "),
            *(_told([row[key] for row in found if key in row]) for found in columns.values()),
        ]
        for key in keys
    ]
    return Table("", [title, *columns], rows)


def _told(found: Sequence[Any]) -> str:
    if not found:
        return "-"
    return costs(found) if isinstance(found[0], Mapping) else median_of(found)


def _grown(title: str, columns: Mapping[tuple[Any, ...], Sequence[Row]]) -> Table:
    """Return a row for each figure, and how it grew from the first column to the second, and to the last if there are more."""
    names = [" on ".join(f"{each:,}" for each in key) for key in columns]
    found = list(columns.values())
    rows = []
    for key in [key for key in (found[0][0] if found else {}) if key not in _THINGS]:
        cells = [_told([row[key] for row in rows_ if key in row]) for rows_ in found]
        ratios = [
            [row[key] / first[key] for row, first in zip(rows_, found[0], strict=False) if first[key]]
            for rows_ in found[1:]
        ]
        rows.append(
            [key.replace("_", " "), *cells, ", ".join(f"{median_of(each)} x" for each in ratios if each)]
        )
    return Table("", [title, *names, "grew"], rows)


def stored(runs: Sequence[Run]) -> Iterator[Table]:
    """Yield tables of the store in PostgreSQL beside the one in SQLite."""
    measured = [run["postgres"] for run in runs if run["postgres"] and "rates" in run["postgres"]]
    rows = []
    for (mode, clients, system), mine in by(measured, "rates", "mode", "clients", "system").items():
        answered = [row["answered_ms"] for row in mine if row["answered_ms"]]
        beside = [
            row["times_as_fast_as"][SQLITE]["median"] for row in mine if SQLITE in row["times_as_fast_as"]
        ]
        rows.append([
            f"{mode}, {clients}", system, spread([row["printed_per_s"] for row in mine]), f"{median_of(beside)} x" if beside else "",
            " / ".join(median_of([each[p] for each in answered]) for p in ("p50", "p99")) if answered else "-",
            *(median_of([_cost(row["cpu_ms_per_job"], kind) for row in mine]) for kind in ("spooler", "postgres", "portmon", "")),
        ])  # fmt: skip
    head = [
        "load, clients",
        "store",
        "jobs/s",
        "beside SQLite",
        "OK p50 / p99, ms",
        "CPU ms per job: spoolers",
        "postgres",
        "port monitor",
        "all",
    ]
    yield Table("", head, rows)
    first = by(measured, "first_byte", "system")
    times = [
        [system, *(median_of([row[f"{p}_ms"] for row in mine]) for p in ("p50", "p99"))]
        for (system,), mine in first.items()
    ]
    yield Table("", ["submit to first byte, idle, ms", "p50", "p99"], times)


def _cost(found: Mapping[str, float], kind: str) -> float:
    return sum(ms for name, ms in found.items() if name.startswith(kind))
