from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.client import Channels
from chassis.errors import DeadlineExceeded, HostUnreachable, Verdict
from chassis.settings import ChannelSettings
from portui.fabric import Spooler
from printfabric.portui.v1 import portui_service_pb2 as pb
from tests.fakes.port_service import FakePortService
from tests.unit.portui.conftest import portui_before, served
from tests.unit.portui.requests import COM1, configure


async def test_a_spooler_that_is_down_is_named(free_port: Any):
    address = f"127.0.0.1:{free_port()}"
    async with portui_before(address) as portui:
        for call in (
            portui.DescribeForm(pb.DescribeFormRequest(port=COM1)),
            portui.AddPortUI(pb.AddPortUIRequest(parent="edge-7", monitor="Acme Port", port_id="X")),
            portui.ConfigurePortUI(pb.ConfigurePortUIRequest(name=COM1)),
            portui.DeletePortUI(pb.DeletePortUIRequest(name=COM1)),
        ):
            with pytest.raises(HostUnreachable, match=f"spooler at {address} does not answer") as caught:
                await call
            assert (caught.value.code, caught.value.win32) == ("UNAVAILABLE", 1722)
            assert caught.value.metadata["service"] == "spooler"
            assert caught.value.metadata["address"] == address


async def test_a_spooler_that_came_back_is_used_again(free_port: Any, spooler: FakePortService):
    address = f"127.0.0.1:{free_port()}"
    async with portui_before(address) as portui:
        with pytest.raises(HostUnreachable):
            await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))
        async with served(spooler, address):
            for _ in range(100):
                try:
                    await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))
                    break
                except HostUnreachable:
                    await asyncio.sleep(0.1)
            assert "DescribeUI" in spooler.calls


async def test_a_host_that_the_spooler_cannot_reach_is_not_called_the_spooler(
    portui: Any, spooler: FakePortService
):
    spooler.raises["XcvOpen"] = HostUnreachable("host edge-7 does not answer", host="edge-7")
    with pytest.raises(HostUnreachable, match="^host edge-7 does not answer") as caught:
        await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))
    assert caught.value.metadata == {"host": "edge-7"}


async def test_a_spooler_that_does_not_answer_in_time_is_named(spooler: FakePortService):
    spooler.stuck.add("XcvOpen")
    async with served(spooler) as address, Channels(ChannelSettings(deadline_s=0.2)) as channels:
        fabric = Spooler(channels, address).on_behalf_of()
        with pytest.raises(DeadlineExceeded, match="spooler at .* does not answer") as caught:
            async with fabric.session(port=COM1):
                pass
        assert caught.value.verdict is Verdict.RETRY


async def test_the_session_is_closed_when_the_conversation_fails(portui: Any, spooler: FakePortService):
    spooler.raises["PortIsValid"] = HostUnreachable("host edge-7 does not answer", host="edge-7")
    with pytest.raises(HostUnreachable):
        await portui.ConfigurePortUI(configure({"baud": 19200}))
    assert spooler.sessions == {}


async def test_a_session_that_cannot_be_closed_does_not_spoil_what_was_done(
    portui: Any, spooler: FakePortService
):
    spooler.raises["XcvClose"] = HostUnreachable("host edge-7 does not answer", host="edge-7")
    assert (await portui.ConfigurePortUI(configure({"baud": 19200}))).changed


async def test_a_persons_token_goes_on_to_the_spooler_with_every_call(portui: Any, spooler: FakePortService):
    as_anna = (("authorization", "Bearer anna"),)
    with capture_logs() as lines:
        await portui.ConfigurePortUI(configure({"baud": 19200}), metadata=as_anna)
    assert len(spooler.calls) == len(spooler.tokens) > 5
    assert set(spooler.tokens) == {"Bearer anna"}
    assert [line["who"] for line in lines if line["event"] == "port configured"] == ["token:anna"]


async def test_without_a_token_of_the_callers_none_goes_on(portui: Any, spooler: FakePortService):
    await portui.ConfigurePortUI(configure({"baud": 19200}))
    assert spooler.tokens == []
