"""A hundred thousand waiting jobs, and a million finished ones: what they cost a spooler that keeps them."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from tests.bench import finished_jobs
from tests.bench.fabric import Fabric
from tests.bench.measure import SETTLE_S, Bench, Latencies, rounded, rss_of
from tests.bench.process import BenchError
from tests.bench.system import UNARY
from tests.bench.workloads import IDLE_S, Form

_OTHER_PRINTER = "q1"  # the jobs wait at q0
_FEW = 1_000


async def waiting(bench: Bench, folder: Path, form: Form) -> list[dict[str, Any]]:
    """Return what a tenth of the jobs costs, and what all do, that wait at one printer; and how soon another prints meanwhile."""
    return [
        await _waiting(bench, folder / f"backlog-{jobs}", form, jobs)
        for jobs in (form.backlog_jobs // 10, form.backlog_jobs)
    ]


async def _waiting(bench: Bench, folder: Path, form: Form, jobs: int) -> dict[str, Any]:
    fabric = Fabric(folder, bench.receiver.devices, 2)
    try:
        await fabric.start()
        await fabric.stop_server()
        await fabric.start()  # a first start makes the database, and keeps the memory of that
        await fabric.hold(True)
        empty = rss_of(fabric)["spooler"]
        started = time.monotonic()
        numbers = list(bench.numbers(jobs))
        await fabric.send("stream 32", 1, 1, numbers, 1024)
        taken = time.monotonic() - started
        await asyncio.sleep(SETTLE_S)
        row = {"jobs": jobs, "accepted_per_s": rounded(jobs / taken)}
        row |= {"rss_empty_mib": empty, "rss_mib": rss_of(fabric)["spooler"]}
        row |= await _beside(bench, fabric, form)
        row |= await _looked_at(fabric, jobs)
        await fabric.stop_server()
        started = time.monotonic()
        await fabric.start()
        numbers += (last := bench.numbers(1))
        await fabric.send(UNARY, 1, 1, last, 1024)
        row["restart_s"] = rounded(time.monotonic() - started)
        await asyncio.sleep(SETTLE_S)
        row["rss_restarted_mib"] = rss_of(fabric)["spooler"]
        return row | await _drained(bench, fabric, numbers)
    finally:
        await fabric.close()


async def _beside(bench: Bench, fabric: Fabric, form: Form) -> dict[str, float]:
    """Return the time from submission to first byte at a printer where nothing waits."""
    times = await first_bytes(bench, fabric, _OTHER_PRINTER, form.latency_samples // 2)
    return {"other_printer_p50_ms": times.percentile_ms(50), "other_printer_p99_ms": times.percentile_ms(99)}


async def first_bytes(bench: Bench, fabric: Fabric, printer: str, samples: int) -> Latencies:
    """Return the times from submission to first byte at a printer that is idle in between."""
    times = Latencies()
    for sample in range(-10, samples):
        numbers, begin = bench.numbers(1), bench.receiver.printed
        started_ns = time.monotonic_ns()
        await fabric.submit(printer, numbers[0], 1024)
        [arrival] = await bench.arrived(begin, numbers, 1024)
        if sample >= 0:
            times.add((arrival.first_ns - started_ns) / 1e9)
        await asyncio.sleep(IDLE_S)
    return times


async def _looked_at(fabric: Fabric, jobs: int) -> dict[str, float]:
    """Return how long it takes to list all jobs, and to watch them until the picture is complete, and who waits for that.

    Raises:
        BenchError: some are not there.
    """
    asked: Any = PrintServiceStub(fabric.channel)
    watched: Any = WatchServiceStub(fabric.channel)
    with Waiting(asked) as waiting:
        started = time.monotonic()
        found = await fabric.listed() or 0
        listed = time.monotonic() - started
    seen, started = 0, time.monotonic()
    with Waiting(asked) as beside:
        call = watched.Watch(watch_pb.WatchRequest(topics=[watch_pb.WATCH_TOPIC_JOBS]))
        async for news in call:
            seen += len(news.jobs)
            if news.snapshot_complete:
                break
        call.cancel()
        pictured = time.monotonic() - started
    if min(found, seen) < jobs:
        raise BenchError(f"{found} of {jobs} waiting jobs are listed, {seen} are in the picture")
    return {
        "list_s": rounded(listed),
        "list_others_wait_ms": waiting.most_ms,
        "watch_s": rounded(pictured),
        "watch_others_wait_ms": beside.most_ms,
    }


class Waiting:
    """Asks for the first job again and again meanwhile: how long did an answer take at most?"""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self._most_s = 0.0

    @property
    def most_ms(self) -> float:
        """The longest, in milliseconds; it includes what this process does meanwhile."""
        return rounded(1000 * self._most_s)

    async def _ask(self) -> None:
        while True:
            started = time.monotonic()
            await self._stub.ListJobs(pb.ListJobsRequest(page_size=1))
            self._most_s = max(self._most_s, time.monotonic() - started)
            await asyncio.sleep(IDLE_S / 10)

    def __enter__(self) -> Self:
        self._task = asyncio.ensure_future(self._ask())
        return self

    def __exit__(self, *_: object) -> None:
        self._task.cancel()


async def _drained(bench: Bench, fabric: Fabric, numbers: Sequence[int]) -> dict[str, float]:
    """Return how fast all of them come out. Raises BenchError: one was lost."""
    begin, started_ns = bench.receiver.printed, time.monotonic_ns()
    await fabric.hold(False)
    arrivals = await bench.arrived(begin, numbers, 1024)
    taken = (max(each.end_ns for each in arrivals) - started_ns) / 1e9
    return {"drained": len(arrivals), "drained_per_s": rounded(len(arrivals) / taken)}


async def finished(folder: Path, form: Form) -> list[dict[str, Any]]:
    """Return the milliseconds of the store's calls with a thousand finished jobs, and with many."""
    rows = []
    for jobs in (_FEW, form.finished_jobs):
        with tempfile.TemporaryDirectory(dir=folder) as here:
            await finished_jobs.fill(Path(here), jobs)
            found = await finished_jobs.measure(Path(here))
        rows.append({"jobs": jobs, **{f"{call}, ms": rounded(ms) for call, ms in found.items()}})
    return rows
