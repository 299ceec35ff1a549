"""A spooler's dispatcher, conclusions and steering on the real store, without the wall, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from chassis.errors import FabricError
from chassis.tasks import Tasks
from spooler.concluding import Concluding
from spooler.dispatch_view import DispatchSettings
from spooler.dispatcher import Dispatcher
from spooler.hub import Hub
from spooler.job import Job
from spooler.job_state import JobState
from spooler.new_job import Duplicate, Inline, NewJob
from spooler.printer import PortName, Printer
from spooler.printer_steering import PrinterSteering
from spooler.sql.store import SqlStore
from spooler.steering import Steering
from tests.fakes.host import FakeHost, FakeHosts

Seen = TypeVar("Seen")


class Rig:
    """A spooler without its wall."""

    def __init__(
        self, store: SqlStore, hosts: FakeHosts, tasks: Tasks, settings: DispatchSettings | None = None
    ) -> None:
        self.store, self.hosts = store, hosts
        self.dispatcher = Dispatcher(store, hosts, Hub(1), tasks, settings)  # type: ignore[arg-type]
        self.concluding = Concluding(self.dispatcher)
        self.steering = Steering(self.dispatcher)
        self.printers = PrinterSteering(self.dispatcher, self.steering)
        self.tasks = tasks

    async def start(self) -> None:
        await self.dispatcher.start(await self.store.load(), await self.store.next_epoch())
        self.tasks.supervise("concluding", self.concluding.run)

    async def printer(self, name: str, *ports: str, **more: object) -> None:
        names = tuple(PortName("edge", port) for port in ports)
        await self.printers.create_printer(Printer(name, names, **more), "test")  # type: ignore[arg-type]

    async def submit(self, printer: str, data: bytes, **more: object) -> Job:
        [result] = await self.dispatcher.submit([NewJob(printer, Inline(data), **more)])  # type: ignore[arg-type]
        assert not isinstance(result, FabricError), result
        return result.job if isinstance(result, Duplicate) else result

    async def until(self, number: int, *states: JobState) -> Job:
        return await eventually(lambda: self.job(number), lambda job: job.state in states)

    async def job(self, number: int) -> Job:
        return self.dispatcher.live_job(number) or await self.store.get_job(number)


async def eventually(get: Callable[[], Awaitable[Seen]], good: Callable[[Seen], object]) -> Seen:
    deadline = time.monotonic() + 30
    while True:
        value = await get()
        if good(value):
            return value
        assert time.monotonic() < deadline, f"still {value}"
        await asyncio.sleep(0.005)


async def order_at(host: FakeHost, port: str = "P1:") -> list[int]:
    """Return the jobs that a port has begun, in order."""
    return host.ports[port].order


@asynccontextmanager
async def edge(*ports: str) -> AsyncIterator[FakeHost]:
    """Lend a host by hand; what waits there in the end may end."""
    host = FakeHost("edge", *ports)
    yield host
    for port in host.ports.values():
        port.paused.set()
    await asyncio.sleep(0.01)


@asynccontextmanager
async def running(path: Path, host: FakeHost, settings: DispatchSettings | None = None) -> AsyncIterator[Rig]:
    store = await SqlStore.open(path)
    try:
        async with Tasks("test") as tasks:
            rig = Rig(store, FakeHosts(host), tasks, settings)
            await rig.start()
            yield rig
            await rig.dispatcher.drain()
    finally:
        await store.close()
