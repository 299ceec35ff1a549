"""The time that a spooler tells a host in its handshake, and what the host says of documents it does not know."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from spooler.port import DocumentKey, Phase
from spooler.remote_port import RemoteHost
from tests.contract.monitor_host import OWNER, Host, served_host

SECOND = 1000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path, greeted=False) as found:
        yield found


async def phase_of(host: Host, ms: int, fabric: str = "fabric") -> pb.DocumentPhase.ValueType:
    owner = pb.PortOwner(fabric_id=fabric, spooler_id="spooler")
    request = pb.QueryDocumentsRequest(owner=owner, port="IP_1")
    request.documents.add(job_uid=ms.to_bytes(6, "big") + b"\x70" + bytes(9), attempt=1)
    return (await host.monitor.QueryDocuments(request)).documents[0].phase


def told(ms: int, run: str) -> pb.InitializeRequest:
    request = pb.InitializeRequest(owner=OWNER, instance_id=run)
    request.fabric_time.FromMilliseconds(ms)
    return request


async def test_a_spooler_that_tells_no_time_hears_that_nothing_is_known(host: Host) -> None:
    await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))
    assert await phase_of(host, now_ms() + 3600 * SECOND) == pb.DOCUMENT_PHASE_UNKNOWN


async def test_a_time_that_another_run_was_told_is_not_taken(host: Host) -> None:
    start = now_ms()
    for run in ("", "another run"):
        await host.monitor.Initialize(told(start, run))
    assert await phase_of(host, start + SECOND) == pb.DOCUMENT_PHASE_UNKNOWN
    run = (await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER))).instance_id
    await host.monitor.Initialize(told(start, run))
    assert await phase_of(host, start + SECOND) == pb.DOCUMENT_PHASE_NEVER_SEEN
    assert await phase_of(host, start) == pb.DOCUMENT_PHASE_UNKNOWN
    assert await phase_of(host, start + SECOND, "another fabric") == pb.DOCUMENT_PHASE_UNKNOWN


async def test_the_spooler_tells_the_time_of_its_store_and_understands_the_answers(host: Host) -> None:
    noon = 1_800_000_000_000  # of a clock that has nothing to do with this machine's

    async def fabric_time() -> int:
        return noon

    async with grpc.aio.insecure_channel(host.address) as channel:
        link = RemoteHost("edge-7", host.address, channel, ("fabric", "spooler"), 30.0, fabric_time)
        await link.initialize()
        keys = [DocumentKey((noon + after).to_bytes(6, "big") + b"\x70" + bytes(9), 1) for after in (0, 1)]
        answers = await link.query("IP_1", keys)
    assert [one.phase for one in answers] == [Phase.UNKNOWN, Phase.NEVER_SEEN]
