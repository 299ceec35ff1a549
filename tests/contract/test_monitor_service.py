"""MonitorService and XcvService over gRPC: codes, streams, take-over, watching, against a real server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.status import error_from_rpc
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import OWNER, Host, ended, refusal, served_host, whole


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def test_functions_one_by_one_print_and_fail_with_the_offset(host: Host) -> None:
    m, handle, key = host.monitor, (await host.open()).handle, new_key()
    start = pb.StartDocPortRequest(handle=handle)
    start.document.job_uid, start.document.attempt = key
    assert (await m.StartDocPort(start)).progress.phase == pb.DOCUMENT_PHASE_IN_PROGRESS

    async def write(*pieces: tuple[int, bytes]) -> list[int]:
        async def requests() -> AsyncIterator[pb.WritePortRequest]:
            for offset, data in pieces:
                yield pb.WritePortRequest(handle=handle, document=start.document, offset=offset, data=data)

        return [one.progress.accepted async for one in m.WritePort(requests())]

    assert await write((0, b"hello "), (6, b"")) == [6, 6]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await write((7, b"x"))
    error = error_from_rpc(raised.value)
    assert (error.reason, error.metadata["expected"], error.metadata["accepted"]) == (
        "WRONG_OFFSET",
        "6",
        "6",
    )
    assert await write((0, b"hello world")) == [11]
    end = pb.EndDocPortRequest(handle=handle, document=start.document, size_bytes=11)
    for _ in range(2):
        assert (await m.EndDocPort(end)).progress.phase == pb.DOCUMENT_PHASE_ENDED
    assert await write((0, b"hello world")) == [11]
    assert await refusal(write((11, b"!"))) == ("FAILED_PRECONDITION", 6, "WRONG_STATE")
    assert await asyncio.to_thread(host.rig.received, 11) == b"hello world"
    start.document.attempt = 2
    await m.StartDocPort(start)
    end.document.attempt, end.disposition = 2, pb.DISPOSITION_ABORT
    await m.EndDocPort(end)
    assert await refusal(write((0, b"!"))) == ("FAILED_PRECONDITION", 6, "WRONG_STATE")
    start.document.job_uid = b"short"
    assert (await refusal(m.StartDocPort(start)))[:2] == ("INVALID_ARGUMENT", 87)
    start.info.level = 3
    start.document.job_uid = key[0]
    assert (await refusal(m.StartDocPort(start)))[:2] == ("INVALID_ARGUMENT", 124)


async def test_a_stream_carries_many_small_documents_each_in_one_slice(host: Host) -> None:
    handle = (await host.open()).handle
    keys = [new_key() for _ in range(60)]
    stream = host.monitor.StreamDocuments()
    await stream.write(pb.StreamDocumentsRequest(handle=handle))
    for n in range(0, 60, 20):
        slices = [whole(b"%03d" % i, keys[i]) for i in range(n, n + 20)]
        await stream.write(pb.StreamDocumentsRequest(slices=slices))
    await stream.done_writing()
    answers = [response async for response in stream]
    assert (list(answers[0].progress), answers[0].window_bytes) == ([], 1 << 20)
    ends = [
        one.document.job_uid
        for response in answers
        for one in response.progress
        if one.phase == pb.DOCUMENT_PHASE_ENDED and not one.HasField("error")
    ]
    assert ends == [key.uid for key in keys]
    assert await asyncio.to_thread(host.rig.received, 180) == b"".join(b"%03d" % i for i in range(60))
    query = pb.QueryDocumentsRequest(owner=OWNER, port="IP_1")
    assert len((await host.monitor.QueryDocuments(query)).documents) == 60
    settle = pb.SettleDocumentsRequest(
        owner=OWNER, port="IP_1", documents=[whole(b"", key).document for key in keys]
    )
    await host.monitor.SettleDocuments(settle)
    assert not (await host.monitor.QueryDocuments(query)).documents


async def test_an_abort_ends_a_document_although_its_stream_is_full(host: Host) -> None:
    handle, key = (await host.open()).handle, new_key()
    host.rig.stall()
    stream = host.monitor.StreamDocuments()
    first = whole(b"", key)
    first.ClearField("end")
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[first]))

    async def flood() -> None:
        for n in range(200):
            piece = pb.DocumentSlice(document=first.document, offset=n << 17, data=bytes(1 << 17))
            await stream.write(pb.StreamDocumentsRequest(slices=[piece]))

    flooding = asyncio.create_task(flood())
    await asyncio.sleep(0.4)
    end = pb.EndDocPortRequest(handle=handle, document=first.document, disposition=pb.DISPOSITION_ABORT)
    found = (await asyncio.wait_for(host.monitor.EndDocPort(end), 10)).progress
    assert found.phase == pb.DOCUMENT_PHASE_ENDED
    assert found.error.reason == "JOB_CANCELED"
    assert found.accepted < 200 << 17
    flooding.cancel()
    stream.cancel()
    await asyncio.gather(flooding, return_exceptions=True)


async def test_a_take_over_ends_the_old_stream_and_tells_the_new_owner_where_to_go_on(host: Host) -> None:
    handle, key, data = (await host.open()).handle, new_key(), os.urandom(200_000)
    old: Any = host.monitor.StreamDocuments()
    first = whole(data[:50_000], key)
    first.ClearField("end")
    await old.write(pb.StreamDocumentsRequest(handle=handle, slices=[first]))
    await old.read()
    while (await old.read()).progress[-1].accepted < 50_000:
        continue
    opened = await host.open()
    assert [(one.phase, one.accepted) for one in opened.documents] == [
        (pb.DOCUMENT_PHASE_IN_PROGRESS, 50_000)
    ]
    assert error_from_rpc(await asyncio.wait_for(ended(old), 30)).reason == "STALE_FENCE"
    new = host.monitor.StreamDocuments()
    await new.write(pb.StreamDocumentsRequest(handle=opened.handle, slices=[whole(data, key)]))
    await new.done_writing()
    ends = [one async for response in new for one in response.progress]
    assert (ends[-1].phase, ends[-1].accepted) == (pb.DOCUMENT_PHASE_ENDED, 200_000)
    assert await asyncio.to_thread(host.rig.received, len(data)) == data


async def test_a_broken_stream_leaves_the_document_and_whole_ones_that_wait_are_printed(host: Host) -> None:
    handle = (await host.open()).handle
    stream = host.monitor.StreamDocuments()
    keys = [new_key() for _ in range(20)]
    await stream.write(
        pb.StreamDocumentsRequest(handle=handle, slices=[whole(b"%02d" % n, keys[n]) for n in range(20)])
    )
    await stream.read()
    stream.cancel()
    expected = b"".join(b"%02d" % n for n in range(20))
    assert await asyncio.to_thread(host.rig.received, 40) == expected
    assert (await host.monitor.KeepAlive(pb.KeepAliveRequest(handle=handle))).lease.seconds == 30


async def test_numbers_that_cannot_be_meant_are_refused_before_anything_is_opened(host: Host) -> None:
    open_port = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=(1 << 64) - 1)
    assert (await refusal(host.monitor.OpenPort(open_port)))[:2] == ("INVALID_ARGUMENT", 87)
    open_port.fence = 1 << 40
    open_port.lease.FromSeconds(-5)
    assert (await refusal(host.monitor.OpenPort(open_port)))[:2] == ("INVALID_ARGUMENT", 87)
    start = pb.StartDocPortRequest(handle=(await host.open()).handle, resume_offset=(1 << 64) - 1)
    start.document.job_uid, start.document.attempt = new_key()
    assert (await refusal(host.monitor.StartDocPort(start)))[:2] == ("INVALID_ARGUMENT", 87)


async def test_a_reader_that_waits_is_told_that_the_port_was_closed(host: Host) -> None:
    handle = (await host.open()).handle
    read = pb.ReadPortRequest(handle=handle)
    read.timeout.FromSeconds(3600)
    waiting = [asyncio.ensure_future(refusal(host.monitor.ReadPort(read))) for _ in range(20)]
    await asyncio.sleep(0.1)
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    told = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert {answer[2] for answer in told} == {"INVALID_HANDLE"}


async def test_a_configuration_root_is_a_monitors_and_its_handle_dies_with_shutdown(host: Host) -> None:
    m = host.monitor
    await host.ports.add("COM7:", "Local Port", {"device": "/dev/null"})

    async def initialize(root: str, owner: pb.PortOwner = OWNER) -> pb.InitializeResponse:
        return await m.Initialize(pb.InitializeRequest(owner=owner, config_root=root))

    async def listed(handle: bytes) -> list[str]:
        answer = await m.EnumPorts(pb.EnumPortsRequest(monitor_handle=handle))
        return [one.port.port for one in answer.ports]

    roots = {
        "": ["COM7:", "IP_1"],
        "System\\CurrentControlSet\\Control\\Print\\Monitors": ["COM7:", "IP_1"],
        "System\\CurrentControlSet\\Control\\Print\\Monitors\\Local Port": ["COM7:"],
        "…\\Monitors\\Standard TCP/IP Port\\Ports": ["IP_1"],
        "serial": ["COM7:"],
        "x": [],
    }
    handles = {}
    for root, ports in roots.items():
        answer = await initialize(root)
        handles[root] = answer.monitor_handle
        assert await listed(answer.monitor_handle) == ports, root
        assert (await initialize(root)).monitor_handle == answer.monitor_handle
    assert [one.name for one in (await initialize("serial")).monitors] == ["Local Port"]
    assert len(set(handles.values())) == len(roots)
    other = await initialize("", pb.PortOwner(fabric_id="fabric", spooler_id="spooler-2"))
    assert other.monitor_handle not in handles.values()
    await m.Shutdown(pb.ShutdownRequest(owner=OWNER))
    for dead in (*handles.values(), b"", b"garbage"):
        assert await refusal(listed(dead)) == ("FAILED_PRECONDITION", 6, "INVALID_HANDLE")
    assert await listed(other.monitor_handle) == ["COM7:", "IP_1"]
    assert (await initialize("")).monitor_handle not in handles.values()
