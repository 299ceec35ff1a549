"""The benchmark still works: its short form measures everything and loses no job. Nothing here asserts a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.cups import Cups
from tests.bench.measure import percentile
from tests.bench.process import BenchError
from tests.bench.receiver import Arrival, Receiver, document

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_short_form_measures_everything_and_every_job_arrives(tmp_path: Path):
    output = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--short", "--output", str(output)],
        cwd=ROOT, capture_output=True, text=True, timeout=110,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
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
    for part in ("latency", "large", "scale"):
        assert result[part][0]["system"] == "fabric"
    assert result["scale"][0]["drained"] == result["scale"][0]["jobs"]
    assert result["jobs_checked"] > sum(row["jobs"] for row in ours)
    assert result["systems"]["CUPS"].get("missing", "") == Cups.why_not()
    assert "Small jobs" in done.stdout


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


def test_percentiles_are_values_that_were_measured():
    assert percentile(list(range(1, 101)), 95) == 95
    assert percentile([5.0], 99) == 5.0


def _adler(data: bytes) -> int:
    import zlib  # noqa: PLC0415

    return zlib.adler32(data)
