"""A port monitor that is killed in the middle of documents: what its journal says is compared with what a reader got."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import greet
from tests.contract.monitor_rigs import FifoRig, FileRig, IppRig, LprRig, RawRig, Rig, SerialRig, wait_for

OWNER = pb.PortOwner(fabric_id="fabric", spooler_id="spooler")
BIG = os.urandom(1 << 20) * 48


class Process:
    """A real `python -m portmon`."""

    def __init__(self, folder: Path, rig: Rig) -> None:
        self.folder, self.rig = folder, rig
        self.port = rig.port
        values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in rig.settings().items())
        self.config = folder / "portmon.toml"
        self.config.write_text(
            f'file_dir = "{folder}/files"\n[[ports]]\nname = "{self.port}"\n'
            f'monitor = "{rig.scheme}"\nsettings = {{ {values} }}\n'
        )
        self.running: subprocess.Popen[bytes] | None = None
        self.fence = 0

    def start(self) -> None:
        """Start it and wait until it serves."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        self.running = subprocess.Popen(
            [
                sys.executable, "-m", "portmon", "--config", str(self.config), "--host-name", "edge-7",
                "--state-dir", str(self.folder / "state"), "--listen", "127.0.0.1:0",
                "--ready-file", str(ready), "--log.rpc", "failed",
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(ready.exists, 20)
        self.address = json.loads(ready.read_text())["addresses"][0]

    def kill(self) -> None:
        """Kill it without a word."""
        assert self.running is not None
        self.running.send_signal(signal.SIGKILL)
        self.running.wait(10)
        self.running = None

    @asynccontextmanager
    async def stub(self) -> AsyncIterator[rpc.MonitorServiceAsyncStub]:
        """Talk to it."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            yield rpc.MonitorServiceStub(channel)

    async def open(self, stub: rpc.MonitorServiceAsyncStub) -> pb.OpenPortResponse:
        """Open the port under the next fence."""
        self.fence += 1
        return await stub.OpenPort(pb.OpenPortRequest(owner=OWNER, port=self.port, fence=self.fence))


@pytest.fixture(params=[FifoRig, SerialRig, FileRig, RawRig, LprRig, IppRig], ids=lambda rig: rig.scheme)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    rig = request.param(tmp_path)
    found = Process(tmp_path, rig)
    yield found
    if found.running is not None:
        found.kill()
    rig.stop()


def slice_of(key: tuple[bytes, int], data: bytes, offset: int = 0) -> pb.DocumentSlice:
    found = pb.DocumentSlice(offset=offset, data=data)
    found.document.job_uid, found.document.attempt = key
    return found


async def send_until_killed(process: Process, key: tuple[bytes, int], kill_after_s: float) -> None:
    """Stream a document and kill the process somewhere in it."""
    async with process.stub() as stub:
        opened = await process.open(stub)
        stream = stub.StreamDocuments()
        first = slice_of(key, b"")
        first.start.SetInParent()
        await stream.write(pb.StreamDocumentsRequest(handle=opened.handle, slices=[first]))
        begun = False  # a kill before that would prove nothing
        while not begun:
            answer: Any = await stream.read()
            begun = any(one.document.job_uid == key[0] for one in answer.progress)

        async def send() -> None:
            for offset in range(0, len(BIG), 16_384):
                piece = slice_of(key, BIG[offset : offset + 16_384], offset)
                await stream.write(pb.StreamDocumentsRequest(slices=[piece]))
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        await asyncio.sleep(kill_after_s)
        await asyncio.to_thread(process.kill)
        await asyncio.gather(sending, return_exceptions=True)


def received_of(process: Process, key: tuple[bytes, int], before: int) -> bytes:
    if process.rig.scheme == "file":
        part = process.folder / "files" / "out" / f".{key[0].hex()}.part"
        return part.read_bytes()
    return process.rig.received()[before:]


async def ask(process: Process, key: tuple[bytes, int]) -> pb.DocumentProgress:
    async with process.stub() as stub:
        request = pb.QueryDocumentsRequest(owner=OWNER, port=process.port)
        document = request.documents.add()
        document.job_uid, document.attempt = key
        return (await stub.QueryDocuments(request)).documents[0]


async def test_after_a_kill_the_journal_is_right_about_what_the_device_got(process: Process) -> None:
    chance = random.Random(7)
    before = 0
    for _ in range(3):
        process.start()
        key = new_key()
        await send_until_killed(process, key, chance.uniform(0.005, 0.06))
        got = await asyncio.to_thread(received_of, process, key, before)
        before += len(got)
        right = BIG.startswith(got)
        assert right  # by itself: nobody wants to read 48 MiB in a report
        assert len(got) < len(BIG), "the kill came too late to prove anything"
        process.start()
        known = await ask(process, key)
        assert known.phase == pb.DOCUMENT_PHASE_ENDED
        assert known.error.reason == "HOST_RESTARTED"
        high = max(known.accepted, known.uncertain_end)
        assert len(got) <= high
        if process.rig.pipe:
            assert known.accepted <= len(got)
            assert known.resumable == (known.uncertain_end == 0)
        else:
            assert known.uncertain_start <= len(got)
            assert not known.resumable
        async with process.stub() as stub:
            await greet(stub)
        never = await ask(process, new_key())
        assert never.phase == pb.DOCUMENT_PHASE_NEVER_SEEN
        await asyncio.to_thread(process.kill)


@pytest.mark.parametrize("process", [FifoRig, SerialRig, FileRig], ids=lambda rig: rig.scheme, indirect=True)
async def test_a_byte_pipe_goes_on_at_the_proven_byte_after_a_kill(process: Process) -> None:
    data, key = BIG[:60_000], new_key()
    process.start()
    async with process.stub() as stub:
        opened = await process.open(stub)
        start = pb.StartDocPortRequest(handle=opened.handle)
        start.document.job_uid, start.document.attempt = key
        await stub.StartDocPort(start)

        async def pieces() -> AsyncIterator[pb.WritePortRequest]:
            request = pb.WritePortRequest(handle=opened.handle, data=data[:25_000])
            request.document.CopyFrom(start.document)
            yield request

        found = [one async for one in stub.WritePort(pieces())]
        assert found[-1].progress.accepted == 25_000
        async with asyncio.timeout(30):  # what nobody had read of a FIFO would be uncertain
            while isinstance(process.rig, FifoRig) and (await ask(process, key)).acked < 25_000:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    await asyncio.to_thread(process.kill)
    process.start()
    known = await ask(process, key)
    assert (known.accepted, known.resumable, known.uncertain_end) == (25_000, True, 0)
    async with process.stub() as stub:
        opened = await process.open(stub)
        assert [one.accepted for one in opened.documents] == [25_000]
        stream = stub.StreamDocuments()
        rest = slice_of((key[0], 2), data[25_000:], 25_000)
        rest.start.resume_offset = 25_000
        rest.end.size_bytes = len(data)
        settled = pb.StreamDocumentsRequest(handle=opened.handle, slices=[rest], settled=[start.document])
        await stream.write(settled)
        await stream.done_writing()
        ends = [one for response in [r async for r in stream] for one in response.progress]
        assert ends[-1].phase == pb.DOCUMENT_PHASE_ENDED
        assert not ends[-1].HasField("error")
        unsettled = await stub.QueryDocuments(pb.QueryDocumentsRequest(owner=OWNER, port=process.port))
        assert [one.document.attempt for one in unsettled.documents] == [2]
    assert await asyncio.to_thread(process.rig.received, len(data)) == data
    await asyncio.to_thread(process.kill)
