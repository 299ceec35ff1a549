"""Single figures out of one run's result: None where they were not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.bench.system import UNARY

Run = Mapping[str, Any]
Figure = Callable[[Run], float | None]
WHOLE, EARLY = "when it is whole", "while it comes in"
_KIB = 1024


def _row(rows: Iterable[Mapping[str, Any]], **wanted: Any) -> Mapping[str, Any] | None:
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def rate(system: str, size: int, printers: int, mode: str) -> Figure:
    """Return small jobs per second: of ours in that mode, unary by 16 clients; of a peer beside a stream its best."""

    def figure(run: Run) -> float | None:
        clients = (1,) if mode != UNARY and system == "fabric" else (1, 16) if mode != UNARY else (16,)
        own_mode = mode if system == "fabric" else UNARY
        found = [
            row["printed_per_s"]["median"]
            for row in run["rates"]
            if (row["system"], row["size"], row["printers"], row["mode"])
            == (system, size, printers, own_mode)
            and row["clients"] in clients
        ]
        return max(found, default=None)

    return figure


def first_byte(system: str, percentile: str) -> Figure:
    """Return milliseconds from submission to the first byte."""

    def figure(run: Run) -> float | None:
        row = _row(run["latency"], system=system)
        return row[f"{percentile}_ms"] if row else None

    return figure


def large(system: str, what: str, begins: str = WHOLE) -> Figure:
    """Return a figure of the large document."""

    def figure(run: Run) -> float | None:
        row = _row(run["large"], system=system, begins=begins)
        return row[what]["median"] if row else None

    return figure


def pool(system: str, members: str) -> Figure:
    """Return jobs per second of a queue of several printers."""

    def figure(run: Run) -> float | None:
        row = _row(run["pools"], system=system, members=members)
        return row["printed_per_s"]["median"] if row else None

    return figure


def scale(system: str, what: str) -> Figure:
    """Return a figure with 1,000 printers."""

    def figure(run: Run) -> float | None:
        row = _row(run["scale"], system=system)
        return row[what] if row else None

    return figure


def behind_waiting(system: str) -> Figure:
    """Return how many times the CPU a job takes that is accepted behind many waiting ones, beside the first."""

    def figure(run: Run) -> float | None:
        row = _row(run["scale"], system=system)
        if row is None or not row["accepting_cpu_ms_before_jobs"]:
            return None
        return float(row["accepting_cpu_ms_behind_jobs"] / row["accepting_cpu_ms_before_jobs"])

    return figure


def wide_start(printers: int) -> Figure:
    """Return the seconds of a start with so many printers, ten on a host."""

    def figure(run: Run) -> float | None:
        row = _row(run["wide"], printers=printers, hosts=printers // 10)
        return row["start_s"] if row else None

    return figure


def idle_memory(process: str) -> Figure:
    """Return the MiB of an idle process with one printer."""

    def figure(run: Run) -> float | None:
        row = _row(run["scale"], system="fabric")
        return row["rss_1_printer_mib"].get(process) if row else None

    return figure


def per_thousandth_printer(process: str) -> Figure:
    """Return KiB per printer of a process, each port on the same host, before anything was printed."""

    def figure(run: Run) -> float | None:
        row = _row(run["scale"], system="fabric")
        if row is None or process not in row["rss_printers_mib"]:
            return None
        more = row["rss_printers_mib"][process] - row["rss_1_printer_mib"][process]
        return float(more / (row["printers"] - 1) * _KIB)

    return figure


def per_printer(run: Run) -> float | None:
    """Return KiB per printer with its port, hosts taken out: three sizes give what a printer and what a host takes."""
    if len(run["wide"]) != 3:
        return None
    small, few_hosts, many_hosts = run["wide"]
    hosts = many_hosts["hosts"] - few_hosts["hosts"]
    each_host = (many_hosts["rss_mib"] - few_hosts["rss_mib"]) / hosts if hosts else 0.0
    rest = many_hosts["rss_mib"] - small["rss_mib"] - each_host * (many_hosts["hosts"] - small["hosts"])
    return float(rest / (many_hosts["printers"] - small["printers"]) * _KIB)


def per_waiting_job(when: str) -> Figure:
    """Return KiB per waiting job in the spooler that accepted a hundred thousand, or was started with them."""

    def figure(run: Run) -> float | None:
        if not run["backlog"]:
            return None
        row = run["backlog"][-1]
        return float((row[when] - row["rss_empty_mib"]) / row["jobs"] * _KIB)

    return figure


def stored_beside(system: str, other: str, mode: str, clients: int) -> Figure:
    """Return how many times as fast as another such system it is: the median of rounds, each beside the other's."""

    def figure(run: Run) -> float | None:
        rows = run["postgres"]["rates"] if run["postgres"] and "rates" in run["postgres"] else ()
        row = _row(rows, system=system, mode=mode, clients=clients)
        return row["times_as_fast_as"][other]["median"] if row and other in row["times_as_fast_as"] else None

    return figure


def stored(system: str, mode: str, clients: int) -> Figure:
    """Return jobs per second of a system of the part about PostgreSQL."""

    def figure(run: Run) -> float | None:
        rows = run["postgres"]["rates"] if run["postgres"] and "rates" in run["postgres"] else ()
        row = _row(rows, system=system, mode=mode, clients=clients)
        return row["printed_per_s"]["median"] if row else None

    return figure
