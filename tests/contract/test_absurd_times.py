"""Times that are none, over gRPC: refused with the field, and nothing is half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from portmon.device_wait import DeviceWait
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_host import OWNER, Host, refusal, served_host


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def test_a_shutdown_with_an_absurd_grace_time_shuts_nothing_down(host: Host) -> None:
    held = (await host.open()).handle
    request = pb.ShutdownRequest(owner=OWNER)
    request.grace.seconds = 10**15
    assert await refusal(host.monitor.Shutdown(request)) == ("INVALID_ARGUMENT", 87, "INVALID_ARGUMENT")
    await host.monitor.KeepAlive(pb.KeepAliveRequest(handle=held))
    await host.open()  # its owner is still registered


async def test_no_function_of_the_monitor_fails_inside_over_a_time(host: Host) -> None:
    held = (await host.open()).handle
    stage = pb.StageDocumentRequest(owner=OWNER, port="IP_1")
    stage.expire_time.seconds = 10**18
    lease = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=99)
    lease.lease.seconds = -(2**63)
    early = pb.InitializeRequest(owner=OWNER)
    early.fabric_time.seconds = -1
    waits = pb.SetPortTimeOutsRequest(handle=held)
    waits.write_total.seconds = 9 * 10**18
    calls = (
        host.monitor.StageDocument(iter([stage])),
        host.monitor.OpenPort(lease),
        host.monitor.Initialize(early),
        host.monitor.SetPortTimeOuts(waits),
    )
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_device_is_waited_for_longer_than_poll_can_count() -> None:
    wait = DeviceWait()
    wait.wake()
    assert wait.poll(None, 0, 3e6) == 0
    wait.close()
