"""PowerEvent over gRPC: what a host does before it sleeps, while it sleeps and when it is back."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from portmon.xcv.session import ADMINISTER
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import OWNER, Host, refusal, served_host, whole
from tests.rig.until import until

PENDING = pb.POWER_EVENT_KIND_SUSPEND_PENDING
SUSPEND = pb.POWER_EVENT_KIND_SUSPEND
RESUME = pb.POWER_EVENT_KIND_RESUME


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


def asked(event: pb.PowerEventKind.ValueType, grace_s: float | None = None) -> pb.PowerEventRequest:
    request = pb.PowerEventRequest(event=event)
    if grace_s is not None:
        request.grace.FromMilliseconds(int(grace_s * 1000))
    return request


async def test_a_document_that_ends_in_time_ends_and_the_port_is_free(host: Host) -> None:
    handle = (await host.open()).handle
    stream: Any = host.monitor.StreamDocuments()
    key = new_key()
    first = whole(b"half ", key)
    first.ClearField("end")
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[first]))
    while not (await stream.read()).progress:
        continue
    sleeping = asyncio.ensure_future(host.monitor.PowerEvent(asked(PENDING, 5)))
    await asyncio.sleep(0.1)
    rest = pb.DocumentSlice(document=first.document, offset=5, data=b"and half")
    rest.end.size_bytes = 13
    await stream.write(pb.StreamDocumentsRequest(slices=[rest]))
    assert list((await asyncio.wait_for(sleeping, 30)).parked) == []
    assert await asyncio.to_thread(host.rig.received, 13) == b"half and half"
    ports = (await host.monitor.EnumPorts(pb.EnumPortsRequest())).ports
    assert not ports[0].HasField("hold")
    stream.cancel()


async def test_a_document_that_does_not_is_parked_at_its_offset_and_nothing_is_opened_until_the_host_is_back(
    host: Host,
) -> None:
    handle, key = (await host.open()).handle, new_key()
    stream: Any = host.monitor.StreamDocuments()
    first = whole(b"half", key)
    first.ClearField("end")
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=[first]))
    while not (await stream.read()).progress:
        continue
    answer = await host.monitor.PowerEvent(asked(SUSPEND))  # sleep without a warning …
    assert [one.accepted for one in answer.parked] == [4]
    answer = await host.monitor.PowerEvent(asked(SUSPEND))  # … told twice
    query = pb.QueryDocumentsRequest(owner=OWNER, port="IP_1")
    parked = (await host.monitor.QueryDocuments(query)).documents
    assert [(one.phase, one.accepted) for one in parked] == [(pb.DOCUMENT_PHASE_ENDED, 4)]
    assert list(answer.parked) == []  # it was parked the first time
    assert await refusal(host.open()) == ("ABORTED", 170, "PORT_BUSY")
    assert (await refusal(host.monitor.KeepAlive(pb.KeepAliveRequest(handle=handle))))[1] == 6
    await host.monitor.PowerEvent(asked(RESUME))
    assert (await host.open()).handle.token
    stream.cancel()


@pytest.mark.parametrize("event", [PENDING, SUSPEND])
@pytest.mark.parametrize("command", ["Probe", "TestPage"])
async def test_a_host_that_sleeps_runs_no_errand_with_a_device_until_it_is_back(
    host: Host, command: str, event: pb.PowerEventKind.ValueType
) -> None:
    opened = await host.xcv.XcvOpenPort(xpb.XcvOpenPortRequest(port="IP_1", granted_access=ADMINISTER))
    given = json.dumps({"ask": "listen"} if command == "Probe" else {"language": "text"}).encode()
    request = xpb.XcvDataPortRequest(handle=opened.handle, data_name=command, input_data=given)
    await host.monitor.PowerEvent(asked(event, 0))
    refused = await host.xcv.XcvDataPort(request)
    assert (refused.status, refused.message) == (170, "the host of port IP_1 sleeps")
    assert not host.rig.connections
    await host.monitor.PowerEvent(asked(RESUME))
    assert (await host.xcv.XcvDataPort(request)).status == 0
    await until(lambda: host.rig.connections)  # the printer's own thread takes them
    assert len(host.rig.connections) == 1


async def power(*words: str) -> tuple[int, str]:
    """Run fabric-power, as systemd does before the machine sleeps and when it is back."""
    command = [sys.executable, "-m", "portmon.api.power_command", *words]
    program = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
    said, _ = await program.communicate()
    return await program.wait(), said.decode()


async def test_the_command_of_the_sleep_unit_suspends_and_resumes_the_host(
    host: Host, tmp_path: Path
) -> None:
    handle = (await host.open()).handle
    code, said = await power("suspend", "--grace", "0.1", "--address", host.address)
    assert (code, said) == (0, "all devices are let go; 0 documents go on where they stopped\n")
    assert (await refusal(host.monitor.KeepAlive(pb.KeepAliveRequest(handle=handle))))[1] == 6
    assert await refusal(host.open()) == ("ABORTED", 170, "PORT_BUSY")
    code, said = await power("resume", "--address", host.address)
    assert (code, said) == (0, "ports may be opened again\n")
    assert (await host.open()).handle.token
    code, said = await power("resume", "--address", f"unix:{tmp_path}/nobody.sock")
    assert code == 69
    assert said.startswith("fabric-power: ")


async def test_who_watches_is_told_that_the_host_is_back_by_the_end_of_the_watch(host: Host) -> None:
    watch: Any = host.monitor.WatchPorts(pb.WatchPortsRequest(owner=OWNER))
    assert len((await watch.read()).ports) == 1
    await host.monitor.PowerEvent(asked(SUSPEND))
    await host.monitor.PowerEvent(asked(RESUME))
    async with asyncio.timeout(30):
        while await watch.read() is not grpc.aio.EOF:
            continue
    again: Any = host.monitor.WatchPorts(pb.WatchPortsRequest(owner=OWNER))
    assert len((await again.read()).ports) == 1
    again.cancel()


async def test_an_event_that_does_not_exist_is_refused(host: Host) -> None:
    assert (await refusal(host.monitor.PowerEvent(pb.PowerEventRequest())))[:2] == ("INVALID_ARGUMENT", 87)
