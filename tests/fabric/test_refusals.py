"""What strangers meet at each listener: a clear error, a line in the audit, and nothing else."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import grpc.aio
import pytest

from chassis import auth_errors, errors
from chassis.client import Channels
from chassis.errors import FabricError
from chassis.settings import ChannelSettings, ClientTlsSettings
from chassis.status import error_from_rpc
from printfabric.portui.v1 import portui_service_pb2 as forms_pb
from printfabric.spooler.v1 import access_service_pb2 as access_pb
from tests.fabric.guarded_fabric import MOST_BYTES, PASSWORD, GuardedFabric, guarded_fabric
from tests.rig.programs import wait_until
from tests.unit.chassis.certificates import Authority

HOUR = 3600
SERVICES = ("spooler", "portmon", "portui")
# A method of each that a stranger may not call even with a certificate, and that takes any request.
METHOD = {
    "spooler": "/printfabric.spooler.v1.PrinterService/DeletePrinter",
    "portmon": "/printfabric.monitor.v1.MonitorService/EnumPorts",
    "portui": "/printfabric.portui.v1.PortUIService/DeletePortUI",
}
SIGN_IN = "/printfabric.spooler.v1.AccessService/SignIn"
_numbers = itertools.count()
WHO_AM_I = "/printfabric.spooler.v1.AccessService/WhoAmI"


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedFabric]:
    with guarded_fabric(tmp_path_factory.mktemp("guarded")) as running:
        yield running


async def called(
    address: str, settings: ChannelSettings, method: str, request: bytes = b"", token: str | None = None
) -> bytes | FabricError:
    """Call with bytes and return the answer's, or the error."""
    metadata = (("authorization", token),) if token is not None else ()
    async with Channels(settings) as channels:
        call = channels.get(address).unary_unary(method, lambda data: data, lambda data: data)
        try:
            return bytes(await call(request, metadata=metadata, timeout=20))
        except FabricError as error:
            return error
        except grpc.aio.AioRpcError as error:
            return error_from_rpc(error)


async def refused(fabric: GuardedFabric, service: str, **how: Any) -> FabricError:
    """Call a method that is not for strangers and return the refusal."""
    # Somebody else each time: who is refused often gets fewer lines.
    settings = how.pop("settings", None) or fabric.caller(f"stranger-{next(_numbers)}")
    answer = await called(fabric.address(service), settings, how.pop("method", METHOD[service]), **how)
    assert isinstance(answer, FabricError), answer
    return answer


@asynccontextmanager
async def audited(fabric: GuardedFabric, service: str, *reasons: str) -> Any:
    """Check that exactly these refusals are written by what is done inside."""
    before = len(fabric.audit(service))
    yield
    await asyncio.to_thread(wait_until, lambda: len(fabric.audit(service)) >= before + len(reasons), 30)
    lines = fabric.audit(service)[before:]
    assert [line["reason"] for line in lines] == list(reasons)
    for line in lines:
        assert line["module"] == "audit"
        assert line["peer"].startswith(("ipv4:127.0.0.1:", "ipv6:"))
        assert line["request_id"]
        assert line["why"]


def shout(host: str, port: int, junk: bytes) -> None:
    """Send bytes and read until the other end has had enough."""
    with socket.create_connection((host, port), timeout=30) as connection:
        try:
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except TimeoutError:
            raise
        except OSError:  # reset, or shut already
            return


# --- before there is a call: the handshake


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_good_certificate_there_is_no_connection_and_a_line_says_whose_and_why(
    fabric, service, tmp_path
):
    stranger = Authority(tmp_path, "another authority")
    callers = {
        "NOT_TLS": ChannelSettings(),
        "CERTIFICATE_MISSING": ChannelSettings(tls=ClientTlsSettings(ca_file=fabric.authority.file)),
        "CERTIFICATE_EXPIRED": fabric.caller("late", expired=True),
        "CERTIFICATE_FOREIGN": fabric.caller("spooler", authority=stranger),
    }
    before = len(fabric.handshakes(service))
    for settings in callers.values():
        for _ in range(2):
            error = await refused(fabric, service, settings=settings)
            assert isinstance(error, errors.HostUnreachable), error

    def reasons() -> set[str]:
        return {line["reason"] for line in fabric.handshakes(service)[before:]}

    await asyncio.to_thread(wait_until, lambda: reasons() >= set(callers))
    for line in fabric.handshakes(service)[before:]:
        assert (line["module"], line["level"], line["code"]) == ("audit", "warning", "UNAUTHENTICATED")
        assert line["peer"].startswith(("ipv4:127.0.0.1:", "ipv6:"))
        assert line["listener"].endswith(fabric.programs[service].address.partition(":")[2])
        assert line["why"]
    assert fabric.programs[service].runs


def shown_certificate(fabric: GuardedFabric, service: str) -> bytes | None:
    """Return the certificate that a service shows now."""
    context = ssl.create_default_context(cafile=str(fabric.authority.file))
    context.load_cert_chain(*fabric.authority.issue("looker", spiffe="spiffe://fabric/looker"))
    context.set_alpn_protocols(["h2"])
    host, _, port = fabric.programs[service].address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=30) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secured,
    ):
        return secured.getpeercert(binary_form=True)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_new_certificate_is_shown_without_a_restart_and_its_end_is_in_the_metrics(fabric, service):
    def ends() -> str:
        _, text = http_of(fabric.metrics(service), b"GET /metrics HTTP/1.1\r\n\r\n")
        return next(
            line for line in text.splitlines() if "certificate_end" in line and f"/{service}.crt" in line
        )

    before, ended = await asyncio.to_thread(shown_certificate, fabric, service), await asyncio.to_thread(ends)
    fabric.authority.issue(service, spiffe=f"spiffe://fabric/{service}", minutes=120)
    await asyncio.to_thread(wait_until, lambda: shown_certificate(fabric, service) != before)
    assert await asyncio.to_thread(ends) != ended
    assert fabric.programs[service].starts == 1
    error = await refused(fabric, service, token="Bearer after-the-rotation")
    assert isinstance(error, auth_errors.TokenInvalid)


# --- proofs that do not hold


@pytest.mark.parametrize("service", SERVICES)
async def test_each_bad_token_is_refused_by_its_reason_and_written_down(fabric, service):
    issuer = fabric.issuer
    tokens = {
        issuer.token(exp=int(time.time()) - HOUR): auth_errors.TokenExpired,
        issuer.token(nbf=int(time.time()) + HOUR): auth_errors.TokenNotYetValid,
        issuer.token(aud="webshop"): auth_errors.TokenWrongAudience,
        issuer.token(iss="https://login.example"): auth_errors.TokenWrongIssuer,
        "nobodys-secret-token": auth_errors.TokenInvalid,
        "x" * 5000: auth_errors.TokenInvalid,
    }
    async with audited(fabric, service, *(error.reason for error in tokens.values())):
        for token, expected in tokens.items():
            error = await refused(fabric, service, token=f"Bearer {token}")
            assert type(error) is expected
            assert error.code == "UNAUTHENTICATED"
    said = fabric.programs[service].log.read_text("utf-8")
    assert not [token for token in tokens if token in said or token.split(".")[-1] in said]


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_no_bearer_token_is_refused_time_and_again(fabric, service):
    given = ("Basic YWRhOnNlY3JldA==", "Bearer", "Bearer  ", "bearertoken", "")
    async with audited(fabric, service, *["TOKEN_INVALID"] * len(given)):
        for token in given:
            assert isinstance(await refused(fabric, service, token=token), errors.Unauthenticated)


@pytest.mark.parametrize("service", SERVICES)
async def test_who_is_known_and_has_not_the_role_is_refused_and_written_down(fabric, service):
    async with audited(fabric, service, "ACCESS_DENIED", "ACCESS_DENIED"):
        ben = fabric.caller("ben")
        error = await refused(fabric, service, settings=ben)
        assert isinstance(error, errors.AccessDenied)
        assert error.metadata["caller"] == "certificate:spiffe://fabric/ben"
        error = await refused(fabric, service, settings=ben, token=f"Bearer {fabric.issuer.token(sub='ann')}")
        assert error.metadata["caller"] == "oidc:ann via certificate:spiffe://fabric/ben"


async def test_a_port_monitor_believes_spoolers_and_no_administrator_from_elsewhere(fabric):
    admin = f"Bearer {fabric.issuer.token(groups=['admins'])}"
    method = METHOD["portmon"]
    for who in ("portui", "portmon", "alice"):
        assert isinstance(
            await called(fabric.address("portmon"), fabric.caller(f"{who}-2"), method, token=admin),
            errors.AccessDenied,
        )
    answer = await called(fabric.address("portmon"), fabric.caller("spooler"), method)
    assert isinstance(answer, bytes)
    # A person's token over the spooler's certificate is the person, who is nothing here.
    answer = await called(fabric.address("portmon"), fabric.caller("spooler"), method, token=admin)
    assert isinstance(answer, errors.AccessDenied)


# --- replays, at the spooler


async def test_a_replayed_id_token_and_a_session_over_another_certificate_are_refused(fabric):
    id_token = fabric.issuer.token(groups=["admins"])
    request = access_pb.SignInRequest(id_token=access_pb.IdToken(token=id_token)).SerializeToString()
    console, spooler = fabric.caller("console"), fabric.address("spooler")
    async with audited(fabric, "spooler", "TOKEN_REPLAYED", "TOKEN_INVALID", "SESSION_ENDED"):
        answer = await called(spooler, console, SIGN_IN, request)
        assert isinstance(answer, bytes)
        session = access_pb.SignInResponse.FromString(answer).session_token
        assert isinstance(await called(spooler, console, SIGN_IN, request), auth_errors.TokenReplayed)
        mine = f"Bearer {session}"
        assert isinstance(await called(spooler, console, WHO_AM_I, token=mine), bytes)
        stolen = await called(spooler, fabric.caller("thief"), WHO_AM_I, token=mine)
        assert isinstance(stolen, auth_errors.TokenInvalid)
        async with audited(fabric, "portmon", "TOKEN_WRONG_ISSUER"):
            elsewhere = await called(fabric.address("portmon"), console, METHOD["portmon"], token=mine)
            assert isinstance(elsewhere, auth_errors.TokenWrongIssuer)
        ended = await called(spooler, console, "/printfabric.spooler.v1.AccessService/SignOut", token=mine)
        assert isinstance(ended, bytes)
        replayed = await called(spooler, console, WHO_AM_I, token=mine)
        assert isinstance(replayed, auth_errors.SessionEnded)
    said = fabric.programs["spooler"].log.read_text("utf-8")
    assert id_token not in said
    assert session not in said
    assert session.split(".")[-1] not in said


async def test_the_configuration_service_lets_people_do_what_the_spooler_lets_them_and_nothing_by_itself(
    fabric,
):
    form = forms_pb.DeletePortUIRequest(name="hosts/edge/ports/none").SerializeToString()
    boss = fabric.caller("console-user")

    async def ask(token: str) -> FabricError:
        return await refused(fabric, "portui", settings=boss, request=form, token=f"Bearer {token}")

    # By its own certificate it is a viewer at the spooler; what it does for an administrator it does under her token.
    assert isinstance(await ask(fabric.issuer.token(groups=["admins"])), errors.PortNotFound)
    denied = await ask(fabric.issuer.token(groups=["others"]))
    assert isinstance(denied, errors.AccessDenied)
    proof = access_pb.SignInRequest(
        password=access_pb.Password(user="ada", password=PASSWORD)
    ).SerializeToString()
    console = fabric.caller("portui")
    session = await called(fabric.address("spooler"), console, SIGN_IN, proof)
    assert isinstance(session, bytes)
    token = access_pb.SignInResponse.FromString(session).session_token
    assert isinstance(await ask(token), errors.PortNotFound)
    await called(
        fabric.address("spooler"),
        console,
        "/printfabric.spooler.v1.AccessService/SignOut",
        token=f"Bearer {token}",
    )
    assert isinstance(await ask(token), auth_errors.SessionEnded)


async def test_a_password_is_in_no_log_whether_right_or_wrong(fabric):
    spooler, console = fabric.address("spooler"), fabric.caller("console")
    for user, password in (("ada", PASSWORD), ("ada", "a-wrong-guess"), ("eve", "another-guess")):
        said = access_pb.SignInRequest(password=access_pb.Password(user=user, password=password))
        answer = await called(spooler, console, SIGN_IN, said.SerializeToString())
        assert isinstance(answer, bytes if password == PASSWORD else auth_errors.WrongPassword)
    logged = fabric.programs["spooler"].log.read_text("utf-8")
    assert not [word for word in (PASSWORD, "a-wrong-guess", "another-guess") if word in logged]
    assert "scrypt$" not in logged
    assert '"person": "local:ada"' in logged


# --- requests that are none


@pytest.mark.parametrize("service", SERVICES)
async def test_oversized_malformed_and_made_up_requests_get_their_errors(fabric, service):
    method = METHOD[service]
    allowed = {"settings": fabric.caller("spooler")} if service == "portmon" else {}
    token = None if service == "portmon" else f"Bearer {fabric.issuer.token(groups=['admins'])}"
    async with audited(fabric, service, "OVERLOADED", "INVALID_ARGUMENT"):
        large = await refused(fabric, service, request=b"\x0a" + bytes(MOST_BYTES), token=token, **allowed)
        assert large.code == "RESOURCE_EXHAUSTED"
        garbage = await refused(fabric, service, request=b"\xff\xff\xff\xff", token=token, **allowed)
        assert isinstance(garbage, errors.InvalidArgument)
    # Beyond twice the limit gRPC itself refuses, before anybody is asked who it is.
    huge = await refused(fabric, service, request=bytes(3 * MOST_BYTES), token=token, **allowed)
    assert huge.code == "RESOURCE_EXHAUSTED"
    unknown = await refused(fabric, service, method=method + "New", token=token, **allowed)
    assert unknown.code == "UNIMPLEMENTED"


LISTENERS = [(service, listener) for service in SERVICES for listener in ("calls", "health", "metrics")]


@pytest.mark.parametrize(("service", "listener"), [*LISTENERS, ("portui", "web")])
async def test_bytes_that_are_no_protocol_end_the_connection_and_nothing_else(fabric, service, listener):
    where = {
        "calls": fabric.programs[service].address,
        "health": fabric.health[service],
        "metrics": fabric.metrics(service),
        "web": fabric.web,
    }
    host, _, port = where[listener].rpartition(":")
    headers = b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"
    for junk in (bytes(range(256)) * 64, headers, b"\x16\x03\x01\xff\xff"):
        await asyncio.to_thread(shout, host, int(port), junk)
    assert fabric.programs[service].runs
    error = await refused(fabric, service, token="Bearer still-there")
    assert isinstance(error, auth_errors.TokenInvalid)


async def test_beside_the_calls_a_health_listener_answers_health_and_nothing_else(fabric):
    for service in SERVICES:
        where = fabric.health[service]
        check = "/grpc.health.v1.Health/Check"
        assert await called(where, ChannelSettings(), check) == b"\x08\x01"  # SERVING
        for method, request, code in (
            (check, bytes(3 * MOST_BYTES), "RESOURCE_EXHAUSTED"),
            (check, b"\xff\xff\xff\xff", "INVALID_ARGUMENT"),
            (check, b"\x0a\x03abc", "NOT_FOUND"),
            (METHOD[service], b"", "UNIMPLEMENTED"),
        ):
            error = await called(where, ChannelSettings(max_message_bytes=1 << 20), method, request)
            assert isinstance(error, FabricError)
            assert error.code == code


def somewhere_else() -> tuple[str, int]:
    """Return an address of this machine that nobody has called from: one that is refused often gets fewer lines."""
    return f"127.0.1.{next(_numbers) % 250 + 1}", 0


def http_of(address: str, request: bytes) -> tuple[int, str]:
    """Send bytes over a connection of their own and return status and text of what comes back."""
    host, _, port = address.rpartition(":")
    with socket.create_connection(
        (host, int(port)), timeout=30, source_address=somewhere_else()
    ) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_metrics_page_refuses_what_is_no_question_for_it(fabric, service):
    where = fabric.metrics(service)
    for request, expected in {
        b"GET /metrics HTTP/1.1\r\n\r\n": 200,
        b"POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx": 405,
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n": 414,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n": 431,
        b"GET / HTTP/1.1\r\na: " + b"b" * 100_000 + b"\r\n\r\n": 431,
    }.items():
        status, text = await asyncio.to_thread(http_of, where, request)
        assert status == expected
        assert "Traceback" not in text


LARGE_FORM = b"user=" + b"a" * (2 << 20)
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
WEB_REFUSALS = {
    "WRONG_NAME": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    "FOREIGN_PAGE": (b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", 403),
    "FORM_NOT_OURS": (b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
    "UNAUTHENTICATED": (b"POST /jobs/1/act HTTP/1.1\r\nHost: localhost\r\n\r\n", 401),
    "SESSION_ENDED": (b"GET /session HTTP/1.1\r\nHost: localhost\r\nCookie: pf_session=made-up-session\r\n\r\n", 401),
    "SIGN_IN_NOT_BEGUN": (b"GET /sign-in/back?state=a&code=a-stolen-code HTTP/1.1\r\nHost: localhost\r\n\r\n", 401),
    "MALFORMED_REQUEST": (b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", 400),
    "TOO_LARGE": (
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n" % (FORM, len(LARGE_FORM)) + LARGE_FORM,
        413,
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", WEB_REFUSALS)
async def test_the_console_refuses_time_and_again_and_writes_down_whom(fabric, reason):
    request, expected = WEB_REFUSALS[reason]
    before = len(fabric.refusals("portui"))
    for _ in range(2):
        status, text = await asyncio.to_thread(http_of, fabric.web, request)
        assert status == expected
        assert text
        assert "Traceback" not in text

    def lines() -> list[dict[str, Any]]:
        return [line for line in fabric.refusals("portui")[before:] if line["reason"] == reason]

    await asyncio.to_thread(wait_until, lambda: len(lines()) >= 2)
    for line in lines():
        assert (line["module"], line["caller"]) == ("audit", "nobody")
        assert line["peer"].startswith("ipv4:127.0.1.")
        assert line["why"]
    said = fabric.programs["portui"].log.read_text("utf-8")
    assert not [secret for secret in ("made-up-session", "a-stolen-code") if secret in said]


async def test_a_form_that_its_sender_leaves_half_sent_is_no_failure_of_the_console(fabric):
    head = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1000\r\n\r\nuser=a" % FORM
    host, _, port = fabric.web.rpartition(":")
    await asyncio.to_thread(shout, host, int(port), head)
    assert fabric.programs["portui"].runs


async def test_a_wrong_password_at_the_console_is_written_down_with_the_browsers_address(fabric):
    host, _, port = fabric.web.rpartition(":")

    def attempt(password: str) -> int:
        connection = http.client.HTTPConnection(host, int(port), timeout=30, source_address=somewhere_else())
        connection.request("GET", "/sign-in")
        seen = connection.getresponse()
        cookie = seen.headers["Set-Cookie"].partition(";")[0]
        token = seen.read().decode().partition('name="token" value="')[2].partition('"')[0]
        form = urlencode({"token": token, "user": "ada", "password": password})
        kind = "application/x-www-form-urlencoded"
        connection.request("POST", "/sign-in", form, {"Cookie": cookie, "Content-Type": kind})
        status = connection.getresponse().status
        connection.close()
        return status

    def lines() -> list[dict[str, Any]]:
        return [line for line in fabric.refusals("portui") if line["reason"] == "WRONG_PASSWORD"]

    for guess in ("console-guess-1", "console-guess-2"):
        assert await asyncio.to_thread(attempt, guess) == 401
    await asyncio.to_thread(wait_until, lambda: len(lines()) >= 2)
    assert {line["method"] for line in lines()} == {"POST /sign-in"}
    for service in SERVICES:
        assert "console-guess" not in fabric.programs[service].log.read_text("utf-8")


def page(address: str, path: str) -> tuple[int, str, str]:
    """Return what somebody without a session gets: status, where it leads, text."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/ports", "/jobs", "/printers", "/events", "/hosts/edge"])
async def test_the_console_shows_nothing_to_who_has_not_signed_in(fabric, path):
    status, leads, text = await asyncio.to_thread(page, fabric.web, path)
    assert (status, leads.partition("?")[0]) == (303, "/sign-in") or status in (401, 403, 404), text
    assert "edge" not in text


async def test_after_all_that_nothing_unexpected_was_logged(fabric):
    for service in SERVICES:
        unexpected = [
            line
            for line in fabric.log(service)
            if line.get("level") == "error"
            or "error_id" in line
            or "exception" in line
            or "text" in line  # no line of ours
        ]
        assert unexpected == []
