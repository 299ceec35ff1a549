from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from chassis import errors
from chassis.client import Channels
from chassis.identity import Identity
from chassis.settings import ChannelSettings, ClientTlsSettings, ServerSettings, ServerTlsSettings
from chassis.tls import CertificateError, ServerCertificates
from tests.unit.chassis.certificates import Authority
from tests.unit.chassis.echo import EchoStub, echo_server


def let_all_in(_caller: Identity, _method: str) -> None:
    pass


@pytest.fixture(autouse=True)
def _look_at_files_at_once(monkeypatch):
    monkeypatch.setattr("chassis.watched_files._PAUSE_S", 0.0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def server_settings(authority: Authority, *, mutual: bool = True, **access: object) -> ServerSettings:
    cert, key = authority.issue("server")
    tls = ServerTlsSettings(cert_file=cert, key_file=key, client_ca_file=authority.file if mutual else None)
    roles = {"spooler": ["certificate:spiffe://fabric/spooler"], "viewer": ["certificate:*"]}
    return ServerSettings.model_validate({"tls": tls, "access": {"roles": roles, **access}, "grace_s": 0.2})


def client_settings(
    authority: Authority, pair: tuple[Path, Path] | None = None, **more: object
) -> ChannelSettings:
    cert, key = pair if pair is not None else (None, None)
    tls = ClientTlsSettings(ca_file=authority.file, cert_file=cert, key_file=key)
    return ChannelSettings.model_validate({"tls": tls, "deadline_s": 3, **more})


async def served_certificate(address: str, authority: Authority, pair: tuple[Path, Path]) -> bytes | None:
    context = ssl.create_default_context(cafile=str(authority.file))
    context.load_cert_chain(*pair)
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    _reader, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname="localhost")
    found: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_a_certificate_names_its_caller_and_gives_its_roles(authority):
    pair = authority.issue("client", name="spooler-0", spiffe="spiffe://fabric/spooler")
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, _server):
        assert await stub.WhoAmI(b"") == b"certificate:spiffe://fabric/spooler  spooler,viewer"
        assert await stub.WhoAmI(b"") == b"certificate:spiffe://fabric/spooler  spooler,viewer"


@pytest.mark.parametrize(
    ("dns", "expected"), [(True, b"certificate:edge-7  viewer"), (False, b"certificate:edge-7  viewer")]
)
async def test_without_a_spiffe_id_the_dns_name_or_the_common_name_counts(authority, dns, expected):
    pair = authority.issue("client", name="edge-7", dns=dns)
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, _server):
        assert await stub.WhoAmI(b"") == expected


async def test_a_caller_without_a_certificate_or_with_a_strangers_does_not_get_in(authority, tmp_path):
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "stranger")
    pair = stranger.issue("client", spiffe="spiffe://fabric/spooler")
    async with echo_server(settings=server_settings(authority)) as (plain_stub, server):
        with pytest.raises(errors.HostUnreachable):
            await plain_stub.Echo(b"")
        for settings in (client_settings(authority), client_settings(authority, pair)):
            async with Channels(settings) as channels:
                with pytest.raises(errors.HostUnreachable):
                    await EchoStub(channels.get(server.addresses[0])).Echo(b"")


async def test_a_client_does_not_believe_a_strangers_server(authority, tmp_path):
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "stranger")
    channels = Channels(client_settings(stranger))
    async with echo_server(settings=server_settings(authority, mutual=False), channels=channels) as (
        stub,
        _server,
    ):
        with pytest.raises(errors.HostUnreachable):
            await stub.Echo(b"")


async def test_a_channel_of_ones_own_may_expect_a_name_in_the_servers_certificate(authority):
    pair = authority.issue("client", name="spooler-0", spiffe="spiffe://fabric/spooler")
    settings = client_settings(authority, pair)
    async with (
        echo_server(settings=server_settings(authority)) as (_stub, server),
        Channels(settings) as channels,
    ):
        channel = channels.movable(server.addresses[0], "edge-7")
        with pytest.raises(errors.HostUnreachable):
            await EchoStub(channel).Echo(b"x")
        channel.move(server.addresses[0], "localhost")
        assert await EchoStub(channel).Echo(b"x") == b"x"


async def test_a_channel_says_whether_calls_take_the_connection_of_before(authority):
    pair = authority.issue("client", name="old-name")
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, server):
        channel = channels.get(server.addresses[0])
        await stub.Echo(b"x")
        first = channel.line()
        await stub.Echo(b"x")
        assert channel.line() == first
        authority.issue("client", name="new-name")
        second = channel.line()
        assert second != first
        channel.cut()
        assert channel.line() not in (first, second)
        assert b"new-name" in await stub.WhoAmI(b"")


async def test_the_server_shows_its_new_certificate_and_old_connections_live_on(authority):
    pair = authority.issue("client")
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, server):
        chat = stub.Chat()
        await chat.write(b"before")
        assert await chat.read() == b"before"
        first = await served_certificate(server.addresses[0], authority, pair)
        authority.issue("server")
        second = await served_certificate(server.addresses[0], authority, pair)
        assert first != second
        await chat.write(b"after")
        assert await chat.read() == b"after"


async def test_a_certificate_that_does_not_fit_its_key_is_not_taken(authority, tmp_path):
    pair = authority.issue("client")
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, server):
        first = await served_certificate(server.addresses[0], authority, pair)
        good_key = (tmp_path / "server.key").read_bytes()
        authority.issue("server")
        new_key = (tmp_path / "server.key").read_bytes()
        (tmp_path / "server.key").write_bytes(good_key)
        assert await served_certificate(server.addresses[0], authority, pair) == first
        assert await stub.Echo(b"x") == b"x"
        (tmp_path / "server.key").write_bytes(new_key)
        assert await served_certificate(server.addresses[0], authority, pair) != first


async def test_a_client_goes_on_with_its_new_certificate_while_its_streams_run_on(authority):
    pair = authority.issue("client", name="old-name")
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, _server):
        chat = stub.Chat()
        await chat.write(b"before")
        assert await chat.read() == b"before"
        assert b"old-name" in await stub.WhoAmI(b"")
        authority.issue("client", name="new-name")
        assert b"new-name" in await stub.WhoAmI(b"")
        await chat.write(b"after")
        assert await chat.read() == b"after"


async def test_a_clients_half_written_certificate_leaves_the_old_channel_in_use(authority, tmp_path):
    pair = authority.issue("client", name="old-name")
    channels = Channels(client_settings(authority, pair))
    async with echo_server(settings=server_settings(authority), channels=channels) as (stub, _server):
        assert b"old-name" in await stub.WhoAmI(b"")
        whole = (tmp_path / "client.crt").read_bytes()
        (tmp_path / "client.crt").write_bytes(whole[:100])
        assert b"old-name" in await stub.WhoAmI(b"")
        authority.issue("client", name="new-name")
        assert b"new-name" in await stub.WhoAmI(b"")


async def test_a_persons_token_over_a_services_certificate_names_both(authority, tmp_path):
    tokens = tmp_path / "tokens"
    # sha256 of "letmein"
    tokens.write_text("1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032 anna staff\n")
    settings = server_settings(authority, token_file=str(tokens))
    pair = authority.issue("client", spiffe="spiffe://fabric/portui")
    async with echo_server(settings=settings, channels=Channels(client_settings(authority, pair)),
                           authorize=let_all_in) as (stub, _server):  # fmt: skip
        answer = await stub.WhoAmI(b"", metadata=(("authorization", "Bearer letmein"),))
    assert answer == b"token:anna via certificate:spiffe://fabric/portui staff "


def test_files_that_are_missing_or_nonsense_are_named(authority, tmp_path):
    cert, key = authority.issue("server")
    missing = ServerTlsSettings(cert_file=tmp_path / "no.crt", key_file=key)
    with pytest.raises(CertificateError, match=r"no\.crt: No such file"):
        ServerCertificates(missing)
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(CertificateError, match=r"ca\.pem: not PEM certificates"):
        ServerCertificates(
            ServerTlsSettings(cert_file=cert, key_file=key, client_ca_file=tmp_path / "ca.pem")
        )


async def test_on_tls_loopback_alone_makes_nobody_an_administrator_once_others_can_reach_the_server(
    authority,
):
    settings = server_settings(authority, mutual=False).model_copy(update={"listen": ("0.0.0.0:0",)})
    async with (
        echo_server(settings=settings) as (_stub, server),
        Channels(client_settings(authority)) as channels,
    ):
        stub = EchoStub(channels.get(server.addresses[0].replace("0.0.0.0", "localhost")))
        with pytest.raises(errors.Unauthenticated):
            await stub.Echo(b"")
