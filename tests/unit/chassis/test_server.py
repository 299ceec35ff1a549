from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]

from chassis import errors
from chassis.client import Channels
from chassis.server import Server, StartError
from chassis.settings import ChannelSettings, KeepaliveSettings, ServerSettings
from chassis.status import error_from_rpc
from tests.unit.chassis.echo import NAME, EchoService, EchoStub, echo, echo_server

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ROOT = Path(__file__).parents[3]


async def health_of(address: str, service: str = "") -> Any:
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=service), timeout=2
        )
        return answer.status


async def how_it_failed(stream: Any) -> errors.FabricError | None:
    try:
        while await stream.read() is not grpc.aio.EOF:
            pass
    except errors.FabricError as error:
        return error
    return None


def open_file_count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Program:
    """A program of ours as a child process, that ends with the test."""

    def __init__(self, tmp_path: Path, *flags: str) -> None:
        self.ready_file = tmp_path / "ready.json"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.unit.chassis.echo_program",
                "--ready-file",
                str(self.ready_file),
                *flags,
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}/services:{ROOT}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def ready(self) -> Any:
        for _ in range(400):
            if self.ready_file.exists():
                return json.loads(self.ready_file.read_text())
            if self.process.poll() is not None:
                pytest.fail(f"the program ended: {self.process.communicate()[1]}")
            await asyncio.sleep(0.02)
        pytest.fail("the program is not ready after 8 s")

    async def ended(self) -> tuple[int, str, str]:
        out, err = await asyncio.to_thread(self.process.communicate, timeout=10)
        return self.process.returncode, out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.communicate()


async def test_a_program_serves_drains_in_order_and_exits_with_0(tmp_path):
    with Program(tmp_path, "--metrics-listen", "127.0.0.1:0") as program:
        ready = await program.ready()
        assert ready["pid"] == program.process.pid
        async with Channels() as channels:
            stub = EchoStub(channels.get(ready["addresses"][0]))
            assert await stub.Echo(b"x") == b"x"
            page = await asyncio.to_thread(
                urllib.request.urlopen, f"http://{ready['metrics']}/metrics", timeout=3
            )
            with page:
                text = page.read().decode()
            assert f'printfabric_rpc_handled_total{{code="OK",method="/{NAME}/Echo",reason=""}} 1.0' in text
            assert 'printfabric_build_info{service="echo"' in text
            # The service releases its slow call in its drain callback.
            slow = asyncio.ensure_future(stub.Slow(b"in flight"))
            await asyncio.sleep(0.1)
            program.process.send_signal(signal.SIGTERM)
            assert await slow == b"in flight"
        code, out, err = await program.ended()
    assert (code, out.split()) == (0, ["started", "drain-callback", "loop-cancelled", "closed"]), err
    assert not program.ready_file.exists()


async def test_a_second_sigint_ends_the_program_at_once(tmp_path):
    with Program(tmp_path, "--drain-delay-s", "30") as program:
        await program.ready()
        program.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.2)
        assert program.process.poll() is None
        program.process.send_signal(signal.SIGINT)
        code, _out, _err = await program.ended()
    assert code == 130


async def test_a_program_whose_address_is_in_use_says_so_in_one_line(tmp_path):
    async with echo_server() as (_stub, server):
        with Program(tmp_path, "--listen", server.addresses[0]) as program:
            code, _out, err = await program.ended()
    assert code == 69
    assert (
        err
        == f"fabric-echo: cannot listen on {server.addresses[0]}: the address is in use by another program\n"
    )


async def test_a_program_with_wrong_certificates_says_so_in_one_line(tmp_path):
    (tmp_path / "x.pem").write_text("nonsense")
    with Program(
        tmp_path, "--cert-file", str(tmp_path / "x.pem"), "--key-file", str(tmp_path / "x.pem")
    ) as program:
        code, _out, err = await program.ended()
    assert code == 78
    assert len(err.splitlines()) == 1
    assert "x.pem: not a certificate and its private key" in err


@pytest.mark.alone
async def test_a_frozen_peer_is_noticed_within_keepalives_time(tmp_path):
    quick = ChannelSettings(keepalive=KeepaliveSettings(time_s=1, timeout_s=0.5))
    with Program(tmp_path) as program:
        ready = await program.ready()
        async with Channels(quick) as channels:
            stream = EchoStub(channels.get(ready["addresses"][0])).Chat()
            await stream.write(b"alive")
            assert await stream.read() == b"alive"
            program.process.send_signal(signal.SIGSTOP)
            started = asyncio.get_running_loop().time()
            with pytest.raises(errors.HostUnreachable):
                await asyncio.wait_for(stream.read(), 30)
            assert asyncio.get_running_loop().time() - started < 4


async def test_a_client_that_pings_as_the_lan_profile_does_is_not_turned_away():
    quick = ChannelSettings(keepalive=KeepaliveSettings(time_s=1, timeout_s=1))
    settings = ServerSettings(keepalive=KeepaliveSettings(min_ping_interval_s=0.5), grace_s=0.1)
    async with echo_server(settings=settings, channels=Channels(quick)) as (stub, _server):
        chat = stub.Chat()
        await chat.write(b"a")
        assert await chat.read() == b"a"
        await asyncio.sleep(4.6)  # the fourth ping too soon would end the connection
        await chat.write(b"b")
        assert await chat.read() == b"b"


async def test_health_tells_each_service_and_the_probes_names():
    async with echo_server() as (_stub, server):
        for name in ("", NAME, "startup", "liveness"):
            assert await health_of(server.addresses[0], name) == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_of(server.addresses[0], "nothing")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        server.health.set(NAME, serving=False)
        assert await health_of(server.addresses[0], NAME) == NOT_SERVING
        assert await health_of(server.addresses[0]) == SERVING


@pytest.mark.alone
async def test_a_watch_sees_the_drain_and_does_not_hold_it_up():
    settings = ServerSettings(grace_s=10, drain_delay_s=0.1)
    server = Server(settings, servicers=[echo()])
    await server.start()
    async with grpc.aio.insecure_channel(server.addresses[0]) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=NAME))
        assert (await watch.read()).status == SERVING
        started = asyncio.get_running_loop().time()
        stopping = asyncio.ensure_future(server.stop())
        assert (await watch.read()).status == NOT_SERVING
        await stopping
        assert asyncio.get_running_loop().time() - started < 2


async def test_the_drain_keeps_its_order():
    steps: list[str] = []
    service = EchoService()

    async def first() -> None:
        steps.append("first")
        status = await asyncio.gather(health_of(address), return_exceptions=True)
        steps.append("closed to new calls" if isinstance(status[0], grpc.aio.AioRpcError) else "open")
        service.release.set()

    async def failing() -> None:
        steps.append("failing")
        raise OSError("disk")

    async def last() -> None:
        steps.append("last")

    server = Server(ServerSettings(grace_s=5), servicers=[echo(service)], on_drain=[first, failing, last])
    await server.start()
    address = server.addresses[0]
    async with Channels() as channels:
        slow = asyncio.ensure_future(EchoStub(channels.get(address)).Slow(b"x"))
        await service.entered.wait()
        await server.stop()
        steps.append("stopped")
        assert await slow == b"x"
    assert steps == ["first", "closed to new calls", "failing", "last", "stopped"]


@pytest.mark.alone
async def test_calls_that_outlive_the_grace_time_are_cancelled():
    async def too_long() -> None:
        await asyncio.Event().wait()

    service = EchoService()
    server = Server(ServerSettings(grace_s=0.2), servicers=[echo(service)], on_drain=[too_long])
    await server.start()
    async with Channels() as channels:
        stub = EchoStub(channels.get(server.addresses[0]))
        stream = stub.Forever(b"")
        await stream.read()
        started = asyncio.get_running_loop().time()
        await server.stop()
        assert asyncio.get_running_loop().time() - started < 2
        assert type(await how_it_failed(stream)) in {errors.CallCanceled, errors.HostUnreachable}
    await asyncio.wait_for(service.cleaned_up.wait(), 30)


async def test_two_servers_cannot_share_a_port_or_a_socket(tmp_path):
    unix = f"unix:{tmp_path}/s"
    async with Server(ServerSettings(listen=("127.0.0.1:0", unix)), servicers=[echo()]) as server:
        for address in server.addresses:
            with pytest.raises(StartError, match="in use by another program"):
                await Server(ServerSettings(listen=(address,)), servicers=[echo()]).start()
        assert await health_of(unix) == SERVING
    assert not (tmp_path / "s").exists()


async def test_a_socket_left_by_a_killed_server_is_taken_over(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{tmp_path}/s")
    settings = ServerSettings(listen=(f"unix:{tmp_path}/s",), socket_mode="0660", grace_s=0)
    async with Server(settings, servicers=[echo()]) as server:
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
        assert await health_of(server.addresses[0]) == SERVING


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        ("unix:{tmp}/file", "is no socket"),
        ("unix:{tmp}/no/s", "no directory"),
        ("192.0.2.1:0", "does not have that address"),
        ("no.such.host.invalid:1", "no such host"),
    ],
)
async def test_addresses_that_cannot_be_bound_say_why(tmp_path, listen, message):
    (tmp_path / "file").write_text("precious")
    settings = ServerSettings(listen=(listen.format(tmp=tmp_path),), plaintext=True)
    with pytest.raises(StartError, match=message):
        await Server(settings, servicers=[echo()]).start()
    assert (tmp_path / "file").read_text() == "precious"


async def test_garbage_on_the_listener_hurts_nobody():
    async with echo_server() as (stub, server):
        host, _, port = server.addresses[0].rpartition(":")
        open_files = open_file_count()
        for garbage in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            os.urandom(70_000),
            b"PRI * HTTP/2.0\r\n\r\nSM",
        ):
            for _ in range(5):
                _reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(garbage)
                await writer.drain()
                writer.close()
        async with grpc.aio.insecure_channel(server.addresses[0]) as channel:
            for n in range(50):
                ask: Any = channel.unary_unary(f"/no.Such{n}/Method{n}")
                with pytest.raises(grpc.aio.AioRpcError):
                    await ask(os.urandom(10))
        assert await stub.Echo(b"still here") == b"still here"
        await asyncio.sleep(0.2)
        assert open_file_count() <= open_files + 5


async def test_a_message_above_the_limit_is_refused_by_name():
    settings = ServerSettings(max_message_bytes=64 << 10, grace_s=0)
    async with echo_server(settings=settings) as (stub, _server):
        with pytest.raises(errors.Overloaded):
            await stub.Echo(b"x" * (65 << 10))
        assert await stub.Echo(b"x") == b"x"


@pytest.mark.parametrize(("size", "told"), [(65 << 10, "65536"), (200 << 10, "")])
async def test_a_message_that_is_not_far_above_the_limit_is_told_the_limit(size, told):
    settings = ServerSettings(max_message_bytes=64 << 10, grace_s=0)
    async with echo_server(settings=settings) as (_stub, server):
        async with grpc.aio.insecure_channel(server.addresses[0]) as channel:
            ask: Any = channel.unary_unary(f"/{NAME}/Echo")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(b"x" * size)
        found = error_from_rpc(caught.value)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert found.reason == "OVERLOADED"
        assert found.metadata.get("max_bytes", "") == told


async def test_probes_have_a_plain_listener_of_their_own():
    settings = ServerSettings(health_listen="127.0.0.1:0", grace_s=0)
    async with Server(settings, servicers=[echo()]) as server:
        assert server.health_address not in {None, server.addresses[0]}
        assert await health_of(server.health_address, "startup") == SERVING
        async with Channels() as channels:
            with pytest.raises(errors.NotSupported):
                await EchoStub(channels.get(server.health_address)).Echo(b"")


@pytest.mark.parametrize("wanted", [True, False])
async def test_reflection_is_a_flag(wanted):
    server = Server(ServerSettings(reflection=wanted, grace_s=0), servicers=[echo()])
    found: list[str] = []
    async with server, grpc.aio.insecure_channel(server.addresses[0]) as channel:
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask]))
        if wanted:
            found += [service.name for service in (await call.read()).list_services_response.service]
        assert await call.code() is (grpc.StatusCode.OK if wanted else grpc.StatusCode.UNIMPLEMENTED)
    assert (NAME in found) is wanted


async def test_a_metrics_address_in_use_is_a_start_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ServerSettings(metrics_listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StartError, match="for metrics"):
            await Server(settings, servicers=[echo()]).start()


async def test_a_ready_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    settings = ServerSettings(listen=(f"unix:{tmp_path}/s",), ready_file=tmp_path / "no" / "ready.json")
    with pytest.raises(StartError, match=r"cannot write .*/no/ready\.json"):
        await Server(settings, servicers=[echo()]).start()
    assert not (tmp_path / "s").exists()
