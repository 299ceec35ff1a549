"""A result as the tables of docs/performance.md: `python -m tests.bench.report build/bench.json`.

Of several runs a cell has the median of what each run found, and in parentheses the least and the most of all rounds.
Percentiles are those of all runs' samples together.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import goals
from tests.bench.dying import FATES, NO_POOLS
from tests.bench.measure import Latencies
from tests.bench.report_scale import growing, stored
from tests.bench.report_words import Row, Run, Table, as_lines, by, costs, median_of, spread, within
from tests.bench.system import UNARY
from tests.bench.workloads import PERCENTILES

_OURS = "fabric"
_NAMES = {_OURS: "Print Fabric"}
_SIZES = {1024: "1 KiB", 65536: "64 KiB"}
_NONE = "-"


def as_markdown(runs: Sequence[Run]) -> str:
    """Return everything."""
    lines = [*_about(runs), "", *goals.as_markdown(runs)]
    for table in (
        _systems(runs),
        _rates(runs),
        _latency(runs),
        _large(runs),
        _pools(runs),
        _dying(runs),
        _killed(runs),
        _commands(runs),
        *growing(runs),
        *stored(runs),
    ):
        lines += as_lines(table)
    return "\n".join([*lines, "", *_ends(runs)]) + "\n"


def _about(runs: Sequence[Run]) -> Iterator[str]:
    about = runs[0]["machine"]
    many = (
        "1 run"
        if len(runs) == 1
        else f"{len(runs)} runs: medians of them, ratios run by run in brackets, least and most in parentheses"
    )
    system = f"{about['cores']} cores, {about['system']}, Python {about['python']}, grpcio {about['grpcio']}"
    yield f"{many}. {system}, {about['spool_file_system']}. Limits of the machine:"
    yield ""
    for limit in next((run["limits"] for run in runs if run["limits"]), ()):
        found = [run["limits"][limit] for run in runs if run["limits"]]
        yield f"- {limit}: {statistics.median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f})"


def _systems(runs: Sequence[Run]) -> Table:
    rows = []
    for name, about in runs[0]["systems"].items():
        promise = about.get("durability") or "not measured: " + about.get("missing", "")
        mine = [row for run in runs for row in run["rates"] if row["system"] == name]
        wrong = [f"{sum(row[key] for row in mine):,}" if mine else _NONE for key in ("lost", "doubled")]
        broke = sum(len(run["breaks"].get(name, ())) for run in runs)
        rows.append(
            [
                _NAMES.get(name, name),
                promise,
                *wrong,
                str(broke),
                _memory(runs, name),
            ]
        )
    head = [
        "system",
        "durable before OK",
        "small jobs lost",
        "printed twice",
        "broke and begun anew",
        "memory after the small jobs, MiB",
    ]
    return Table("", head, rows)


def _memory(runs: Sequence[Run], name: str) -> str:
    found = [each for run in runs if (each := run["systems"].get(name, {}).get("rss_mib"))]
    return costs(found) if found else _NONE


def _rates(runs: Sequence[Run]) -> Table:
    found = by(runs, "rates", "size", "printers", "mode", "clients", "system")
    cells = list(dict.fromkeys(key[:4] for key in found))
    peers = [peer for peer in dict.fromkeys(key[4] for key in found) if peer != _OURS]
    rows = []
    for size, printers, mode, clients in cells:
        here = {key[4]: rows_ for key, rows_ in found.items() if key[:4] == (size, printers, mode, clients)}
        how = f"{clients} client{'s' if clients > 1 else ''}" if mode == UNARY else "per message"
        what = f"{_SIZES[size]}, {printers} printer{'s' if printers > 1 else ''}, {mode}, {how}"
        rows.append([
            what.replace(", per", " per"), *(_per_s(here.get(name)) for name in (*peers, _OURS)), _cost(here.get(_OURS)),
            ", ".join(_cost(here.get(peer)) for peer in peers), _cost(here.get(_OURS), "others_cpu_ms_per_job"),
        ])  # fmt: skip
    head = [
        "small jobs, printed per s", *peers, "Print Fabric", "CPU ms per job: port monitor + spooler",
        f"of {', '.join(peers)}", "of our client + receiver",
    ]  # fmt: skip
    return Table("", head, rows)


def _per_s(rows: Sequence[Row] | None) -> str:
    return spread([row["printed_per_s"] for row in rows]) if rows else _NONE


def _cost(rows: Sequence[Row] | None, what: str = "cpu_ms_per_job") -> str:
    return costs([row[what] for row in rows]) if rows else _NONE


def _latency(runs: Sequence[Run]) -> Table:
    found = by(runs, "latency", "system")
    rows = []
    for (name,), mine in found.items():
        of_all = Latencies(row["histogram"] for row in mine)
        times = [within(of_all.percentile_ms(p), [row[f"p{p:g}_ms"] for row in mine]) for p in PERCENTILES]
        rows.append([_NAMES.get(name, name), *times, str(sum(row["samples"] for row in mine))])
    return Table("", ["submit to first byte, idle, ms", *(f"p{p:g}" for p in PERCENTILES), "samples"], rows)


def _large(runs: Sequence[Run]) -> Table:
    rows = []
    mib = 0
    for (name, begins), mine in by(runs, "large", "system", "begins").items():
        mib = mine[0]["mib"]
        title = _NAMES.get(name, name) + (f", begun {begins}" if name == _OURS else "")
        figures = [
            spread([row[key] for row in mine]) for key in ("mb_per_s", "accepted_mb_per_s", "first_byte_ms")
        ]
        keys = ("cpu_ms_per_mb", "others_cpu_ms_per_mb", "peak_eighth_mib", "peak_mib")
        rows.append([title, *figures, *(_cost(mine, key) for key in keys)])
    head = [
        f"{mib} MiB", "MB/s", "accepted, MB/s", "first byte, ms", "CPU ms per MB", "client + receiver",
        f"memory at most with {mib // 8} MiB", f"with {mib} MiB",
    ]  # fmt: skip
    return Table("", head, rows)


def _pools(runs: Sequence[Run]) -> Table:
    rows = []
    for (name, members), mine in by(runs, "pools", "system", "members").items():
        rows.append([_NAMES.get(name, name), members, _per_s(mine), _cost(mine)])
    return Table("", ["one queue, 16 clients", "printers", "jobs/s", "CPU ms per job"], rows)


def _dying(runs: Sequence[Run]) -> Table:
    found = by(runs, "dying", "system")
    rows = []
    for (name,), mine in found.items():
        fates = [f"{sum(row[each] for row in mine):,}" for each in ("jobs", *FATES)]
        rows.append([_NAMES.get(name, name), *fates, _per_s(mine), _cost(mine)])
    if rows:
        rows.append([NO_POOLS, "no such queue", *[""] * (len(FATES) + 2)])
    size = next((_SIZES[mine[0]["size"]] for mine in found.values()), "")
    head = [f"one of four printers dies amid {size}", "jobs", *FATES.values(), "jobs/s", "CPU ms per job"]
    return Table("", head, rows)


def _killed(runs: Sequence[Run]) -> Table:
    rows = []
    for (name,), mine in by(runs, "killed", "system").items():
        fates = [f"{sum(row[each] for row in mine):,}" for each in ("jobs", "whole", "lost", "doubled")]
        rows.append(
            [
                _NAMES.get(name, name),
                *fates,
                *(median_of([row[each] for row in mine]) for each in ("accepted_per_s", "start_s")),
            ]
        )
    head = [
        "accepted, then the server was killed",
        "jobs",
        "came out whole",
        "lost",
        "twice",
        "accepted per s",
        "start, s",
    ]
    return Table("", head, rows)


def _commands(runs: Sequence[Run]) -> Table:
    rows = []
    for (name, clients), mine in by(runs, "commands", "system", "clients").items():
        what = "lp" if name != _OURS else "printfabric print"
        keys = ("printed_per_s", "cpu_ms_per_command", "cpu_ms_per_job")
        rows.append(
            [
                f"{what}, {name}" if name != _OURS else what,
                f"{clients}",
                *(median_of([row[key] for row in mine]) for key in keys),
            ]
        )
    return Table(
        "",
        ["1 KiB by a command for each", "at once", "jobs/s", "CPU ms of a command", "of the servers, a job"],
        rows,
    )


def _ends(runs: Sequence[Run]) -> Iterator[str]:
    took = [sum(run["took_s"].values()) / 60 for run in runs]
    parts = ", ".join(f"{part} {took_s} s" for part, took_s in runs[0]["took_s"].items())
    yield f"A run took {', '.join(f'{each:.1f}' for each in took)} minutes; the first: {parts}."
    strays, checked = (sum(run[key] for run in runs) for key in ("strays", "jobs_checked"))
    yield f"{checked:,} jobs of Print Fabric arrived, each once and whole; {strays:,} of peers came out while another was measured."
    for number, run in enumerate(runs, start=1):
        for name, why in run["breaks"].items():
            yield from (f"Run {number}: {name} broke: {' '.join(each.split())[:200]}" for each in why)
        for part, why in run["failed"].items():
            yield from (f"Run {number}: **{part} failed**: {' '.join(each.split())[-300:]}" for each in why)


def main() -> None:
    """Print the tables of a result."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.report", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("result", type=Path, help="build/bench.json")
    print(as_markdown(json.loads(parser.parse_args().result.read_text())["runs"]), end="")


if __name__ == "__main__":
    main()
