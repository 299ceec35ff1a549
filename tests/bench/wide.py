"""Thousands of printers on hundreds of hosts: what they cost a spooler, and how that grows with their number.

The hosts are one process (`tests.bench.many_hosts`), each with an address, and so a connection, of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc.aio

from printfabric.spooler.v1 import port_service_pb2 as port_pb
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from printfabric.types.v1.job_pb2 import JobState
from tests.bench.fabric import begin
from tests.bench.many_hosts import host_name, port_name
from tests.bench.measure import Latencies, rounded
from tests.bench.process import BenchError, Child
from tests.bench.workloads import Form

_PATIENCE_S = 240.0


async def wide(folder: Path, printers: int, ports: int, form: Form) -> dict[str, Any]:
    """Return the figures of a spooler with so many printers, `ports` on each host. Raises BenchError: it lost a job."""
    hosts = printers // ports
    here = folder / f"wide-{printers}-{hosts}"
    here.mkdir()
    arguments = ["--hosts", str(hosts), "--ports", str(ports)]
    many, addresses = await begin("tests.bench.many_hosts", arguments, here)
    try:
        spooler = _Spooler(here, addresses, ports)
        row: dict[str, Any] = {"printers": printers, "hosts": hosts}
        row["first_start_s"] = await spooler.start(printers)
        await spooler.stop()
        try:
            row["start_s"] = await spooler.start(0)
            row["all_hosts_online_s"] = await spooler.hosts_online(hosts)
            await asyncio.sleep(form.idle_s)  # what the last host made necessary is done
            row |= await spooler.looked_at(printers)
            row |= await spooler.idle(form.idle_s)
            row |= await spooler.dispatched(printers, form.latency_samples)
        finally:
            await spooler.stop()
        return row
    finally:
        many.end()


class _Spooler:
    """One spooler of its own, started and asked."""

    def __init__(self, folder: Path, hosts: Sequence[str], ports: int) -> None:
        self._folder = folder
        self._hosts = hosts
        self._ports_each = ports
        self._child: Child | None = None
        self._began = 0.0

    async def start(self, new_printers: int) -> float:
        """Start it; `new_printers` are in its settings, to be added. Return the seconds until a job is accepted."""
        self._settings(new_printers)
        self._began = time.monotonic()
        arguments = ["--config", str(self._folder / "spooler.toml"), "--listen", "127.0.0.1:0"]
        self._child, [address, *_] = await begin("spooler", arguments, self._folder)
        self._channel = grpc.aio.insecure_channel(address, [("grpc.max_receive_message_length", -1)])
        # Stubs of an asyncio channel are typed as synchronous ones by the generated code.
        self._print: Any = PrintServiceStub(self._channel)
        self._printers: Any = PrinterServiceStub(self._channel)
        self._ports: Any = PortServiceStub(self._channel)
        self._watch: Any = WatchServiceStub(self._channel)
        await self._submit(0)
        return self._since()

    async def stop(self) -> None:
        """End it."""
        if self._child is not None:
            await self._channel.close()
            self._child.end(_PATIENCE_S)
            self._child = None

    async def hosts_online(self, hosts: int) -> float:
        """Return the seconds from the start until it has heard of all hosts."""
        while True:
            found = [host async for host in _all(self._ports.ListHosts, port_pb.ListHostsRequest, "hosts")]
            if sum(host.state == port_pb.HOST_STATE_ONLINE for host in found) == hosts:
                return self._since()
            if self._since() > _PATIENCE_S:
                raise BenchError("some hosts never came online")
            await asyncio.sleep(0.2)

    async def looked_at(self, printers: int) -> dict[str, float]:
        """Return how long it takes to list all printers, and to watch everything: until the picture is complete."""
        started = time.monotonic()
        listing = _all(self._printers.ListPrinters, printer_pb.ListPrintersRequest, "printers")
        found = len([one async for one in listing])
        listed = time.monotonic() - started
        if found != printers:
            raise BenchError(f"{found} of {printers} printers are listed")
        started = time.monotonic()
        call = self._watch.Watch(watch_pb.WatchRequest())
        async for news in call:
            if news.snapshot_complete:
                break
        call.cancel()
        return {"list_s": rounded(listed), "watch_s": rounded(time.monotonic() - started)}

    async def idle(self, seconds: float) -> dict[str, float]:
        """Return what it costs while nothing happens."""
        assert self._child is not None
        cpu = self._child.cpu_s()
        await asyncio.sleep(seconds)
        used = self._child.cpu_s() - cpu
        return {"idle_cpu_percent": rounded(100 * used / seconds), "rss_mib": rounded(self._child.rss_mib())}

    async def dispatched(self, printers: int, jobs: int) -> dict[str, float]:
        """Return how long a job takes to a port that was not open before, and what it costs, one after the other.

        Times are the spooler's own, from when it has the job until it has ended. Nobody asks for it: a watch tells, some
        milliseconds later, and its news are part of the cost.
        """
        assert self._child is not None
        call = self._watch.Watch(
            watch_pb.WatchRequest(topics=[watch_pb.WATCH_TOPIC_JOBS], skip_snapshot=True)
        )
        await anext(aiter(call))  # it is watched from here
        times, cpu = Latencies(), self._child.cpu_s()
        for number in range(jobs):
            job = await self._submit((1 + number * 7919) % printers)
            async with asyncio.timeout(_PATIENCE_S):
                job = await _ended(call, job)
            times.add((job.end_time.ToNanoseconds() - job.create_time.ToNanoseconds()) / 1e9)
            if job.state != JobState.JOB_STATE_COMPLETED:
                raise BenchError(f"job {job.number} ended as {job.state}")
        cost = (self._child.cpu_s() - cpu) / jobs
        call.cancel()
        return {"dispatch_p50_ms": times.percentile_ms(50), "dispatch_cpu_ms": rounded(1000 * cost)}

    async def _submit(self, printer: int) -> Any:
        request = pb.SubmitJobRequest(spec=pb.JobSpec(printer=f"q{printer}"), document=b"^XA^XZ")
        return (await self._print.SubmitJob(request)).job

    def _since(self) -> float:
        return rounded(time.monotonic() - self._began)

    def _settings(self, new_printers: int) -> None:
        lines = ['spooler_id = "bench"', f'state_dir = "{self._folder / "spooler"}"']
        for place, address in enumerate(self._hosts):
            lines += ["[[hosts]]", f'name = "{host_name(place)}"', f'address = "{address}"']
        for number in range(new_printers):
            host, place = divmod(number, self._ports_each)
            port = f"{host_name(host)}/{port_name(place)}"
            lines += ["[[printers]]", f'name = "q{number}"', f"ports = {json.dumps([port])}"]
        (self._folder / "spooler.toml").write_text("\n".join(lines) + "\n")


async def _ended(call: Any, job: Any) -> Any:
    """Return a job as it is told that it has ended. What a watch says of others meanwhile is dropped."""
    while not job.HasField("end_time"):
        job = next((one for one in (await anext(aiter(call))).jobs if one.number == job.number), job)
    return job


async def _all(call: Any, request: Callable[..., Any], field: str) -> AsyncIterator[Any]:
    """Yield everything that a paged call lists."""
    token = ""
    while True:
        page = await call(request(page_size=1000, page_token=token))
        for one in getattr(page, field):
            yield one
        token = page.next_page_token
        if not token:
            return
