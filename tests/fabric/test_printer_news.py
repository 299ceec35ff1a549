"""Watchers of printers hear of queue and state: soon, and at most once a second for each printer."""

import asyncio
import time

import pytest

from printfabric.spooler.v1 import port_service_pb2
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as pb
from tests.fabric.spooler_rig import spooler_running

PRINTERS = pb.WatchRequest(topics=[pb.WATCH_TOPIC_PRINTERS], skip_snapshot=True)
STOPPED, PROCESSING, IDLE = (
    printer_pb.PRINTER_STATE_STOPPED,
    printer_pb.PRINTER_STATE_PROCESSING,
    printer_pb.PRINTER_STATE_IDLE,
)


class Heard:
    """What a watcher of printers is told."""

    def __init__(self, rig) -> None:
        self._call = rig.watch.Watch(PRINTERS)
        self.told: list[printer_pb.Printer] = []
        self._more = asyncio.Event()

    async def listen(self) -> None:
        async for message in self._call:
            self.told += message.printers
            self._more.set()

    async def begun(self) -> None:
        await self._more.wait()

    async def until(self, good, after: int = 0) -> printer_pb.Printer:
        """Return the first that is good, of those told after the first `after`."""
        seen = after
        async with asyncio.timeout(30):
            while True:
                for printer in self.told[seen:]:
                    if good(printer):
                        return printer
                seen = len(self.told)
                self._more.clear()
                await self._more.wait()

    async def during(self, seconds: float) -> list[printer_pb.Printer]:
        begun = len(self.told)
        await asyncio.sleep(seconds)
        return self.told[begun:]


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer("labels", "P1:")
        await rig.add_printer("other", "P2:")
        yield rig


@pytest.fixture
async def heard(rig):
    heard = Heard(rig)
    listening = asyncio.create_task(heard.listen())
    await heard.begun()
    yield heard
    listening.cancel()
    await asyncio.wait([listening])


async def test_a_queue_that_fills_prints_and_empties_is_told_of_with_its_length(rig, heard):
    rig.host.ports["P1:"].paused.clear()
    for _ in range(2):
        await rig.submit()
    printing = await heard.until(lambda told: (told.state, told.queued_jobs) == (PROCESSING, 2))
    assert printing.name == "printers/labels"
    rig.host.ports["P1:"].paused.set()
    done = await heard.until(lambda printer: printer.state == IDLE)
    assert (done.name, done.queued_jobs) == ("printers/labels", 0)
    assert {printer.name for printer in heard.told} == {"printers/labels"}


async def test_a_port_that_is_paused_and_a_host_that_goes_stop_its_printers_and_nobody_elses(rig, heard):
    await rig.ports.PausePort(port_service_pb2.PausePortRequest(name="edge/P1:"))
    await rig.submit()
    stopped = await heard.until(lambda printer: printer.state == STOPPED)
    assert (stopped.name, stopped.queued_jobs) == ("printers/labels", 1)
    assert {printer.name for printer in heard.told} == {"printers/labels"}
    before = len(heard.told)
    rig.hosts.set_state("edge", "silent")
    gone = await heard.until(lambda told: "offline-report" in told.state_reasons, after=before)
    assert gone.name == "printers/other"
    await heard.until(lambda told: told.name == "printers/labels", after=before)


async def test_a_job_that_moves_is_missing_in_the_queue_that_it_left(rig, heard):
    job = (await rig.submit(hold=True)).job
    await heard.until(lambda printer: printer.queued_jobs == 1)
    await rig.print.MoveJob(print_pb.MoveJobRequest(name=job.name, printer="other"))
    for name, length in (("printers/labels", 0), ("printers/other", 1)):
        await heard.until(lambda told, it=(name, length): (told.name, told.queued_jobs) == it)


async def test_a_busy_printer_is_told_of_once_a_second_and_an_idle_one_not_at_all(rig, heard):
    began = time.monotonic()
    rig.host.ports["P1:"].paused.clear()
    while time.monotonic() < began + 2.2:
        await rig.submit()
        await asyncio.sleep(0.02)  # a hundred in all, which any machine prints soon
    rig.host.ports["P1:"].paused.set()
    while await heard.during(1.5) or heard.told[-1].queued_jobs:  # until all is printed and told
        pass
    # Counted, not timed: what a busy machine brings late comes sooner before the next.
    assert 2 <= len(heard.told) <= time.monotonic() - began + 2
    assert heard.told[-1].queued_jobs == 0
    assert await heard.during(1.2) == []
    assert rig.services.printer_news.waiting == 0
