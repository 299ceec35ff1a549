"""The benchmark still works: its short form measures everything and loses no job. Nothing here asserts a time."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import front_ends, goals, on_postgres
from tests.bench.cups import Cups, SyncedCups
from tests.bench.lprng import LPRng
from tests.bench.measure import Bench, Latencies, loop_factory
from tests.bench.one_run import PARTS
from tests.bench.p910nd import P910nd
from tests.bench.process import BenchError
from tests.bench.receiver import Arrival, Receiver, document
from tests.bench.scale import PARTS as SCALE_PARTS
from tests.bench.scale import SAMPLES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_short_form_measures_everything_and_every_job_arrives(tmp_path: Path):
    output = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--short", "--output", str(output)],
        cwd=ROOT, capture_output=True, text=True, timeout=590,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    written = json.loads(output.read_text())
    [result] = written["runs"]
    ours = [row for row in result["rates"] if row["system"] == "fabric"]
    assert {(row["size"], row["printers"], row["mode"], row["clients"]) for row in ours} == {
        (size, printers, mode, clients)
        for size in (1024, 65536)
        for printers in (1, 50)
        for mode, clients in (("unary", 1), ("unary", 16), ("stream 1", 1), ("stream 32", 1))
    }
    for row in ours:
        assert row["printed_per_s"]["min"] > 0
        assert set(row["cpu_ms_per_job"]) == {"portmon", "spooler"}
        assert set(row["others_cpu_ms_per_job"]) == {"client", "receiver"}
    assert result["jobs_checked"] > sum(row["jobs"] for row in ours)
    assert result["failed"] == {}
    _each_part_has_figures(result)
    _others_are_measured_where_they_are_installed(result["systems"])
    assert "Small jobs" in done.stdout
    assert output.with_suffix(".md").read_text() in done.stdout
    assert len(written["goals"]) > 15


def _each_part_has_figures(result: dict[str, Any]) -> None:
    assert set(result["took_s"]) == {"limits", *PARTS}
    for part in ("latency", "large", "pools", "scale"):
        assert result[part][0]["system"] == "fabric"
    for row in result["large"]:
        if row["system"] == "fabric":  # a document passes through; nobody keeps it
            for name, most in row["peak_mib"].items():
                assert most - row["peak_eighth_mib"][name] < row["mib"] / 3, (row["begins"], name)
    [dying, *others] = result["dying"]
    assert dying["deaths"] == dying["held"] == 1
    assert (dying["system"], dying["whole"]) == ("fabric", dying["jobs"] - 1)
    assert [row["system"] for row in others] == ([] if Cups.why_not() else ["CUPS"])
    [ours, *_] = result["killed"]
    assert (ours["system"], ours["whole"], ours["lost"], ours["doubled"]) == ("fabric", ours["jobs"], 0, 0)
    assert {row["clients"] for row in result["commands"] if row["system"] == "fabric"} == {1, 16}
    assert [row["jobs"] for row in result["backlog"]] == [100, 1000]
    few, many = result["remembered"]
    assert (few["jobs"], many["jobs"]) == (1000, 2000)
    assert few.keys() == many.keys() >= {"start_s", "rss_mib", "watch_ms", "dispatch_p99_ms"}
    [scale, *_] = result["scale"]
    assert scale["listed"] >= scale["jobs"]
    assert scale["each_prints_once_per_s"] > 0
    assert scale["drained"] == scale["jobs"] + SAMPLES * (scale["jobs"] // SCALE_PARTS) + 200
    assert set(scale["rss_1_printer_mib"]) == {"portmon", "spooler", "portui"}
    assert [row["printers"] for row in result["wide"]] == [20, 100, 100]
    if not (missing := on_postgres.why_not()):
        assert {row["system"] for row in result["postgres"]["rates"]} == {"SQLite", "PostgreSQL, 2 spoolers"}
        costs = result["postgres"]["rates"][-1]["cpu_ms_per_job"]
        assert set(costs) == {"portmon", "spooler 1", "spooler 2", "postgres"}
    assert result["postgres"].get("missing", "") == missing


def _others_are_measured_where_they_are_installed(systems: dict[str, Any]) -> None:
    for peer in (Cups, SyncedCups, LPRng, P910nd):
        assert systems[peer.name].get("missing", "") == peer.why_not()
    if shutil.which("lprint") is None:
        assert "not installed" in systems["LPrint"]["missing"]
    elif os.geteuid() == 0:
        assert systems["LPrint"].keys() == {"durability", "rss_mib"}
    assert set(systems["fabric"]["rss_mib"]) == {"portmon", "spooler"}


def test_a_lost_a_doubled_and_a_damaged_job_are_found(tmp_path: Path):
    receiver = Receiver(tmp_path, capacity=10)
    try:
        good = [Arrival(n, 1024, 1, 2, _adler(document(n, 1024))) for n in (1, 2, 3)]
        receiver.check(good, (1, 2, 3), 1024)

        for wrong in (good[:2], [*good, good[0]], [*good[:2], good[2]._replace(adler=7)]):
            with pytest.raises(BenchError):
                receiver.check(wrong, (1, 2, 3), 1024)
    finally:
        receiver.close()


def test_of_a_system_that_is_not_exact_all_that_came_is_counted(tmp_path: Path):
    receiver = Receiver(tmp_path, capacity=10)
    try:
        bench = Bench(receiver)
        for number in (1, 3):
            _print(receiver, number)
        _print(receiver, 3)
        assert [each.number for each in asyncio.run(bench.came(0, (1, 2, 3), 1024))] == [1, 3, 3]
    finally:
        receiver.close()


def test_a_goal_is_judged_by_the_median_of_ratios_that_were_each_made_within_a_run():
    def run(ours: float, cups: float) -> dict[str, Any]:
        figures = {
            name: {"median": value, "min": value, "max": value}
            for name, value in (("us", ours), ("cups", cups))
        }
        row = {"size": 1024, "printers": 1, "mode": "unary", "clients": 16}
        rates = [
            {**row, "system": "fabric", "printed_per_s": figures["us"]},
            {**row, "system": "CUPS", "printed_per_s": figures["cups"]},
        ]
        return {"rates": rates, **dict.fromkeys(set(PARTS) - {"rates"}, ())}

    # The ratios are 20, 9 and 11; that of all medians would be 9.
    [row] = [
        each
        for each in goals.reached([run(2000, 100), run(900, 100), run(550, 50)])
        if "unary" in each["goal"]
    ]

    assert row["ours"] == [2000, 900, 550]
    assert row["goal_bound"] == {"wanted": "≥ 10 x CUPS", "reached": [20, 9, 11], "met": True}
    assert row["moonshot_bound"]["met"] is None  # LPrint was not measured


def test_percentiles_are_true_to_three_digits():
    times = Latencies()
    for thousandth in range(1, 1001):
        times.add(thousandth / 1000)
    assert [times.percentile_ms(each) for each in (50, 99, 100)] == pytest.approx([500, 990, 1000], rel=2e-3)


def test_who_waits_for_documents_leaves_the_cores_to_those_who_are_measured(tmp_path: Path):
    receiver = Receiver(tmp_path, capacity=10)
    looks = 0

    def never() -> bool:
        nonlocal looks
        looks += 1
        return False

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(receiver.until(never, patience_s=0.2))
    finally:
        receiver.close()
    assert looks <= 0.2 / 0.005 + 2, "this loop takes a core"


def _print(receiver: Receiver, number: int) -> None:
    before = receiver.printed
    with socket.create_connection(("127.0.0.1", receiver.port)) as printer:
        printer.sendall(document(number, 1024))
    asyncio.run(receiver.wait(before, 1))


def _adler(data: bytes) -> int:
    import zlib  # noqa: PLC0415

    return zlib.adler32(data)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_front_ends_hand_on_every_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(front_ends, "DOCUMENTS", 64)
    monkeypatch.setattr(front_ends, "PRINTERS", 2)
    await front_ends.measure(tmp_path, rounds=1)
    assert [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()[2:]] == [
        "| the spooler",
        "| one front end",
        "| two front ends",
    ]
