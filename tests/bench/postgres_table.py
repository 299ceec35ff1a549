"""The figures of `on_postgres` as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.on_postgres import OTHER, SQLITE

Titled = tuple[str, Sequence[Sequence[str]]]


def on_postgres(found: Mapping[str, Any]) -> Iterator[Titled]:
    """Yield titles and rows; nothing when nothing was measured."""
    if "missing" in found:
        yield "The store in PostgreSQL", [["not measured"], [found["missing"]]]
    if "rates" not in found:
        return
    yield (
        f"The store in PostgreSQL: 1 KiB, {found['printers']} printers; median (least-most); CPU in ms per job",
        _rates(found["rates"]),
    )
    yield "The same: submit to first byte, idle, ms", _first_bytes(found["first_byte"])
    if beside := list(_beside(found["rates"])):
        yield (
            "This checkout beside the other",
            [["system", "mode, clients", "jobs/s", "CPU of all"], *beside],
        )


def _rates(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    head = ["system", "mode, clients", "jobs/s", "accepted/s", "OK ms: p50, p99", "x SQLite"]
    return [
        [*head, "spoolers", "postgres", "portmon", "all"],
        *(
            [
                row["system"], _load(row), _whole(row["printed_per_s"]), f"{row['accepted_per_s']['median']:,.0f}",
                _answered(row["answered_ms"]), _beside_sqlite(row["times_as_fast_as"]),
                *(f"{_cost(row['cpu_ms_per_job'], kind):.2f}" for kind in ("spooler", "postgres", "portmon", "")),
            ]
            for row in rows
        ),
    ]  # fmt: skip


def _answered(percentiles: Mapping[str, float] | None) -> str:
    return "-" if percentiles is None else f"{percentiles['p50']:.1f}, {percentiles['p99']:.1f}"


def _beside_sqlite(ratios: Mapping[str, Mapping[str, float]]) -> str:
    return f"{ratios[SQLITE]['median']:.2f}" if SQLITE in ratios else "-"


def _cost(costs: Mapping[str, float], kind: str) -> float:
    return sum(ms for name, ms in costs.items() if name.startswith(kind))


def _first_bytes(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        ["system", "p50", "p99", "samples"],
        *(
            [row["system"], f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", str(row["samples"])]
            for row in rows
        ),
    ]


def _beside(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for row in rows:
        for other in rows:
            if other["system"] == row["system"] + OTHER and _load(other) == _load(row):
                ratio = _times(row["times_as_fast_as"][other["system"]])
                cost = f"{row['cpu_ms_of_all'] / other['cpu_ms_of_all']:.2f} x"
                yield [row["system"], _load(row), ratio, cost]


def _load(row: Mapping[str, Any]) -> str:
    return f"{row['mode']}, {row['clients']}"


def _whole(figures: Mapping[str, float]) -> str:
    return f"{figures['median']:,.0f} ({figures['min']:,.0f}-{figures['max']:,.0f})"


def _times(figures: Mapping[str, float]) -> str:
    return f"{figures['median']:.2f} x ({figures['min']:.2f}-{figures['max']:.2f})"
