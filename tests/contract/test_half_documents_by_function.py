"""Half a document in the device, for those who call the functions one by one: refused, closed, or printed behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from chassis.status import error_from_rpc
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1.ledger_pb2 import DocumentKey
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import OWNER, Host, served_host
from tests.contract.monitor_rigs import SerialRig


class Line:
    """A host with a serial line, held, and the functions of the table for it."""

    def __init__(self, host: Host, rig: SerialRig, handle: pb.PortHandle) -> None:
        self.host, self.rig, self.handle = host, rig, handle

    async def start(self, **how: object) -> DocumentKey:
        uid, attempt = new_key()
        key = DocumentKey(job_uid=uid, attempt=attempt)
        request = pb.StartDocPortRequest(handle=self.handle, document=key, **how)  # type: ignore[arg-type]
        await self.host.monitor.StartDocPort(request)
        return key

    async def write(self, key: DocumentKey, data: bytes) -> None:
        request = pb.WritePortRequest(handle=self.handle, document=key, data=data)
        assert [one async for one in self.host.monitor.WritePort(iter([request]))]

    async def end(self, key: DocumentKey, how: pb.Disposition.ValueType) -> None:
        await self.host.monitor.EndDocPort(
            pb.EndDocPortRequest(handle=self.handle, document=key, disposition=how)
        )
        settled = pb.SettleDocumentsRequest(owner=OWNER, port="COM1:", documents=[key])
        await self.host.monitor.SettleDocuments(settled)

    async def half(self) -> DocumentKey:
        """Leave half a label in the printer."""
        key = await self.start()
        await self.write(key, b"^XA^FDhalf")
        assert await asyncio.to_thread(self.rig.received, 10) == b"^XA^FDhalf"
        await self.end(key, pb.DISPOSITION_ABORT)
        return key


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    folder = tmp_path / "line"
    folder.mkdir()
    rig = SerialRig(folder)
    try:
        async with served_host(tmp_path) as host:
            await host.ports.add("COM1:", "serial", rig.settings())
            opened = await host.monitor.OpenPort(pb.OpenPortRequest(owner=OWNER, port="COM1:", fence=1))
            yield Line(host, rig, opened.handle)
    finally:
        rig.stop()


async def test_a_guarded_document_is_refused_with_the_name_of_the_half_one(line: Line) -> None:
    half = await line.half()
    for closing in (None, pb.Closing(document=DocumentKey(job_uid=bytes(16), attempt=1), data=b"^XZ")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await line.start(guarded=True, closing=closing)
        error = error_from_rpc(refused.value)
        assert (refused.value.code(), error.reason, error.win32) == (
            grpc.StatusCode.ABORTED,
            "UNFINISHED_DOCUMENT",
            170,
        )
        named = (error.metadata["document_uid"], int(error.metadata["attempt"]))
        assert named == (half.job_uid.hex(), half.attempt)
    assert await asyncio.to_thread(line.rig.received, 10) == b"^XA^FDhalf"


async def test_what_closes_it_goes_before_the_document_and_is_not_counted(line: Line) -> None:
    half = await line.half()
    key = await line.start(guarded=True, closing=pb.Closing(document=half, data=b"~JX"))
    await line.write(key, b"^XA^XZ")
    await line.end(key, pb.DISPOSITION_COMPLETE)
    assert await asyncio.to_thread(line.rig.received, 19) == b"^XA^FDhalf~JX^XA^XZ"
    await line.start(guarded=True)  # nothing lies there any more


async def test_who_asks_for_no_guard_prints_behind_it(line: Line) -> None:
    await line.half()
    await line.write(await line.start(), b"^XA^XZ")
    assert await asyncio.to_thread(line.rig.received, 16) == b"^XA^FDhalf^XA^XZ"
