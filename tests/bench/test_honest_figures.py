"""What the report says is what was measured: nothing is counted that was not ours, and what is missing is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench import goals, limits, report
from tests.bench.measure import Bench, Latencies
from tests.bench.on_postgres import SQLITE, STREAMS, postgres_with
from tests.bench.one_run import PARTS
from tests.bench.receiver import Receiver
from tests.bench.system import UNARY
from tests.bench.workloads import PERCENTILES


def run_of(parts: list[str], **found: Any) -> dict[str, Any]:
    machine = dict.fromkeys(("cores", "system", "python", "grpcio", "spool_file_system"), "")
    return {
        **dict.fromkeys(PARTS, ()), "parts": parts, "machine": machine, "systems": {}, "limits": {}, "took_s": {},
        "failed": {}, "breaks": {}, "strays": 0, "jobs_checked": 0, **found,
    }  # fmt: skip


async def test_documents_of_the_limits_are_no_jobs_of_ours(tmp_path: Path):
    receiver = Receiver(tmp_path, capacity=10)
    try:
        bench = Bench(receiver)
        assert await limits.tcp_documents(bench, 3) > 0
        assert await limits.tcp_copy(bench, 1 << 20) > 0
        assert (receiver.printed, bench.jobs_checked) == (4, 0)
    finally:
        receiver.close()


def test_a_goal_that_was_asked_for_and_not_measured_is_a_row_and_no_goal_that_is_met():
    row = {"system": "fabric", "samples": 200, "histogram": Latencies().encoded()}
    row |= {f"p{each}_ms": 4.0 for each in PERCENTILES}
    text = report.as_markdown([run_of(["latency", "large"], latency=[row])])

    assert "| 256 MiB end to end, begun when it is whole, MB/s | - |" in text
    assert "1 x LPrint; not measured |" in text
    assert "start with" not in text  # nobody asked for it
    assert "0 of 4 goals met, 0 missed, 4 not measured." in text


def test_percentiles_of_several_runs_are_those_of_all_their_samples():
    def latency(*times_ms: int) -> dict[str, Any]:
        times = Latencies()
        for each in times_ms:
            times.add(each / 1000)
        found = {f"p{each}_ms": times.percentile_ms(each) for each in PERCENTILES}
        return {"system": "CUPS", "samples": times.count, "histogram": times.encoded(), **found}

    few, some = run_of([], latency=[latency(80)]), run_of([], latency=[latency(*range(1, 20))])

    text = report.as_markdown([few, some])

    assert "| CUPS | 10 (10 to 80.1) |" in text
    assert "| 80.1 (19 to 80.1) | 20 |" in text


def test_a_system_of_which_nothing_was_measured_has_lost_neither_nothing_nor_something():
    systems = {"LPRng": {"missing": "not installed"}}

    text = report.as_markdown([run_of(["latency"], systems=systems)])

    assert "| LPRng | not measured: not installed | - | - | 0 | - |" in text


def test_a_store_is_judged_round_by_round_beside_the_other():
    def row(system: str, rate: float, beside: dict[str, float]) -> dict[str, Any]:
        spreads = {name: {"median": value, "min": value, "max": value} for name, value in beside.items()}
        rates = {"median": rate, "min": rate, "max": rate}
        about = {"system": system, "mode": UNARY, "clients": 16, "printed_per_s": rates}
        return {**about, "times_as_fast_as": spreads}

    # By the medians of both it would be 0.9.
    rates = [row(SQLITE, 500, {}), row(postgres_with(1), 450, {SQLITE: 0.78})]
    found = goals.reached([run_of(["postgres"], postgres={"rates": rates})])

    bounds = {each["goal"]: each["goal_bound"] for each in found}
    one = bounds["PostgreSQL, 1 KiB, 50 queues, unary, 16 clients, jobs/s"]
    assert one == {"wanted": "≥ 0.8 x SQLite", "reached": [0.78], "met": False}
    assert bounds[f"PostgreSQL, 1 KiB, 50 queues, {STREAMS}, 6 clients, jobs/s"]["met"] is None
    assert len(bounds) == 4


def test_memory_per_printer_is_told_of_each_process():
    scale = {
        "system": "fabric", "printers": 1025, "start_s": 1.0, "idle_cpu_percent": 0.5,
        "rss_1_printer_mib": {"portmon": 60.0, "portui": 60.0, "spooler": 70.0},
        "rss_printers_mib": {"portmon": 72.0, "portui": 67.0, "spooler": 78.0},
        "accepting_cpu_ms_before_jobs": 1.0, "accepting_cpu_ms_behind_jobs": 1.0,
    }  # fmt: skip
    found = {each["goal"]: each for each in goals.reached([run_of(["scale", "wide"], scale=[scale])])}

    assert found["memory per printer, port monitor, KiB"]["ours"] == [12.0]
    assert found["memory per printer, console, KiB"]["ours"] == [7.0]
    assert found["memory per printer, spooler, hosts apart, KiB"]["goal_bound"]["met"] is None
