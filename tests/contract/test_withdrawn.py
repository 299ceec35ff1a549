"""Documents that a spooler wants back: one that has not begun is never printed, one that has goes on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import OWNER, Host, served_host, whole
from tests.rig.until import until

_LONG = 30 << 20  # bytes that no buffer on the way takes


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def withdraw(host: Host, handle: pb.PortHandle, key: tuple[bytes, int]) -> pb.DocumentProgress:
    request = pb.EndDocPortRequest(handle=handle, disposition=pb.DISPOSITION_WITHDRAW)
    request.document.job_uid, request.document.attempt = key
    return (await asyncio.wait_for(host.monitor.EndDocPort(request), 30)).progress


async def test_what_waits_behind_a_document_is_had_back_and_that_document_goes_on(host: Host) -> None:
    handle, keys = (await host.open()).handle, [new_key() for _ in range(3)]
    host.rig.stall()
    first = bytes(_LONG)
    stream: Any = host.monitor.StreamDocuments()
    start = whole(first[:400_000], keys[0])
    start.ClearField("end")
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[start]))
    writing = asyncio.create_task(
        _rest(stream, keys[0], first, [whole(b"second", keys[1]), whole(b"third", keys[2])])
    )
    session = host.ports.get("IP_1").session
    assert session is not None
    await until(lambda: session.in_progress() is not None)
    begun = await withdraw(host, handle, keys[0])
    assert begun.phase == pb.DOCUMENT_PHASE_IN_PROGRESS
    gone = await withdraw(host, handle, keys[1])  # it may not even have come in yet
    assert gone.phase == pb.DOCUMENT_PHASE_NEVER_SEEN
    host.rig.go_on()
    await asyncio.wait_for(writing, 60)
    await stream.done_writing()
    ends = {
        one.document.job_uid: one
        async for response in stream
        for one in response.progress
        if one.phase in (pb.DOCUMENT_PHASE_ENDED, pb.DOCUMENT_PHASE_NEVER_SEEN)
    }
    assert ends[keys[0][0]].phase == ends[keys[2][0]].phase == pb.DOCUMENT_PHASE_ENDED
    assert ends[keys[1][0]].phase == pb.DOCUMENT_PHASE_NEVER_SEEN
    assert await asyncio.to_thread(host.rig.received, _LONG + 5) == first + b"third"


async def _rest(stream: Any, key: tuple[bytes, int], data: bytes, behind: list[pb.DocumentSlice]) -> None:
    for offset in range(400_000, len(data), 1 << 20):
        piece = whole(data[offset : offset + (1 << 20)], key)
        piece.ClearField("start")
        piece.ClearField("end")
        piece.offset = offset
        await stream.write(pb.StreamDocumentsRequest(slices=[piece]))
    end = whole(b"", key)
    end.ClearField("start")
    end.offset = end.end.size_bytes = len(data)
    await stream.write(pb.StreamDocumentsRequest(slices=[end, *behind]))


async def test_what_has_ended_or_was_never_sent_is_told_and_the_next_attempt_prints(host: Host) -> None:
    handle, (uid, attempt) = (await host.open()).handle, new_key()
    assert (await withdraw(host, handle, (uid, attempt))).phase == pb.DOCUMENT_PHASE_NEVER_SEEN
    stream: Any = host.monitor.StreamDocuments()
    late, again = whole(b"late", (uid, attempt)), whole(b"again", (uid, attempt + 1))
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[late, again]))
    await stream.done_writing()
    phases = [one.phase async for response in stream for one in response.progress]
    assert pb.DOCUMENT_PHASE_NEVER_SEEN in phases
    assert (await withdraw(host, handle, (uid, attempt + 1))).phase == pb.DOCUMENT_PHASE_ENDED
    assert await asyncio.to_thread(host.rig.received, 5) == b"again"


async def test_what_the_port_is_only_made_ready_for_is_had_back_at_once(host: Host) -> None:
    with contextlib.ExitStack() as full:
        away = full.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # its queue is full: further connections are neither taken nor refused
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(away.getsockname())
        settings = {"host": "127.0.0.1", "port": away.getsockname()[1], "connectTimeoutS": 60}
        await host.ports.add("IP_2", "Standard TCP/IP Port", settings)
        opened = await host.monitor.OpenPort(pb.OpenPortRequest(owner=OWNER, port="IP_2", fence=1))
        key = new_key()
        stream: Any = host.monitor.StreamDocuments()
        await stream.write(pb.StreamDocumentsRequest(handle=opened.handle, slices=[whole(b"data", key)]))
        session = host.ports.get("IP_2").session
        assert session is not None
        await until(lambda: session.in_progress() is not None)
        assert (await withdraw(host, opened.handle, key)).phase == pb.DOCUMENT_PHASE_NEVER_SEEN
        stream.cancel()
