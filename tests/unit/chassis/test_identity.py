from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from chassis import errors, identity
from chassis.authentication import Callers, TokenFile, from_certificate
from chassis.client import Channels
from chassis.identity import NOBODY, Identity, Kind, Role, RoleMap
from chassis.server import StartError
from chassis.settings import ChannelSettings, ServerSettings
from chassis.settings_sources import SettingsError
from tests.unit.chassis.echo import EchoStub, echo_server

ALL = "administrator,monitor,operator,spooler,user,viewer"


@pytest.fixture(autouse=True)
def _look_at_files_at_once(monkeypatch):
    monkeypatch.setattr("chassis.watched_files._PAUSE_S", 0.0)


def tokens(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "tokens"
    path.write_text("# hash name groups\n\n" + "\n".join(lines) + "\n")
    return path


def line(token: str, rest: str) -> str:
    return f"{hashlib.sha256(token.encode()).hexdigest()} {rest}"


def with_access(**access: object) -> ServerSettings:
    return ServerSettings.model_validate({"access": access, "grace_s": 0.1})


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def test_callers_from_this_machine_are_administrators_while_nobody_else_can_call(tmp_path):
    settings = ServerSettings(listen=("127.0.0.1:0", "[::1]:0", f"unix:{tmp_path}/s"), grace_s=0.1)
    async with echo_server(settings=settings) as (_stub, server), Channels() as channels:
        answers = [(await EchoStub(channels.get(a)).WhoAmI(b"")).decode() for a in server.addresses]
    assert answers[0] == answers[1] == f"loopback  {ALL}"
    assert answers[2].startswith("unix:uid:")
    assert answers[2].endswith(ALL)


@pytest.mark.parametrize(
    ("listen", "trust", "known"),
    [("0.0.0.0:0", "auto", False), ("0.0.0.0:0", "always", True), ("127.0.0.1:0", "never", False)],
)
async def test_loopback_proves_nothing_where_others_come_from_it_too(listen, trust, known):
    settings = ServerSettings.model_validate(
        {"listen": [listen], "plaintext": True, "access": {"trust_loopback": trust}, "grace_s": 0.1}
    )
    async with echo_server(settings=settings) as (_stub, server), Channels() as channels:
        stub = EchoStub(channels.get(f"127.0.0.1:{server.addresses[0].rpartition(':')[2]}"))
        if known:
            assert await stub.Echo(b"x") == b"x"
        else:
            with pytest.raises(errors.Unauthenticated):
                await stub.Echo(b"x")


async def test_without_tls_a_server_serves_others_only_when_told_to():
    with pytest.raises(StartError, match=r"0\.0\.0\.0:0 can be reached by others and there is no TLS"):
        async with echo_server(settings=ServerSettings(listen=("127.0.0.1:0", "0.0.0.0:0"), grace_s=0.1)):
            pass


@pytest.mark.parametrize(("mode", "name"), [("0600", "unix:uid:"), ("0660", "unix:gid:")])
async def test_a_unix_sockets_mode_says_who_its_callers_are(tmp_path, mode, name):
    settings = ServerSettings(listen=(f"unix:{tmp_path}/s",), socket_mode=mode, grace_s=0.1)
    async with echo_server(settings=settings) as (stub, _server):
        assert (await stub.WhoAmI(b"")).decode().startswith(name)


async def test_a_unix_socket_open_to_all_proves_nothing(tmp_path):
    settings = ServerSettings(listen=(f"unix:{tmp_path}/s",), socket_mode="0666", grace_s=0.1)
    async with echo_server(settings=settings) as (stub, _server):
        with pytest.raises(errors.Unauthenticated):
            await stub.WhoAmI(b"")


async def test_a_token_names_its_caller_and_groups_give_roles(tmp_path):
    path = tokens(tmp_path, line("letmein", "anna staff,print-admins"), line("tool", "ci"))
    settings = with_access(
        token_file=str(path),
        trust_loopback="never",
        roles={"administrator": ["group:print-*"], "viewer": ["token:ci"]},
    )
    async with echo_server(settings=settings) as (stub, _server):
        anna = await stub.WhoAmI(b"", metadata=bearer("letmein"))
        assert anna == b"token:anna print-admins,staff administrator,operator,user,viewer"
        assert await stub.WhoAmI(b"", metadata=bearer("tool")) == b"token:ci  viewer"


@pytest.mark.parametrize(
    "sent", ["Bearer wrong", "Basic bGV0bWVpbg==", "Bearer ", "", "Bearer letmein2", "letmein"]
)
async def test_a_wrong_token_is_refused_even_where_none_is_needed(tmp_path, sent):
    path = tokens(tmp_path, line("letmein", "anna"))
    async with echo_server(settings=with_access(token_file=str(path))) as (stub, _server):
        assert await stub.Echo(b"x") == b"x"
        with pytest.raises(errors.Unauthenticated):
            await stub.Echo(b"x", metadata=(("authorization", sent),))


async def test_a_known_caller_without_a_role_is_denied_and_an_unknown_is_unauthenticated(tmp_path):
    path = tokens(tmp_path, line("letmein", "anna"))
    async with echo_server(settings=with_access(token_file=str(path), trust_loopback="never")) as (
        stub,
        _server,
    ):
        with pytest.raises(errors.AccessDenied):
            await stub.Echo(b"x", metadata=bearer("letmein"))
        with pytest.raises(errors.Unauthenticated):
            await stub.Echo(b"x")


async def test_a_changed_token_file_counts_at_once_and_a_broken_one_not_at_all(tmp_path):
    path = tokens(tmp_path, line("old", "anna"))
    file = TokenFile(path)
    assert await file.verify("old", NOBODY) == Identity(Kind.TOKEN, "anna")
    tokens(tmp_path, line("newer", "anna staff"))
    assert await file.verify("old", NOBODY) is None
    assert await file.verify("newer", NOBODY) == Identity(Kind.TOKEN, "anna", frozenset({"staff"}))
    path.write_text("nonsense\n")
    assert await file.verify("newer", NOBODY) is not None


def test_a_wrong_token_file_is_named_with_its_line(tmp_path):
    path = tokens(tmp_path, "letmein anna")
    with pytest.raises(SettingsError, match=r"tokens: line 3: not `sha256-hex name"):
        TokenFile(path)
    with pytest.raises(SettingsError, match="No such file"):
        TokenFile(tmp_path / "nothing")


async def test_a_verifier_of_a_services_own_may_know_more_tokens():
    class Issuer:
        async def verify(self, token: str, carrier: Identity) -> Identity | None:
            if token == "expired":
                raise errors.Unauthenticated("the token has expired")
            return Identity(Kind.TOKEN, "bert", frozenset({"staff"})) if token == "good" else None

    settings = with_access(roles={"operator": ["group:staff"]})
    async with echo_server(settings=settings, callers=Callers([Issuer()])) as (stub, _server):
        assert await stub.WhoAmI(b"", metadata=bearer("good")) == b"token:bert staff operator,user,viewer"
        with pytest.raises(errors.Unauthenticated, match="expired"):
            await stub.Echo(b"", metadata=bearer("expired"))


async def test_a_services_token_file_goes_along_and_is_read_again(tmp_path):
    path = tokens(tmp_path, line("one", "first"), line("two", "second"))
    mine = tmp_path / "mine"
    mine.write_text("one\n")
    settings = with_access(token_file=str(path), trust_loopback="never", roles={"monitor": ["token:*"]})
    channels = Channels(ChannelSettings(token_file=mine))
    async with echo_server(settings=settings, channels=channels) as (stub, _server):
        assert (await stub.WhoAmI(b"")).startswith(b"token:first")
        mine.write_text("two")
        assert (await stub.WhoAmI(b"")).startswith(b"token:second")


def test_outside_of_a_call_nobody_is_there():
    caller = identity.current()
    assert not caller.known
    with pytest.raises(errors.Unauthenticated):
        caller.require(Role.VIEWER, to="look")


@pytest.mark.parametrize("key", ["peer_dns", "x509_common_name"])
def test_only_where_spiffe_ids_stand_does_one_count(key):
    disguised = {key: [b"spiffe://fabric/host/edge-9"]}
    assert from_certificate(disguised).name == "unnamed"
    assert from_certificate(disguised | {"x509_common_name": [b"edge-8"]}).name == "edge-8"
    assert from_certificate({"peer_spiffe_id": disguised[key]}).name == "spiffe://fabric/host/edge-9"


def test_roles_include_what_is_below_them_and_services_stand_alone():
    roles = RoleMap({"administrator": ["token:root"], "monitor": ["certificate:spiffe://fabric/portmon/*"]})
    root = roles.grant(Identity(Kind.TOKEN, "root"))
    assert root.has(Role.VIEWER)
    assert not root.has(Role.MONITOR)
    assert roles.grant(Identity(Kind.CERTIFICATE, "spiffe://fabric/portmon/edge-7")).roles == {Role.MONITOR}
    # A person whose issuer lets them choose a name cannot choose a certificate's.
    assert roles.grant(Identity(Kind.TOKEN, "certificate:spiffe://fabric/portmon/x")).roles == frozenset()
    with pytest.raises(errors.AccessDenied) as caught:
        root.require(Role.MONITOR, Role.SPOOLER, to="announce a host")
    assert (
        caught.value.message == "token:root may not announce a host: the role monitor or spooler is missing"
    )
