"""Who dials in proves which host it is: everybody else meets a clear error, a line in the audit, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc.aio
import pytest

from chassis.client import Channels
from chassis.errors import AccessDenied, FabricError, HostUnreachable, InvalidArgument, Overloaded
from chassis.settings import ChannelSettings, ClientTlsSettings
from printfabric.spooler.v1 import registry_service_pb2 as pb
from printfabric.spooler.v1.registry_service_pb2_grpc import RegistryServiceStub
from tests.rig.programs import Program, wait_until
from tests.unit.chassis.certificates import Authority

TUNNEL = "/printfabric.spooler.v1.RegistryService/TunnelHost"
NAMED = "127.0.0.1:9"  # an address of a host that the settings name

_SPOOLER = """
state_dir = "{folder}/state"
spooler_id = "spool-1"
dial_in = {{ heartbeat_s = 20 }}
[server]
tls = {{ cert_file = "{folder}/spooler.crt", key_file = "{folder}/spooler.key", client_ca_file = "{ca}" }}
[server.access]
trust_loopback = "never"
roles = {{ monitor = ["certificate:spiffe://fabric/host/*"], administrator = ["certificate:spiffe://fabric/alice"] }}
[log]
format = "json"
[[hosts]]
name = "named"
address = "{named}"
"""


class Guarded:
    """A spooler behind mutual TLS, and those who come to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, Authority(folder)
        self.authority.issue("spooler", spiffe="spiffe://fabric/spooler")
        text = _SPOOLER.format(folder=folder, ca=self.authority.file, named=NAMED)
        self.spooler = Program("spooler", folder, text)

    def channels(self, who: str, *, authority: Authority | None = None, **how: Any) -> Channels:
        """Return how somebody calls whose certificate says `spiffe://fabric/<who>`."""
        signs = authority or self.authority
        cert, key = signs.issue(who.replace("/", "-"), spiffe=f"spiffe://fabric/{who}", **how)
        tls = ClientTlsSettings(ca_file=self.authority.file, cert_file=cert, key_file=key)
        return Channels(ChannelSettings(tls=tls))

    @asynccontextmanager
    async def caller(self, who: str, **how: Any) -> AsyncIterator[Any]:
        """Give the stub of somebody."""
        async with self.channels(who, **how) as channels:
            yield RegistryServiceStub(channels.get(self.address))

    @property
    def address(self) -> str:
        return self.spooler.address.replace("127.0.0.1", "localhost")

    def log(self) -> list[dict[str, Any]]:
        """Return what the spooler has logged."""
        lines = self.spooler.log.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def audit(self) -> list[dict[str, Any]]:
        """Return the lines about calls that were refused."""
        return [line for line in self.log() if line.get("event") == "refused" and "method" in line]

    def said(self, event: str, host: str) -> bool:
        """Say whether the spooler has logged an event about a host."""
        return any(line.get("event") == event and line.get("host") == host for line in self.log())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    running = Guarded(tmp_path_factory.mktemp("dial"))
    running.spooler.start()
    yield running
    running.spooler.stop()


async def refusal(call: Any, *messages: Any) -> FabricError:
    """Send messages, or the end of them all, and return the error the call ends with."""
    try:
        for message in messages:
            await call.write(message)
        if not messages:
            await call.done_writing()
        await all_of(call)
    except FabricError as error:
        return error
    raise AssertionError("it was taken")


async def registered(stub: Any, host: str, instance: str) -> Any:
    """Let a host be here; return its registration."""
    call = stub.RegisterHost()
    await call.write(pb.RegisterHostRequest(host=host, instance_id=instance))
    answer = await call.read()
    assert answer.spooler_id == "spool-1"
    assert answer.heartbeat.ToTimedelta().total_seconds() == 20
    return call


async def first_of(stub: Any, host: str, instance: str) -> tuple[Any, Any]:
    """Let a host be here; return its registration and the first tunnel that is wanted of it."""
    call = await registered(stub, host, instance)
    return call, await call.read()


async def all_of(call: Any) -> None:
    """Read to the end of a stream, which is an error."""
    while await call.read() is not grpc.aio.EOF:
        pass


async def audited(guarded: Guarded, before: int, *reasons: str) -> None:
    """Check that these refusals, and no others, were written since."""
    await asyncio.to_thread(wait_until, lambda: len(guarded.audit()) >= before + len(reasons))
    lines = guarded.audit()[before:]
    assert [line["reason"] for line in lines] == list(reasons)
    assert all(line["why"] and line["peer"] and line["request_id"] for line in lines)


async def test_without_a_good_certificate_there_is_no_connection(guarded: Guarded, tmp_path: Path):
    stranger = Authority(tmp_path, "another authority")
    for how in ({"expired": True}, {"authority": stranger}):
        async with guarded.caller("host/edge-1", **how) as stub:
            error = await refusal(stub.RegisterHost(), pb.RegisterHostRequest(host="edge-1"))
            assert isinstance(error, HostUnreachable), error
    assert guarded.spooler.runs


async def test_a_host_speaks_for_itself_only_whatever_it_says(guarded: Guarded):
    before = len(guarded.audit())
    for who in ("host/edge-2", "host/edge-1x"):
        async with guarded.caller(who) as stub:
            error = await refusal(stub.RegisterHost(), pb.RegisterHostRequest(host="edge-1"))
            assert isinstance(error, AccessDenied), error
    for who in ("alice", "edge-1"):  # without the role they are not listened to
        async with guarded.caller(who) as stub:
            with pytest.raises(AccessDenied):
                await all_of(stub.RegisterHost())
    await audited(guarded, before, *["ACCESS_DENIED"] * 4)


async def test_what_is_no_announcement_is_refused(guarded: Guarded):
    async with guarded.caller("host/edge-1") as stub:
        for said in (
            [pb.RegisterHostRequest()],
            [pb.RegisterHostRequest(host="edge-1/COM1:")],
            [pb.RegisterHostRequest(host="edge-1", address="10.0.0.7:26152")],
            [],
        ):
            assert isinstance(await refusal(stub.RegisterHost(), *said), InvalidArgument)


async def test_a_host_that_the_settings_name_is_not_taken_over(guarded: Guarded):
    before = len(guarded.audit())
    async with guarded.caller("host/named") as stub:
        error = await refusal(stub.RegisterHost(), pb.RegisterHostRequest(host="named"))
    assert (error.reason, error.code) == ("HOST_ALREADY_HERE", "ALREADY_EXISTS")
    assert NAMED in error.message
    await audited(guarded, before, "HOST_ALREADY_HERE")


async def test_a_copy_of_a_host_is_refused_while_the_host_lives_and_the_same_run_is_not(guarded: Guarded):
    before = len(guarded.audit())
    async with guarded.caller("host/edge-3") as stub, guarded.caller("host/edge-3") as copy:
        first = await registered(stub, "edge-3", "run-1")

        async def live() -> None:
            while True:
                await first.write(pb.RegisterHostRequest())
                await asyncio.sleep(0.05)

        living = asyncio.create_task(live())
        hello = pb.RegisterHostRequest(host="edge-3", instance_id="run-2")
        error = await refusal(copy.RegisterHost(), hello)
        assert error.reason == "HOST_ALREADY_HERE"
        living.cancel()
        await audited(guarded, before, "HOST_ALREADY_HERE")
        again = await registered(copy, "edge-3", "run-1")
        with pytest.raises(FabricError, match="has dialled in again"):
            await all_of(first)
        again.cancel()


async def test_tunnels_are_for_whom_they_were_wanted_of(guarded: Guarded):
    before = len(guarded.audit())
    async with guarded.caller("host/edge-5") as stub, guarded.caller("host/edge-6") as other:
        call, wanted = await first_of(stub, "edge-5", "run-1")
        opening = pb.TunnelHostRequest(tunnel_id=wanted.tunnel_id)
        assert isinstance(await refusal(other.TunnelHost(), opening), AccessDenied)
        made_up = pb.TunnelHostRequest(tunnel_id="made-up")
        assert isinstance(await refusal(stub.TunnelHost(), made_up), AccessDenied)
        await audited(guarded, before, "ACCESS_DENIED", "ACCESS_DENIED")
        tunnel = stub.TunnelHost()
        await tunnel.write(opening)
        assert (await tunnel.read()).data.startswith(b"PRI * HTTP/2.0")  # the spooler begins to speak gRPC
        assert isinstance(await refusal(stub.TunnelHost(), opening), AccessDenied)  # a second time
        call.cancel()


BAD_FRAMES = [
    ([pb.TunnelHostRequest(data=b"before its name").SerializeToString()], InvalidArgument),
    ([b"\xff\xff\xff\xff"], InvalidArgument),
    (["good", pb.TunnelHostRequest(data=bytes((256 << 10) + 1)).SerializeToString()], Overloaded),
    (["good", pb.TunnelHostRequest(tunnel_id="again").SerializeToString()], InvalidArgument),
    (["good", b"\x12\xff\xff\xff\xff\x0f"], InvalidArgument),
]


@pytest.mark.parametrize(("frames", "expected"), BAD_FRAMES)
async def test_frames_that_are_too_large_or_none_at_all_end_the_tunnel(guarded: Guarded, frames, expected):
    before, host = len(guarded.audit()), f"edge-{10 + BAD_FRAMES.index((frames, expected))}"
    async with guarded.channels(f"host/{host}") as channels:
        channel = channels.get(guarded.address)
        call, wanted = await first_of(RegistryServiceStub(channel), host, "run-1")
        good = pb.TunnelHostRequest(tunnel_id=wanted.tunnel_id).SerializeToString()
        raw = channel.stream_stream(TUNNEL, lambda data: data, lambda data: data)()
        error = await refusal(raw, *(good if one == "good" else one for one in frames))
        assert type(error) is expected, error
        call.cancel()
    await audited(guarded, before, error.reason)


_PORTMON = """
host_name = "{host}"
state_dir = "{folder}/{host}"
dial_out = {{ spoolers = ["{spooler}"], most_wait_s = 0.2 }}
dial_out_channel.tls = {{ ca_file = "{ca}", cert_file = "{folder}/{host}.crt", key_file = "{folder}/{host}.key"{more} }}
[log]
format = "json"
"""


@contextmanager
def portmon(guarded: Guarded, host: str, socket: Path, more: str = "") -> Iterator[Program]:
    """Run a host that dials the spooler with `<host>.crt`."""
    folder = guarded.folder / f"run-{host}"
    folder.mkdir()
    text = _PORTMON.format(
        host=host, folder=guarded.folder, ca=guarded.authority.file, spooler=guarded.address, more=more
    )
    program = Program("portmon", folder, text, socket_file=socket)
    program.start()
    try:
        yield program
    finally:
        program.stop()


def test_a_host_whose_certificate_has_expired_dials_in_when_it_has_a_new_one_without_a_restart(
    guarded: Guarded,
):
    guarded.authority.issue("edge-30", spiffe="spiffe://fabric/host/edge-30", expired=True)
    with TemporaryDirectory() as folder, portmon(guarded, "edge-30", Path(folder) / "p.sock") as host:
        wait_until(lambda: "spooler is not connected" in host.log.read_text("utf-8"))
        assert not guarded.said("host dialled in", "edge-30")
        guarded.authority.issue("edge-30", spiffe="spiffe://fabric/host/edge-30")
        wait_until(lambda: guarded.said("host answers", "edge-30"))
        assert host.starts == 1
        # The port monitor knows the spooler as whom it has dialled, and nobody else calls.
        assert f'"caller": "dialled:{guarded.address}"' in host.log.read_text("utf-8")
        assert '"caller": "unix' not in host.log.read_text("utf-8")


def test_a_host_serves_nobody_who_is_not_the_spooler_that_it_dials(guarded: Guarded):
    guarded.authority.issue("edge-31", spiffe="spiffe://fabric/host/edge-31")
    more = ', server_name = "spooler.example"'
    with TemporaryDirectory() as folder, portmon(guarded, "edge-31", Path(folder) / "p.sock", more) as host:
        wait_until(lambda: host.log.read_text("utf-8").count("spooler is not connected") > 0)
        assert not guarded.said("host dialled in", "edge-31")
        assert "MonitorService" not in host.log.read_text("utf-8")


async def test_after_all_that_nothing_unexpected_was_logged(guarded: Guarded):
    assert [line for line in guarded.log() if line.get("level") == "error" or "error_id" in line] == []
