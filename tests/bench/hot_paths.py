"""The paths that run for every job, alone: each lends a step that does one thing once, without gRPC and without a device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, DocKey, Evidence, Phase, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit, PortMonitor, PortSettings
from portmon.monitors.file import FileMonitor, FileSettings
from portmon.session import PortSession
from printfabric.spooler.v1 import watch_service_pb2 as pb
from spooler.api.inside import Inside
from spooler.api.looking import Looking
from spooler.api.watch_stream import WatchStream
from spooler.hub import Change, Hub
from spooler.job import Job
from spooler.units.choose import choose
from spooler.units.splitter import Splitter
from tests.fabric.dispatch_rig import running
from tests.fakes.host import FakeHost

Step = Callable[[], Awaitable[None]]
LABEL = b"^XA^FO50,50^A0N,60,60^FDSerial 000017^FS^FO50,150^BY3^BCN,100,Y,N,N^FD000017^FS^XZ\r\n"
RECEIPT = b"\x1b@Receipt 000017\n" + b"coffee      2.40\n" * 12 + b"\x1dk\x04000017\x00\n\x1dV\x00"
PAGE = (
    b"\x1b&l1O\x1b(s10H" + b"3 x box 17, shelf 4, on the left\r\n" * 40 + b"\x1b*b6W\x0c\x1bE\x0c\x00\xff\x0c"
)
LENGTH_BYTES = 100_000
PIECE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class HotPath:
    """A path: how to set it up in an empty folder, and how often it is measured.

    Where threads meet, one wake-up more or less is chance: there a round is several steps, and the cheapest of several
    rounds counts, for chance only adds. `units`: a step does its work so many times, and what one of them costs is told.
    `apart`: how much of chance is left all the same, as a share; a path may cost that much more.
    """

    lend: Callable[[Path], AbstractAsyncContextManager[Step]]
    steps: int = 1
    rounds: int = 1
    units: int = 1
    apart: float = 0.0


class Ended:
    """Waits for a job's end where the spooler tells of it, without asking."""

    def __init__(self, hub: Hub) -> None:
        self._numbers: set[int] = set()
        self._news = asyncio.Event()
        self._others, hub.listener = hub.listener, self._hear

    async def wait(self, number: int) -> None:
        """Wait until a job has ended."""
        while number not in self._numbers:
            self._news.clear()
            await self._news.wait()

    def _hear(self, change: Change) -> None:
        if self._others is not None:
            self._others(change)
        if isinstance(change.value, Job) and change.value.ended:
            self._numbers.add(change.value.number)
            self._news.set()


@asynccontextmanager
async def job(folder: Path) -> AsyncIterator[Step]:
    """Lend: a label is submitted, committed, sent to its port, judged, written down."""
    async with running(folder, FakeHost("edge", "P1:")) as rig:
        await rig.printer("labels", "P1:")
        ended = Ended(rig.dispatcher.hub)

        async def step() -> None:
            await ended.wait((await rig.submit("labels", LABEL)).number)

        yield step


@asynccontextmanager
async def document(folder: Path) -> AsyncIterator[Step]:
    """Lend: a port prints a whole small document into a file: start, bytes and end in one slice."""
    monitor = FileMonitor(MonitorInit("edge", folder / "files"))
    async with at_a_port(folder, "out.prn", monitor, FileSettings(), Evidence.FILE_SYNC) as step:
        yield step


@asynccontextmanager
async def at_a_port(
    folder: Path, name: str, monitor: PortMonitor[Any], settings: PortSettings, evidence: Evidence
) -> AsyncIterator[Step]:
    """Lend: a port prints a small document, with that proof, and is told that it is settled."""
    journal = Journal.open(folder / "journal", name)
    session = PortSession(name, "fabric", journal, PortCounters())
    await session.open(monitor, settings)
    numbers = count(1)

    async def step() -> None:
        key = DocKey(next(numbers).to_bytes(16, "big"), 1)
        piece = Slice(
            key, lambda *_: None, start=DocInfo(), data=LABEL, end=Disposition.COMPLETE, size=len(LABEL)
        )
        found = await session.call(piece)
        assert (found.phase, found.acked, found.error) == (Phase.ENDED, len(LABEL), None)
        assert found.evidence is evidence
        assert journal.settle([key], "fabric") == 1

    try:
        yield step
    finally:
        await session.close()
        journal.close()


@asynccontextmanager
async def units(_folder: Path, *, unit: bytes, media_type: str) -> AsyncIterator[Step]:
    """Lend: a document of many units is read for where they end."""
    data = unit * (LENGTH_BYTES // len(unit))
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]

    async def step() -> None:
        assert sum(1 for _end in _ends(choose(media_type, data[:1024]), pieces)) >= len(data) // len(unit)

    yield step


def _ends(splitter: Splitter, pieces: list[bytes]) -> Iterator[int]:
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.finish()


@asynccontextmanager
async def news(folder: Path, *, watchers: int = 20) -> AsyncIterator[Step]:
    """Lend: one job changes, and each watcher is told."""
    async with running(folder, FakeHost("edge", "P1:")) as rig, AsyncExitStack() as stack:
        await rig.printer("labels", "P1:")
        hub = rig.dispatcher.hub
        ended = Ended(hub)
        changing = await rig.submit("labels", LABEL)
        await ended.wait(changing.number)  # its own news come before
        inside = Inside(
            rig.dispatcher, rig.steering, rig.printers, cast("Any", None), cast("Any", None), hub, ""
        )
        request = pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS], skip_snapshot=True)
        streams = []
        for _ in range(watchers):
            stream = WatchStream(request, rig.store, inside, cast("Any", None), Looking()).run()
            streams.append(await stack.enter_async_context(aclosing(stream)))
            await anext(stream)

        async def step() -> None:
            hub.job(replace(changing, revision=changing.revision + 1))
            for message in await asyncio.gather(*(anext(stream) for stream in streams)):
                assert [told.number for told in message.jobs] == [changing.number]

        yield step


CORES = {
    "spooler: a small job, from submission to outcome": HotPath(job, steps=5, rounds=8),
    "port monitor: a small document, from its slice to its end": HotPath(document, steps=5, rounds=8),
    "units: 100 KB of ZPL": HotPath(partial(units, unit=LABEL, media_type="application/zpl")),
    "units: 100 KB of ESC/POS": HotPath(partial(units, unit=RECEIPT, media_type="application/escpos")),
    "units: 100 KB of PCL": HotPath(partial(units, unit=PAGE, media_type="application/vnd.hp-PCL")),
    "watch: one change, told to twenty watchers": HotPath(news, rounds=3),
}
