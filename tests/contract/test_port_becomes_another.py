"""ConfigPort makes an LPR port of a raw one and the other way, behind the document that is in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from printfabric.types.v1 import ledger_pb2
from tests.contract.monitor_host import OWNER, Host, served_host, whole
from tests.contract.monitor_rigs import LprRig


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def config_port(host: Host, value: dict[str, Any]) -> dict[str, Any]:
    """Execute ConfigPort in a session on the port; return its answer."""
    opened = await host.xcv.XcvOpenPort(xpb.XcvOpenPortRequest(port="IP_1", granted_access=1))
    request = xpb.XcvDataPortRequest(
        handle=opened.handle, data_name="ConfigPort", input_data=json.dumps(value).encode()
    )
    answer = await host.xcv.XcvDataPort(request)
    assert answer.status == 0, answer.message
    found: dict[str, Any] = json.loads(answer.output_data)
    return found


def record(rig: LprRig) -> dict[str, Any]:
    settings = rig.settings()
    return {
        "dwVersion": 2, "sztPortName": "IP_1", "dwProtocol": 2, "sztHostAddress": settings["host"],
        "dwPortNumber": settings["port"], "sztQueue": settings["queue"],
    }  # fmt: skip


async def write(
    host: Host, handle: pb.PortHandle, key: ledger_pb2.DocumentKey, offset: int, data: bytes
) -> None:
    request = pb.WritePortRequest(handle=handle, document=key, offset=offset, data=data)
    async for _ in host.monitor.WritePort(iter([request])):
        return


async def printed(host: Host, handle: pb.PortHandle, data: bytes) -> int:
    """Print a document by the functions of the table; return who proved it."""
    key = whole(data).document
    await host.monitor.StartDocPort(pb.StartDocPortRequest(handle=handle, document=key))
    await write(host, handle, key, 0, data)
    end = pb.EndDocPortRequest(handle=handle, document=key, size_bytes=len(data))
    return int((await host.monitor.EndDocPort(end)).progress.source)


async def test_the_document_in_the_port_ends_as_it_began_and_the_next_goes_the_new_way(
    host: Host, tmp_path: Path
) -> None:
    (tmp_path / "lpd").mkdir()
    daemon = LprRig(tmp_path / "lpd")
    try:
        handle, key = (await host.open()).handle, whole(b"").document
        await host.monitor.StartDocPort(pb.StartDocPortRequest(handle=handle, document=key))
        await write(host, handle, key, 0, b"first ")
        answer = await config_port(host, record(daemon))
        assert answer["pending"] is True
        await write(host, handle, key, 6, b"half")
        end = await host.monitor.EndDocPort(pb.EndDocPortRequest(handle=handle, document=key, size_bytes=10))
        assert end.progress.source == ledger_pb2.EVIDENCE_SOURCE_TCP_ACK
        assert await asyncio.to_thread(host.rig.received, 10) == b"first half"
        assert await printed(host, handle, b"by LPR") == ledger_pb2.EVIDENCE_SOURCE_LPD
        assert await asyncio.to_thread(daemon.received, 6) == b"by LPR"
        assert host.rig.received() == b"first half"
        assert host.ports.get("IP_1").monitor.scheme == "lpr"
        await config_port(host, {"scheme": "raw", "settings": host.rig.settings()})
        assert await printed(host, handle, b" by raw") == ledger_pb2.EVIDENCE_SOURCE_TCP_ACK
        assert await asyncio.to_thread(host.rig.received, 17) == b"first half by raw"
    finally:
        daemon.stop()


async def test_a_language_monitor_stays_above_a_port_that_becomes_another(host: Host, tmp_path: Path) -> None:
    (tmp_path / "lpd").mkdir()
    daemon = LprRig(tmp_path / "lpd")
    try:
        ask = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=1, printer="office")
        request = pb.OpenPortExRequest(open=ask, language_monitor="ESC/POS", bidirectional=False)
        handle = (await host.monitor.OpenPortEx(request)).open.handle
        await config_port(host, record(daemon))
        assert await printed(host, handle, b"receipt") == ledger_pb2.EVIDENCE_SOURCE_LPD
        assert await asyncio.to_thread(daemon.received, 7) == b"receipt"
    finally:
        daemon.stop()
