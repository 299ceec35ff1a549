"""A hundred thousand waiting jobs, and a million finished ones: what they cost a spooler that keeps them."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import finished_jobs
from tests.bench.fabric import Fabric
from tests.bench.measure import SETTLE_S, Bench, Latencies, rounded, rss_of
from tests.bench.system import UNARY
from tests.bench.workloads import IDLE_S, Form

_OTHER_PRINTER = 1  # the jobs wait at q0
_FEW = 1_000


async def waiting(bench: Bench, folder: Path, form: Form) -> dict[str, Any]:
    """Return what so many jobs cost that wait at one printer, and how soon another prints meanwhile."""
    fabric = Fabric(folder / "backlog", bench.receiver.devices, 2)
    try:
        await fabric.start()
        await fabric.hold(True)
        empty = rss_of(fabric)["spooler"]
        started = time.monotonic()
        await fabric.send("stream 32", 1, 1, bench.numbers(form.backlog_jobs), 1024)
        taken = time.monotonic() - started
        await asyncio.sleep(SETTLE_S)
        row = {"jobs": form.backlog_jobs, "accepted_per_s": rounded(form.backlog_jobs / taken)}
        row |= {"rss_empty_mib": empty, "rss_mib": rss_of(fabric)["spooler"]}
        row |= await _beside(bench, fabric, form)
        await fabric.stop_server()
        started = time.monotonic()
        await fabric.start()
        await fabric.send(UNARY, 1, 1, bench.numbers(1), 1024)
        row["restart_s"] = rounded(time.monotonic() - started)
        await asyncio.sleep(SETTLE_S)
        row["rss_restarted_mib"] = rss_of(fabric)["spooler"]
        return row
    finally:
        await fabric.close()


async def _beside(bench: Bench, fabric: Fabric, form: Form) -> dict[str, float]:
    """Return the time from submission to first byte at a printer where nothing waits."""
    times = Latencies()
    for sample in range(-10, form.latency_samples // 2):
        numbers, begin = bench.numbers(2)[_OTHER_PRINTER:], bench.receiver.printed
        started_ns = time.monotonic_ns()
        await fabric.submit(f"q{_OTHER_PRINTER}", numbers[0], 1024)
        [arrival] = await bench.arrived(begin, numbers, 1024)
        if sample >= 0:
            times.add((arrival.first_ns - started_ns) / 1e9)
        await asyncio.sleep(IDLE_S)
    return {"other_printer_p50_ms": times.percentile_ms(50), "other_printer_p99_ms": times.percentile_ms(99)}


async def finished(folder: Path, form: Form) -> list[dict[str, Any]]:
    """Return the milliseconds of the store's calls with a thousand finished jobs, and with many."""
    rows = []
    for jobs in (_FEW, form.finished_jobs):
        with tempfile.TemporaryDirectory(dir=folder) as here:
            await finished_jobs.fill(Path(here), jobs)
            found = await finished_jobs.measure(Path(here))
        rows.append({"jobs": jobs, **{f"{call}, ms": rounded(ms) for call, ms in found.items()}})
    return rows
