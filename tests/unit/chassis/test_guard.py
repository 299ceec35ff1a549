from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from chassis import auth_errors, errors
from chassis.access_settings import LimitSettings
from chassis.call import Call
from chassis.client import Channels
from chassis.guard import Guard
from chassis.identity import NOBODY, Identity, Kind, Role
from chassis.settings import ChannelSettings, ServerSettings
from tests.unit.chassis.echo import EchoStub, echo_server

ADA = Identity(Kind.CERTIFICATE, "ada", roles=frozenset({Role.VIEWER}))


def call(who: Identity = NOBODY, peer: str = "ipv4:10.0.0.7:1234") -> Call:
    return Call("/a.B/C", "r1", peer, who)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def test_a_client_calls_as_often_as_it_may_and_others_are_not_counted_with_it():
    now = [0.0]
    guard = Guard(LimitSettings(calls_per_s=2, calls_at_once=3), lambda: now[0])
    for _ in range(3):
        guard.count(call(ADA))
    with pytest.raises(auth_errors.TooManyRequests):
        guard.count(call(ADA))
    guard.count(call(Identity(Kind.TOKEN, "ben")))
    now[0] = 0.5
    guard.count(call(ADA))


def test_who_is_not_known_is_counted_by_address_whatever_the_port():
    guard = Guard(LimitSettings(calls_per_s=1, calls_at_once=1), lambda: 0.0)
    guard.count(call(peer="ipv4:10.0.0.7:1"))
    with pytest.raises(auth_errors.TooManyRequests):
        guard.count(call(peer="ipv4:10.0.0.7:2"))
    guard.count(call(peer="ipv4:10.0.0.8:1"))


def test_without_a_limit_nothing_is_counted():
    guard = Guard(LimitSettings(), lambda: 0.0)
    for _ in range(10_000):
        guard.count(call())


def test_an_address_that_guesses_is_not_looked_at_for_a_while_but_a_service_is():
    now = [0.0]
    guard = Guard(LimitSettings(), lambda: now[0])
    for _ in range(30):
        guard.check_guesses(call())
        guard.count_guess(call())
        guard.count_guess(call(ADA))
    with pytest.raises(auth_errors.TooManyRequests):
        guard.check_guesses(call())
    guard.check_guesses(call(ADA))
    now[0] += 2.0
    guard.check_guesses(call())


def test_refusals_are_written_with_who_and_where_until_they_are_too_many():
    now = [0.0]
    guard = Guard(LimitSettings(), lambda: now[0])
    error = errors.AccessDenied("certificate:ada may not do that", role="operator")
    with capture_logs() as lines:
        for _ in range(25):
            guard.refused(call(ADA), error)
        now[0] += 1.0
        guard.refused(call(ADA), error)
    assert len(lines) == 21
    assert lines[0]["event"] == "refused"
    assert lines[0]["module"] == "audit"
    assert lines[0]["log_level"] == "warning"
    assert {lines[0][name] for name in ("reason", "code", "peer")} == {
        "ACCESS_DENIED", "PERMISSION_DENIED", "ipv4:10.0.0.7:1234",
    }  # fmt: skip
    assert [line.get("unwritten") for line in lines] == [None] * 20 + [5]


def test_who_is_refused_is_remembered_in_bounds(monkeypatch):
    monkeypatch.setattr("chassis.audit._REMEMBERED", 2)
    monkeypatch.setattr("chassis.audit._LINES", (1, 1000.0))
    guard = Guard(LimitSettings(), lambda: 0.0)
    for number in range(5):
        for _ in range(2):
            guard.refused(call(peer=f"ipv4:10.0.0.{number}:1"), errors.AccessDenied("no"))
    assert len(guard._refusals._unwritten) == 2


async def test_a_server_stops_listening_to_guesses_and_keeps_its_limit():
    settings = ServerSettings.model_validate(
        {"grace_s": 0.1, "access": {"trust_loopback": "never"}, "limits": {"calls_per_s": 1000}}
    )
    async with echo_server(settings=settings) as (stub, _server):
        for _ in range(30):
            with pytest.raises(auth_errors.TokenInvalid):
                await stub.Echo(b"", metadata=bearer("guess"))
        with pytest.raises(auth_errors.TooManyRequests) as refused:
            await stub.Echo(b"", metadata=bearer("guess"))
        assert refused.value.code == "RESOURCE_EXHAUSTED"
    few = ServerSettings.model_validate(
        {"grace_s": 0.1, "limits": {"calls_per_s": 0.001, "calls_at_once": 2}}
    )
    async with echo_server(settings=few) as (stub, _server):
        assert [await stub.Echo(b"x"), await stub.Echo(b"y")] == [b"x", b"y"]
        with pytest.raises(auth_errors.TooManyRequests):
            await stub.Echo(b"z")


async def test_each_refusal_is_an_audit_line_without_the_proof():
    settings = ServerSettings.model_validate({"grace_s": 0.1, "access": {"trust_loopback": "never"}})
    async with echo_server(settings=settings) as (stub, server), Channels(ChannelSettings()) as channels:
        other = EchoStub(channels.get(server.addresses[0]))
        with capture_logs() as lines:
            with pytest.raises(errors.Unauthenticated):
                await other.Echo(b"")
            with pytest.raises(errors.Unauthenticated):
                await stub.Echo(b"", metadata=bearer("my-secret-token"))
            with pytest.raises(errors.Unauthenticated):
                await stub.Echo(b"", metadata=(("authorization", "Basic YWRhOm15LXNlY3JldA=="),))
    refused = [line for line in lines if line["event"] == "refused"]
    assert [line["reason"] for line in refused] == ["UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_INVALID"]
    assert all(line["peer"].startswith("ipv4:127.0.0.1:") for line in refused)
    assert "my-secret" not in repr(lines)
    assert "YWRhOm15" not in repr(lines)
