"""Every port monitor under every language monitor, with peers that stall, read slowly, babble and say nothing.

Where a port has no way back the language passes everything through; there, too, nothing may hang, be lost or be left.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from chassis.errors import JobCanceled, WriteTimeout
from chassis.status import error_from_rpc
from portmon.document import SAID_BY_PRINTER, Phase
from portmon.facts import Facts
from portmon.language import Language
from portmon.language_path import LanguagePath
from portmon.languages.escpos import Escpos
from portmon.languages.pjl import Pjl
from portmon.languages.zpl import Zpl
from portmon.port_state import PortState
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.monitor_host import OWNER, served_host, whole
from tests.contract.monitor_rigs import RIGS, Rig, wait_for
from tests.contract.test_monitor_contract import descriptors, resident
from tests.rig.quick import TRIES, quick

LANGUAGES: tuple[type[Language], ...] = (Zpl, Escpos, Pjl)
TALKING = [rig for rig in RIGS if rig.scheme in ("raw", "serial", "device")]
SILENT = [rig for rig in RIGS if rig not in TALKING and not rig.output_file]  # `FILE:` is held by nobody
PATHS = [pytest.param((rig, kind), id=f"{rig.scheme}-{kind.name}") for rig in TALKING for kind in LANGUAGES]
ANSWERING = [one for one in PATHS if "device" not in str(one.id)]
# To open a line takes ten times as long as the others, whatever the language.
OPENED = [one for one in PATHS if "serial" not in str(one.id) or "PJL" in str(one.id)]
_ANSWER_S = 0.2
_HANGS_S = 30.0
BIG = os.urandom(8 << 20)


class PathBench(Bench):
    """A bench whose port is opened through a language monitor."""

    def __init__(self, rig: Rig, kind: type[Language]) -> None:
        super().__init__(rig, **({"endTimeoutS": 0.05} if rig.scheme == "raw" else {}))
        below = self.monitor
        port: Any = SimpleNamespace(monitor=below, journal=self.journal, facts=Facts())
        self.monitor = LanguagePath(kind, bidirectional=True, answer_s=_ANSWER_S).over(port)
        self.monitor.settings = below.settings


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PathBench]:
    rig, kind = request.param
    found = PathBench(rig(tmp_path), kind)
    yield found
    await found.close()
    found.journal.close()
    found.rig.go_on()
    found.rig.stop()


def every(paths: list[Any]) -> pytest.MarkDecorator:
    """Run a test on these paths."""
    return pytest.mark.parametrize("bench", paths, indirect=True)


@pytest.mark.parametrize("rig", SILENT, ids=lambda rig: rig.scheme)
@pytest.mark.parametrize("kind", LANGUAGES, ids=lambda kind: kind.name)
async def test_a_port_without_a_way_back_is_opened_as_it_is_when_nothing_is_to_be_read(
    tmp_path: Path, rig: type[Rig], kind: type[Language]
) -> None:
    peer, data = rig(tmp_path), b"^XA^FDa page^FS^XZ\x0c"
    async with served_host(tmp_path, third_parties=peer.others) as host:
        await host.ports.add(peer.port, peer.scheme, peer.settings())
        request = pb.OpenPortExRequest(language_monitor=kind.name, bidirectional=False)
        request.open.MergeFrom(pb.OpenPortRequest(owner=OWNER, port=peer.port, fence=1, printer="labels"))
        opened = (await host.monitor.OpenPortEx(request)).open
        assert opened.port.hold.language_monitor == kind.name
        stream: Any = host.monitor.StreamDocuments()
        await stream.write(pb.StreamDocumentsRequest(handle=opened.handle, slices=[whole(data)]))
        ended: list[Any] = []
        while not ended:
            ended = [one for one in (await stream.read()).progress if one.phase == pb.DOCUMENT_PHASE_ENDED]
        assert not ended[0].HasField("error"), ended
        assert await asyncio.to_thread(peer.received, len(data)) == data, "and nothing but the document"
        stream.cancel()
    peer.stop()


@pytest.mark.parametrize("rig", SILENT, ids=lambda rig: rig.scheme)
async def test_a_port_without_a_way_back_is_refused_to_whoever_wants_to_read(
    tmp_path: Path, rig: type[Rig]
) -> None:
    peer = rig(tmp_path)
    async with served_host(tmp_path, third_parties=peer.others) as host:
        port = await host.ports.add(peer.port, peer.scheme, peer.settings())
        request = pb.OpenPortExRequest(language_monitor="PJL", bidirectional=True)
        request.open.MergeFrom(pb.OpenPortRequest(owner=OWNER, port=peer.port, fence=1, printer="labels"))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await host.monitor.OpenPortEx(request)
        error = error_from_rpc(raised.value)
        assert (error.win32, error.metadata["missing"]) == (3007, "ReadPort")
        assert port.hold is None
    peer.stop()


@every(PATHS)
async def test_a_stalled_peer_is_told_by_the_deadline_and_let_go_within_a_second(bench: PathBench) -> None:
    session = await bench.open()
    session.set_write_timeout(0.3)
    bench.rig.stall()
    key = new_key()
    await bench.start(key)
    stopped = await bench.slice(key, offset=0, data=BIG)
    assert isinstance(stopped.error, WriteTimeout)
    assert (stopped.error.win32, stopped.phase) == (1460, Phase.IN_PROGRESS)
    assert stopped.accepted < len(BIG)
    again = await bench.slice(key, offset=stopped.accepted, data=BIG[stopped.accepted :])
    assert isinstance(again.error, WriteTimeout)
    assert again.accepted == stopped.accepted, "nothing was taken, and nothing is counted"
    await session.abort(key)


@every(PATHS)
@pytest.mark.alone
async def test_a_stuck_write_is_cancelled_within_a_second(bench: PathBench) -> None:
    for left in reversed(range(TRIES)):
        session, key = await bench.open(), new_key()
        bench.rig.stall()
        await bench.start(key)
        writing = await bench.stuck(key, BIG)
        began = time.monotonic()
        ended = await session.abort(key)
        took = time.monotonic() - began
        assert (ended.phase, ended.win32) == (Phase.ENDED, 63)
        assert isinstance((await writing).error, JobCanceled)
        bench.rig.go_on()
        await bench.close()
        if quick(took, left):
            break


@every(PATHS)
async def test_a_slow_reader_gets_every_byte_in_order(bench: PathBench) -> None:
    session = await bench.open()
    data = b"".join(b"%07d\n" % n for n in range(32768))
    ended = threading.Event()

    def hesitate() -> None:
        while not ended.wait(0.01):
            bench.rig.stall()
            ended.wait(0.01)
            bench.rig.go_on()

    slowly = threading.Thread(target=hesitate)
    slowly.start()
    key = new_key()
    try:
        assert (
            await bench.start(
                key,
            )
        ).error is None
        found = await bench.slice(key, offset=0, data=data)
    finally:
        ended.set()
        await asyncio.to_thread(slowly.join)
        bench.rig.go_on()
    assert (found.error, found.accepted) == (None, len(data))
    wait_for(lambda: data in bench.rig.received(len(data)))
    await session.abort(key)


@every(ANSWERING)
async def test_a_peer_that_babbles_confirms_nothing_and_the_port_lives_on(bench: PathBench) -> None:
    session = await bench.open()
    dice, ended = random.Random(7), threading.Event()

    def babble() -> None:
        while not ended.wait(0.002):
            try:
                bench.rig.say(dice.randbytes(dice.randrange(1, 400)))
            except (OSError, AssertionError):
                ended.wait(0.01)  # nobody is connected

    babbling = threading.Thread(target=babble)
    babbling.start()
    try:
        for _ in range(2):
            key = new_key()
            assert (await bench.start(key)).error is None
            await bench.slice(key, offset=0, data=b"^XA^FDx^FS^XZ")
            ending = asyncio.create_task(bench.end(key, 13))
            # What sounds like a printer in trouble is waited for, until somebody cancels.
            if not (await asyncio.wait([ending], timeout=1))[0]:
                async with asyncio.timeout(_HANGS_S):
                    await session.abort(key)
            found = await ending
            assert found.evidence not in SAID_BY_PRINTER
            assert found.accepted == 13
            if found.phase is not Phase.ENDED:
                await session.abort(key)
            bench.journal.settle([key], "fabric")
    finally:
        ended.set()
        await asyncio.to_thread(babbling.join)
    assert session.state in (PortState.OPEN, PortState.IN_DOCUMENT)


@every(OPENED)
async def test_a_thousand_openings_leave_nothing_behind(bench: PathBench) -> None:
    before, memory, threads = 0, 0, threading.active_count()
    for n in range(1000):
        await bench.open()
        if n % 250 == 0:
            found = await bench.print(b"^XA^XZ")
            assert found.error is None, found.error
        await bench.close()
        before = descriptors() if n == 5 else before
        memory = resident() if n == 300 else memory
    bench.rig.received()
    wait_for(lambda: threading.active_count() <= threads)
    assert descriptors() <= before + 1
    assert resident() - memory < 8 << 20
