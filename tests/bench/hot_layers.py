"""What lies around the cores: calls over gRPC as clients make them, what they list, TCP ports, the whole way of a document."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from chassis.client import Channels
from portmon.document import Evidence
from portmon.monitor import MonitorInit
from portmon.monitors.raw import RawMonitor, RawSettings
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from spooler.port import DocumentKey, OpenPort, Progress, StagedDocument, StagedPart
from spooler.printer import STRAIGHT, Way
from spooler.remote_port import RemoteHost
from tests.bench.hot_paths import LABEL, Ended, HotPath, Step, at_a_port
from tests.contract.monitor_host import served_host
from tests.contract.network_rigs import RawRig
from tests.fabric.spooler_rig import SpoolerRig, spooler_running
from tests.fakes.host import FakeHost

_MIB = 1 << 20
LARGE_MIB = 8
_PIECE = 256 * 1024
_BATCH = 32
_MANY = 100
Calling = Callable[
    [SpoolerRig, str], Awaitable[object]
]  # what a step asks of a spooler, and under which new name


class _ReachedHost(FakeHost):
    """A host behind gRPC where the rig expects one by hand."""

    def __init__(self, name: str, link: RemoteHost, *ports: str) -> None:
        super().__init__(name, *ports)
        self._link = link

    async def open_port(self, port: str, fence: int, printer: str, way: Way = STRAIGHT) -> OpenPort:
        return await self._link.open_port(port, fence, printer, way)

    async def query(self, port: str, keys: Sequence[DocumentKey]) -> Sequence[Progress]:
        return await self._link.query(port, keys)

    async def settle(self, port: str, keys: Sequence[DocumentKey]) -> None:
        await self._link.settle(port, keys)

    async def stage(
        self, port: str, document: StagedDocument, parts: AsyncIterator[StagedPart]
    ) -> tuple[int, bool]:
        return await self._link.stage(port, document, parts)


async def _clock() -> int:
    return int(time.time() * 1000)


@asynccontextmanager
async def _whole(folder: Path) -> AsyncIterator[tuple[SpoolerRig, Ended]]:
    """Lend a spooler whose printer is a TCP printer at a port monitor behind gRPC."""
    for each in ("host", "spooler"):
        (folder / each).mkdir()
    async with served_host(folder / "host", greeted=False, name="edge") as host, Channels() as channels:
        link = RemoteHost("edge", host.address, channels.get(host.address), ("fabric", "bench"), 30.0, _clock)
        async with spooler_running(folder / "spooler", _ReachedHost("edge", link, "IP_1")) as rig:
            await rig.add_printer("labels", "IP_1")
            yield rig, Ended(rig.dispatcher.hub)


@asynccontextmanager
async def whole(folder: Path, *, size: int) -> AsyncIterator[Step]:
    """Lend: a document goes from a client's call over spooler and port monitor to a TCP printer, and its outcome back."""
    async with _whole(folder) as (rig, ended):
        names = count()

        async def step() -> None:
            request = f"bench {next(names)}"
            answer = await (upload(rig, request, size) if size > _MIB else submit(rig, request))
            await ended.wait(answer.job.number)

        yield step


@asynccontextmanager
async def whole_batch(folder: Path, *, jobs: int) -> AsyncIterator[Step]:
    """Lend: so many labels come in one message of a stream and go the whole way, all outcomes back."""
    async with _whole(folder) as (rig, ended):
        names = count()

        async def step() -> None:
            for number in await batch(rig, f"bench {next(names)}", jobs):
                await ended.wait(number)

        yield step


async def submit(rig: SpoolerRig, request_id: str) -> Any:
    """Submit a label by a call."""
    return await rig.submit(LABEL, request_id)


async def upload(rig: SpoolerRig, request_id: str, size: int) -> Any:
    """Upload a document in pieces."""
    call, piece = rig.print.UploadJob(), bytes(_PIECE)
    spec = pb.JobSpec(printer="printers/labels")
    begin = pb.UploadBegin(request_id=request_id, spec=spec, size_bytes=size)
    await call.write(pb.UploadJobRequest(begin=begin))
    for offset in range(0, size, _PIECE):
        await call.write(pb.UploadJobRequest(offset=offset, data=piece))
    await call.write(pb.UploadJobRequest(finish=pb.UploadFinish(size_bytes=size)))
    await call.done_writing()
    return await call


@asynccontextmanager
async def at_a_spooler(
    folder: Path, *, call: Calling, waiting: int = 0, printers: int = 0
) -> AsyncIterator[Step]:
    """Lend: a call is made at a spooler whose printer is paused, with jobs that wait there, and other printers."""
    async with spooler_running(folder) as rig:
        await rig.add_printer("labels", "P1:")
        await asyncio.gather(*(rig.add_printer(f"printer {number}", "P2:") for number in range(printers)))
        await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="printers/labels"))
        if waiting:
            await batch(rig, "waiting", waiting)
        names = count()

        async def step() -> None:
            await call(rig, f"bench {next(names)}")

        yield step


async def batch(rig: SpoolerRig, name: str, jobs_in_it: int = _BATCH) -> Sequence[int]:
    """Submit documents on a stream, in one message; return the numbers of their jobs."""
    jobs = [
        pb.SubmitJobRequest(request_id=f"{name} {place}", spec=pb.JobSpec(printer="labels"), document=LABEL)
        for place in range(jobs_in_it)
    ]
    call = rig.print.SubmitJobs()
    await call.write(pb.SubmitJobsRequest(jobs=jobs))
    await call.done_writing()
    results = [result for answer in [one async for one in call] for result in answer.results]
    assert len(results) == jobs_in_it
    assert all(result.job for result in results)
    return [int(result.job.removeprefix("jobs/")) for result in results]


async def uploaded(rig: SpoolerRig, name: str) -> None:
    """Upload a large document."""
    assert (await upload(rig, name, LARGE_MIB * _MIB)).persisted_bytes == LARGE_MIB * _MIB


async def explained(rig: SpoolerRig, _name: str) -> None:
    """Ask why a job waits."""
    assert (await rig.watch.Explain(watch_pb.ExplainRequest(name="jobs/7"))).headline


async def jobs_listed(rig: SpoolerRig, _name: str) -> None:
    """List a page of jobs."""
    assert len((await rig.print.ListJobs(pb.ListJobsRequest(page_size=_MANY))).jobs) == _MANY


async def printers_listed(rig: SpoolerRig, _name: str) -> None:
    """List a page of printers."""
    page = await rig.printers.ListPrinters(printer_pb.ListPrintersRequest(page_size=_MANY))
    assert len(page.printers) == _MANY


async def watched(rig: SpoolerRig, _name: str) -> None:
    """Watch everything until the picture is complete."""
    call, jobs, printers = rig.watch.Watch(watch_pb.WatchRequest()), 0, 0
    async for news in call:
        jobs, printers = jobs + len(news.jobs), printers + len(news.printers)
        if news.snapshot_complete:
            break
    call.cancel()
    assert (jobs, printers) == (_MANY, _MANY + 1)


@asynccontextmanager
async def tcp(folder: Path) -> AsyncIterator[Step]:
    """Lend: a port connects to a printer, sends it a small document, proves that it has it, and closes."""
    rig = RawRig(folder)
    monitor, settings = RawMonitor(MonitorInit("edge", folder / "files")), RawSettings(**rig.settings())
    try:
        async with at_a_port(folder, "IP_1", monitor, settings, Evidence.TCP_CLOSE) as step:
            yield step
    finally:
        rig.stop()


LAYERS = {
    "port monitor: a small document over TCP: connected, proven, closed": HotPath(tcp, steps=5, rounds=8),
    "the whole way: a label, from a client's call to a TCP printer and its outcome": HotPath(
        partial(whole, size=len(LABEL)), steps=5, rounds=8
    ),
    "the whole way: a document of 8 MiB, each MiB": HotPath(
        partial(whole, size=LARGE_MIB * _MIB), rounds=12, units=LARGE_MIB, apart=0.05
    ),
    "call: SubmitJob": HotPath(partial(at_a_spooler, call=submit), steps=5, rounds=8),
    "call: SubmitJobs, a message of 32 jobs": HotPath(partial(at_a_spooler, call=batch), rounds=5),
    "call: UploadJob, 8 MiB, each MiB": HotPath(
        partial(at_a_spooler, call=uploaded), rounds=12, units=LARGE_MIB, apart=0.05
    ),
    "call: Explain, a job that waits": HotPath(partial(at_a_spooler, call=explained, waiting=10), rounds=5),
    "call: ListJobs, a page of 100": HotPath(
        partial(at_a_spooler, call=jobs_listed, waiting=_MANY), rounds=3
    ),
    "call: ListPrinters, a page of 100": HotPath(
        partial(at_a_spooler, call=printers_listed, printers=_MANY), rounds=3
    ),
    "call: Watch, the whole picture of 100 jobs and 100 printers": HotPath(
        partial(at_a_spooler, call=watched, waiting=_MANY, printers=_MANY), rounds=3
    ),
}
