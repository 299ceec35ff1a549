from __future__ import annotations

import asyncio
import socket

import pytest

from chassis import errors
from chassis.client import Channels
from chassis.server import Server
from chassis.settings import ChannelSettings, ServerSettings
from chassis.tls import CertificateError
from tests.unit.chassis.echo import NAME, EchoService, EchoStub, echo, echo_server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
    return port


async def test_a_peer_that_comes_back_is_found_again_soon():
    settings = ServerSettings(listen=(f"127.0.0.1:{free_port()}",), grace_s=0)
    async with Channels() as channels:
        stub = EchoStub(channels.get(settings.listen[0]))
        async with Server(settings, servicers=[echo()]):
            assert await stub.Echo(b"1") == b"1"
        with pytest.raises(errors.HostUnreachable):
            await stub.Echo(b"2")
        async with Server(settings, servicers=[echo()]):
            assert await stub.Echo(b"3", wait_for_ready=True, timeout=5) == b"3"


async def test_only_calls_told_idempotent_are_repeated():
    class Flaky(EchoService):
        def __init__(self) -> None:
            super().__init__()
            self.tries = {"Echo": 0, "About": 0}

        async def Echo(self, request, context):
            return await self.try_it("Echo", request)

        async def About(self, request, context):
            return await self.try_it("About", request)

        async def try_it(self, name: str, request: bytes) -> bytes:
            self.tries[name] += 1
            if self.tries[name] < 3:
                raise errors.StoreUnavailable("the database restarts")
            return request

    service = Flaky()
    async with echo_server(service, channels=Channels(idempotent=[f"{NAME}/Echo"])) as (stub, _server):
        assert await stub.Echo(b"x") == b"x"
        with pytest.raises(errors.StoreUnavailable):
            await stub.About(b"x")
    assert service.tries == {"Echo": 3, "About": 1}


async def test_a_unary_call_without_a_deadline_gets_one_and_a_stream_does_not():
    service = EchoService()
    async with echo_server(service, channels=Channels(ChannelSettings(deadline_s=0.2))) as (stub, _server):
        stream = stub.Forever(b"")
        with pytest.raises(errors.DeadlineExceeded):
            await stub.Slow(b"")
        for _ in range(20):
            assert await stream.read() == b"."
        stream.cancel()


async def test_a_cancelled_caller_sees_its_own_cancellation():
    service = EchoService()
    async with echo_server(service) as (stub, _server):
        caller = asyncio.ensure_future(stub.Slow(b""))
        await service.entered.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller


async def test_a_forgotten_peers_streams_end():
    async with echo_server() as (_stub, server), Channels() as channels:
        address = server.addresses[0]
        stream = EchoStub(channels.get(address)).Forever(b"")
        await stream.read()
        await channels.forget(address)
        with pytest.raises(errors.CallCanceled):
            await read_to_the_end(stream)
        assert await EchoStub(channels.get(address)).Echo(b"again") == b"again"


async def test_calls_of_a_channel_that_is_led_elsewhere_end_with_an_error_and_no_task_is_cancelled_by_it():
    service = EchoService()
    async with echo_server(service) as (_stub, server), Channels() as channels:
        channel = channels.movable(server.addresses[0])
        stub = EchoStub(channel)
        stream = stub.Forever(b"")

        async def listen() -> None:
            async for _ in stream:
                pass

        async def ask() -> None:
            await stub.Slow(b"")

        calls = [asyncio.ensure_future(one) for one in (listen(), ask())]
        await service.entered.wait()
        channel.move(server.addresses[0])
        for call in calls:
            with pytest.raises(errors.CallCanceled):
                await call
        assert await stub.Echo(b"there") == b"there"


async def read_to_the_end(stream) -> None:
    for _ in range(1000):
        await stream.read()


async def test_a_callers_metadata_is_kept():
    async with echo_server() as (stub, _server):
        answer = await stub.About(b"", metadata=[("x-request-id", "mine"), ("other", "too")])
    assert answer.startswith(b"mine ")


async def test_answers_can_be_iterated_and_requests_given_as_a_stream():
    async def requests():
        for word in (b"a", b"b", b"c"):
            yield word

    async with echo_server() as (stub, _server):
        assert [answer async for answer in stub.Count(b"3")] == [b"0", b"1", b"2"]
        assert await stub.Join(requests()) == b"abc"
        assert [answer async for answer in stub.Chat(requests())] == [b"a", b"b", b"c"]


async def test_balanced_channels_leave_out_a_server_that_does_not_serve():
    port = free_port()
    settings = [ServerSettings(listen=(f"{host}:{port}",), grace_s=0) for host in ("127.0.0.1", "127.0.0.2")]
    services = [Counting(), Counting()]
    async with (
        Server(settings[0], servicers=[echo(services[0])]) as first,
        Server(settings[1], servicers=[echo(services[1])]),
        Channels(balance=True, health_service=NAME) as channels,
    ):
        stub = EchoStub(channels.get(f"ipv4:127.0.0.1:{port},127.0.0.2:{port}"))
        await stub.Echo(b"", wait_for_ready=True)
        await until_both_are_called(stub, services)
        first.health.set(NAME, serving=False)
        await asyncio.sleep(0.2)
        services[0].calls = 0
        for _ in range(10):
            await stub.Echo(b"")
    assert services[0].calls == 0


class Counting(EchoService):
    calls = 0

    async def Echo(self, request, context):
        self.calls += 1
        return request


async def until_both_are_called(stub, services) -> None:
    for _ in range(200):
        await stub.Echo(b"")
        if all(service.calls for service in services):
            return
        await asyncio.sleep(0.01)
    pytest.fail("calls go to one server only")


@pytest.mark.parametrize("how", ["token_file", "bearer"])
async def test_a_token_is_not_sent_where_others_can_read_it(tmp_path, how):
    (tmp_path / "token").write_text("secret")
    file = {"token_file": tmp_path / "token"} if how == "token_file" else {}
    bearer = (lambda: "secret") if how == "bearer" else None
    async with Channels(ChannelSettings(**file), bearer=bearer) as channels:
        with pytest.raises(CertificateError, match="in the clear"):
            channels.get("spooler.example:26151")
        channels.get("127.0.0.1:26151")
        channels.get(f"unix:{tmp_path}/s")
    async with Channels(ChannelSettings(plaintext=True, **file), bearer=bearer) as channels:
        channels.get("spooler.example:26151")
