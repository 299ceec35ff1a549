"""The result as tables for people; `build/bench.json` has the same figures and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.dying import FATES
from tests.bench.postgres_table import on_postgres
from tests.bench.system import UNARY
from tests.bench.workloads import PERCENTILES

_PEERS = ("CUPS", "LPrint", "LPRng")
_SIZES = {1024: "1 KiB", 65536: "64 KiB"}


def show(result: Mapping[str, Any], console: Console | None = None) -> None:
    """Print everything."""
    console = console or Console(width=170)
    for title, rows in (
        ("Systems", _systems(result)),
        ("The machine", [["what", "result"], *([k, str(v)] for k, v in dict(result["limits"]).items())]),
        ("Small jobs, printed per second: median (least-most)", _rates(result["rates"])),
        ("Submit to first byte, 1 KiB, idle, ms", _latency(result["latency"])),
        ("One large document", _large(result["large"])),
        ("A queue of several printers, 1 KiB, 16 clients", _pools(result["pools"])),
        ("A queue of four printers, of which one dies amid a document, 16 clients", _dying(result["dying"])),
        ("Jobs that were accepted and waited when their server was killed", _as_found(result["killed"])),
        ("Many printers, many waiting jobs", _scale(result["scale"])),
        ("Many waiting jobs, at one of two printers", _wide(result["backlog"])),
        ("Finished jobs behind a store", _wide(result["finished"])),
        ("Finished jobs behind a whole spooler", _wide(result["remembered"])),
        ("Many printers on many hosts", _wide(result["wide"])),
        *on_postgres(result["postgres"] or {}),
        ("How long it took", [["part", "s"], *([k, str(v)] for k, v in result["took_s"].items())]),
    ):
        _print(console, title, rows)
    console.print(f"{result['jobs_checked']} jobs arrived, each once and whole.")
    for part, why in result["failed"].items():
        console.print(f"{part} failed: {'; '.join(why)[-500:]}", markup=False)


def _print(console: Console, title: str, rows: Sequence[Sequence[str]]) -> None:
    if len(rows) < 2:
        return
    table = Table(title=title, title_justify="left")
    for place, head in enumerate(rows[0]):
        table.add_column(head, justify="left" if place == 0 else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)


def _systems(result: Mapping[str, Any]) -> list[list[str]]:
    rows = [["system", "durable before OK", "measured"]]
    for name, about in result["systems"].items():
        rows.append([name, about.get("durability", "-"), about.get("missing") or "yes"])
    return rows


def _spread(figures: Mapping[str, float]) -> str:
    return f"{figures['median']:,.0f} ({figures['min']:,.0f}-{figures['max']:,.0f})"


def _costs(costs: Mapping[str, float]) -> str:
    return " + ".join(f"{name} {ms:.2f}" for name, ms in costs.items())


def _rates(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    head = ["system", "size", "printers", "mode", "clients", "jobs/s", "accepted/s", "lost, doubled"]
    return [
        [*head, *(f"beside {peer}" for peer in _PEERS), "CPU ms per job"],
        *(
            [
                row["system"], _SIZES[row["size"]], str(row["printers"]), row["mode"], str(row["clients"]),
                _spread(row["printed_per_s"]), _spread(row["accepted_per_s"]), f"{row['lost']}, {row['doubled']}",
                *(_beside(found, row, peer) for peer in _PEERS), _costs(row["cpu_ms_per_job"]),
            ]
            for row in found
        ),
    ]  # fmt: skip


def peer_rate(found: Sequence[Mapping[str, Any]], row: Mapping[str, Any], peer: str) -> float | None:
    """Return how many times as fast as a peer a row is: with as many clients, or the peer's best beside a stream."""
    rates = [
        other["printed_per_s"]["median"]
        for other in found
        if (other["system"], other["size"], other["printers"]) == (peer, row["size"], row["printers"])
        and (row["mode"] != UNARY or other["clients"] == row["clients"])
    ]
    if row["system"] != "fabric" or not any(rates):
        return None
    return float(row["printed_per_s"]["median"] / max(rates))


def _beside(found: Sequence[Mapping[str, Any]], row: Mapping[str, Any], peer: str) -> str:
    rate = peer_rate(found, row, peer)
    return f"{rate:.2g} x" if rate else "-"


def _latency(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["system", *(f"p{p:g}" for p in PERCENTILES), "samples"]]
    for row in found:
        figures = [f"{row[f'p{p:g}_ms']:.2f}" for p in PERCENTILES]
        rows.append([row["system"], *figures, str(row["samples"])])
    return rows


def _pools(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        ["system", "members", "jobs/s", "CPU ms per job"],
        *(
            [row["system"], row["members"], _spread(row["printed_per_s"]), _costs(row["cpu_ms_per_job"])]
            for row in found
        ),
    ]


def _dying(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        ["system", "jobs", *FATES.values(), "jobs/s", "CPU ms per job"],
        *(
            [
                row["system"], *(str(row[each]) for each in ("jobs", *FATES)), _spread(row["printed_per_s"]),
                _costs(row["cpu_ms_per_job"]),
            ]
            for row in found
        ),
    ]  # fmt: skip


def _large(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["system", "begins", "MiB", "MB/s", "accepted MB/s", "first byte ms", "CPU ms per MB"]]
    for row in found:
        spreads = [_spread(row[key]) for key in ("mb_per_s", "accepted_mb_per_s", "first_byte_ms")]
        rows.append([row["system"], row["begins"], str(row["mib"]), *spreads, _costs(row["cpu_ms_per_mb"])])
    return rows


def _scale(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    if not found:
        return []
    rows = [["what", *(row["system"] for row in found)]]
    keys = [key for key in found[0] if key != "system"]
    rows += [[key.replace("_", " "), *(_figure(row[key]) for row in found)] for key in keys]
    return rows


def _as_found(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row for each system, a column for each of its figures."""
    if not found:
        return []
    heads = [key.replace("_", " ") for key in found[0]]
    return [
        heads,
        *([row["system"], *(_figure(row[key]) for key in row if key != "system")] for row in found),
    ]


def _wide(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row for each figure, and how it grew from the first column to the last."""
    if not found:
        return []
    first, last = found[0], found[-1]
    things = [key for key in ("printers", "hosts", "jobs") if key in first]
    rows = [["what", *(" on ".join(f"{row[key]:,}" for key in things) for row in found), "grew"]]
    for key in [key for key in first if key not in things]:
        grew = f"{last[key] / first[key]:.1f} x" if first[key] else "-"
        rows.append([key.replace("_", " "), *(_figure(row[key]) for row in found), grew])
    return rows


def _figure(value: Any) -> str:
    if isinstance(value, Mapping):
        return " + ".join(f"{name} {figure:g}" for name, figure in value.items())
    return f"{value:g}"
