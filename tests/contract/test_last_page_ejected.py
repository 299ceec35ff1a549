"""Through a language monitor EndDocPort returns once the bytes are with the device; what became of them is told later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc
from printfabric.types.v1 import ledger_pb2
from printfabric.types.v1.ledger_pb2 import DocumentKey
from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import OWNER, refusal, served_host
from tests.contract.test_monitor_kill import Process
from tests.rig.until import until

PORT = "P1"
DOCUMENTS = {
    "ZPL": ("zpl", b"^XA^FO10,10^FDlabel^FS^XZ\n"),
    "ESC/POS": ("escpos", b"Receipt\n\x1dV\x00"),
    "PJL": ("pjl", b"\x1bE\x1b&l0OPage\x0c"),
}
Key = tuple[bytes, int]


@dataclass
class Desk:
    """A caller of the function table at a port with a printer without paper, who hears what becomes of its documents."""

    monitor: Any
    printer: SimulatedPrinter
    language: str
    told: list[pb.DocumentProgress] = field(default_factory=list)
    handle: pb.PortHandle = field(default_factory=pb.PortHandle)
    fence: int = 0

    @property
    def data(self) -> bytes:
        return DOCUMENTS[self.language][1]

    async def open(self, lease_s: int | None = None) -> pb.OpenPortResponse:
        self.fence += 1
        ask = pb.OpenPortRequest(owner=OWNER, port=PORT, fence=self.fence, printer="labels")
        if lease_s is not None:
            ask.lease.FromSeconds(lease_s)
        request = pb.OpenPortExRequest(open=ask, language_monitor=self.language, bidirectional=True)
        opened: pb.OpenPortResponse = (await self.monitor.OpenPortEx(request)).open
        self.handle = opened.handle
        return opened

    async def send(self, key: Key) -> None:
        """Begin a document and write all of it."""
        start = pb.StartDocPortRequest(handle=self.handle, document=document(key))
        await self.monitor.StartDocPort(start)
        request = pb.WritePortRequest(handle=self.handle, document=document(key), data=self.data)
        writing = self.monitor.WritePort(iter([request]))
        assert [one.progress.accepted async for one in writing] == [len(self.data)]

    async def end(self, key: Key, how: int = pb.DISPOSITION_COMPLETE) -> pb.DocumentProgress:
        request = pb.EndDocPortRequest(handle=self.handle, document=document(key), size_bytes=len(self.data))
        request.disposition = how  # type: ignore[assignment]
        found: pb.DocumentProgress = (await self.monitor.EndDocPort(request)).progress
        return found

    async def print(self, key: Key) -> pb.DocumentProgress:
        await self.send(key)
        return await self.end(key)

    async def hang_up(self, key: Key) -> None:
        """End a document, and close the port."""
        await self.end(key)
        await self.monitor.ClosePort(pb.ClosePortRequest(handle=self.handle))

    async def known(self, key: Key) -> pb.DocumentProgress:
        request = pb.QueryDocumentsRequest(owner=OWNER, port=PORT, documents=[document(key)])
        found: pb.DocumentProgress = (await self.monitor.QueryDocuments(request)).documents[0]
        return found

    async def heard(self, count: int = 1) -> list[pb.DocumentProgress]:
        """Wait until so many ends were told."""
        await until(lambda: len(self.told) >= count)
        return self.told

    async def watch(self, began: asyncio.Event) -> None:
        async for news in self.monitor.WatchPorts(pb.WatchPortsRequest(owner=OWNER, ports=[PORT])):
            self.told += news.documents
            began.set()


def document(key: Key) -> DocumentKey:
    return DocumentKey(job_uid=key[0], attempt=key[1])


def settings(printer: SimulatedPrinter) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": printer.status()["address"]["tcp"], "endTimeoutS": 2}


async def printer_for(language: str) -> SimulatedPrinter:
    """Start a printer that has no paper for its first unit."""
    plan = {"personality": DOCUMENTS[language][0], "tcp": 0, "faults": "media-out@unit:0"}
    printer = build(Plan.from_mapping(plan))
    await printer.start()
    return printer


@asynccontextmanager
async def desk_of(folder: Path, language: str) -> AsyncIterator[Desk]:
    printer = await printer_for(language)
    async with served_host(folder) as host:
        await host.ports.add(PORT, "raw", settings(printer))
        desk, began = Desk(host.monitor, printer, language), asyncio.Event()
        watching = asyncio.create_task(desk.watch(began))
        await began.wait()
        yield desk
        watching.cancel()
    await printer.stop()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(tmp_path, "PJL") as found:
        yield found


@pytest.mark.parametrize("language", DOCUMENTS)
async def test_the_printers_word_is_told_after_the_end_of_the_call(tmp_path: Path, language: str) -> None:
    async with desk_of(tmp_path, language) as desk:
        await desk.open()
        one, two = new_key(), new_key()
        for sent in (await desk.print(one), await desk.end(one)):  # a repeat answers what is known
            assert (sent.phase, sent.acked) == (pb.DOCUMENT_PHASE_SENT, len(desk.data))
            assert sent.level == ledger_pb2.EVIDENCE_LEVEL_UNSPECIFIED
        assert not desk.told, "there is no paper"
        desk.printer.clear("media-out")
        [told] = await desk.heard()
        assert (told.port, told.document, told.phase) == (PORT, document(one), pb.DOCUMENT_PHASE_ENDED)
        assert (told.level, told.HasField("error")) == (ledger_pb2.EVIDENCE_LEVEL_CONFIRMED, False)
        known = await desk.known(one)
        assert (known.phase, known.level, known.source) == (told.phase, told.level, told.source)
        assert (await desk.end(one)).phase == pb.DOCUMENT_PHASE_ENDED
        await desk.print(two)
        assert [told.document for told in await desk.heard(2)] == [document(one), document(two)]


async def test_the_next_document_waits_behind_the_end(desk: Desk) -> None:
    await desk.open()
    keys = [new_key(), new_key()]
    await desk.print(keys[0])
    following = asyncio.create_task(desk.print(keys[1]))
    desk.printer.clear("media-out")
    await following
    assert [one.document for one in await desk.heard(2)] == list(map(document, keys))
    assert not any(one.HasField("error") for one in desk.told)


async def test_an_awaited_end_can_be_canceled(desk: Desk) -> None:
    await desk.open()
    key = new_key()
    assert (await desk.print(key)).phase == pb.DOCUMENT_PHASE_SENT
    ended = await desk.end(key, pb.DISPOSITION_ABORT)
    assert (ended.phase, ended.error.reason) == (pb.DOCUMENT_PHASE_ENDED, "JOB_CANCELED")
    [told] = await desk.heard()
    assert (told.document, told.error.win32) == (document(key), ended.error.win32)
    assert told.accepted == len(desk.data)


async def test_close_port_waits_for_the_end(desk: Desk) -> None:
    await desk.open()
    key = new_key()
    await desk.print(key)
    closing = asyncio.create_task(desk.hang_up(key))
    desk.printer.clear("media-out")
    await closing
    [told] = await desk.heard()
    assert (told.level, told.HasField("error")) == (ledger_pb2.EVIDENCE_LEVEL_CONFIRMED, False)


@pytest.mark.parametrize("closed", [True, False], ids=["ClosePort", "lease"])
async def test_an_end_that_does_not_come_keeps_nobody_from_the_port(desk: Desk, closed: bool) -> None:
    await desk.open()
    key = new_key()
    await desk.print(key)
    await desk.open(lease_s=2)  # only now, so that no call before takes longer than it lasts
    if closed:
        await asyncio.gather(
            desk.hang_up(key), return_exceptions=True
        )  # on a slow machine the lease is first
    [told] = await desk.heard()
    assert (told.document, told.error.win32) == (document(key), 6)
    assert (await desk.known(key)).uncertain_end == told.uncertain_end == len(desk.data)
    await desk.open()


async def test_an_awaited_end_outlives_its_spooler(desk: Desk) -> None:
    old = (await desk.open()).handle
    key = new_key()
    await desk.print(key)
    taken = await desk.open()
    assert [one.document for one in taken.documents] == [document(key)]
    assert (await desk.end(key)).phase == pb.DOCUMENT_PHASE_SENT
    assert (await refusal(desk.monitor.ClosePort(pb.ClosePortRequest(handle=old))))[1] == 6
    desk.printer.clear("media-out")
    assert not (await desk.heard())[0].HasField("error")


async def test_shutdown_waits_for_an_awaited_end_as_long_as_it_may(desk: Desk) -> None:
    await desk.open()
    await desk.print(new_key())
    request = pb.ShutdownRequest(owner=OWNER)
    request.grace.FromSeconds(30)
    ending = desk.monitor.Shutdown(request)
    desk.printer.clear("media-out")
    await ending
    assert not (await desk.heard())[0].HasField("error")


class _Rig:
    """What a process needs to know of a port with a simulated printer."""

    port, scheme = PORT, "raw"

    def __init__(self, printer: SimulatedPrinter) -> None:
        self._printer = printer

    def settings(self) -> dict[str, Any]:
        return settings(self._printer)


async def test_a_kill_while_the_end_is_awaited_leaves_what_was_sent(tmp_path: Path) -> None:
    printer = await printer_for("PJL")
    process = Process(tmp_path, _Rig(printer))  # type: ignore[arg-type]
    key = new_key()
    try:
        for run in (1, 2):
            await asyncio.to_thread(process.start)
            async with grpc.aio.insecure_channel(process.address) as channel:
                desk = Desk(rpc.MonitorServiceStub(channel), printer, "PJL", fence=run)
                if run == 1:
                    await desk.open()
                    assert (await desk.print(key)).phase == pb.DOCUMENT_PHASE_SENT
                    await asyncio.to_thread(process.kill)
                    continue
                known = await desk.known(key)
                await desk.open()
                again = await desk.end(key)
            for found in (known, again):
                assert (found.accepted, found.error.reason) == (len(desk.data), "HOST_RESTARTED")
                assert found.level == ledger_pb2.EVIDENCE_LEVEL_UNSPECIFIED, (
                    "nobody knows whether it came out"
                )
    finally:
        if process.running is not None:
            await asyncio.to_thread(process.kill)
        await printer.stop()
