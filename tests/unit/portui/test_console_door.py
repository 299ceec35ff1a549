"""Sessions sealed into cookies, the doorman's knowledge of people, and the way to a provider and back."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.auth_errors import SessionEnded
from chassis.errors import HostUnreachable
from portui.model_answers import Event
from portui.person import Opened, Person, SignInOptions
from portui.settings import OidcSettings, PortuiSettings
from portui.web import oidc_flow, pages_settings
from portui.web.doorman import Doorman
from portui.web.oidc_flow import Provider
from portui.web.sessions import Seals, Session

KEY = b"k" * 40


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Spooler:
    """Knows ada; can be away, and can end her session."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = self.ended = False

    async def options(self) -> SignInOptions:
        if self.away:
            raise HostUnreachable("gone")
        return SignInOptions(needed=True, local=True, issuers=())

    async def by_password(self, user: str, password: str) -> Opened:
        return Opened(f"{user}-{password}", None)

    async def by_id_token(self, token: str, nonce: str) -> Opened:
        return Opened(f"{token}-{nonce}", None)

    async def end(self, token: str) -> None:
        self.ended = True

    async def who(self, token: str) -> Person:
        self.asked += 1
        if self.away:
            raise HostUnreachable("gone")
        if self.ended:
            raise SessionEnded("it has ended")
        return Person("ada", "local", frozenset({"viewer", "operator"}))


def test_a_session_is_opened_by_any_console_with_the_key_and_by_no_other():
    clock = Clock()
    cookie = Seals(KEY, 60, clock).session("the spooler's token", ends=9999.0)

    assert Seals(KEY, 60, clock).opened(cookie) == Session("the spooler's token", 9999.0, 1000.0)
    assert Seals(b"x" * 40, 60, clock).opened(cookie) is None
    assert Seals(None, 60, clock).opened(cookie) is None
    assert "token" not in cookie


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text[:20] + ("B" if text[20] == "A" else "A") + text[21:],
        lambda _: "",
        lambda _: "é",
    ],
)
def test_a_cookie_that_somebody_changed_opens_nothing(change):
    seals = Seals(KEY, 60, Clock())
    assert seals.opened(change(seals.session("t", 9999.0))) is None


def test_a_session_ends_by_itself_and_when_nobody_is_there():
    clock = Clock()
    seals = Seals(KEY, 300, clock)
    cookie = seals.session("t", ends=1500.0)
    clock.now += 200
    session = seals.opened(cookie)
    assert session is not None
    later = seals.renewed(session)
    clock.now += 200
    assert seals.opened(cookie) is None, "nobody was there for 400 s"
    assert seals.opened(later) is not None
    clock.now = 1500.0
    assert seals.opened(later) is None, "the spooler's session is over"


def test_what_is_sealed_for_one_thing_is_nothing_else():
    seals = Seals(KEY, 300, Clock())
    flow = oidc_flow.Flow("s", "n", "v", "/ports")
    assert oidc_flow.flow_of(seals.unseal(seals.seal(flow.as_dict()))) == flow
    assert seals.opened(seals.seal(flow.as_dict())) is None
    assert oidc_flow.flow_of(seals.unseal(seals.session("t", 9999.0))) is None


async def test_the_doorman_asks_the_spooler_now_and_then_and_believes_it_when_it_is_away():
    spooler, clock = Spooler(), Clock()
    doorman, session = Doorman(spooler, clock=clock), Session("t", 9999.0, 0.0)
    for _ in range(3):
        person = await doorman.person(session)
        assert person is not None
        assert person.role == "operator"
    assert spooler.asked == 1
    clock.now += 60
    spooler.away = True
    assert await doorman.person(session) is not None, "what was known holds"
    spooler.away, spooler.ended = False, True
    clock.now += 60
    assert await doorman.person(session) is None


async def test_people_sign_in_when_the_spooler_says_so_or_others_reach_the_console():
    assert not Doorman(Spooler()).closed
    assert Doorman(Spooler(), always=True).closed
    doorman = Doorman(Spooler())
    await doorman.ask()
    assert doorman.closed


def test_beyond_loopback_the_console_wants_to_know_how_browsers_reach_it_by_tls():
    with pytest.raises(ValueError, match="web_origin"):
        PortuiSettings(web_listen="0.0.0.0:26154", web_plaintext=True)
    assert not PortuiSettings(web_listen="127.0.0.1:26154").sign_in_always


async def test_a_person_is_sent_to_the_provider_with_a_challenge_and_not_with_what_answers_it():
    provider = Provider(
        OidcSettings(issuer="https://login.example", client_id="console"), "https://c/sign-in/back"
    )
    provider._endpoints = {"authorization_endpoint": "https://login.example/auth?realm=shop"}
    address, flow = await provider.begin("/ports")
    asked = parse_qs(urlsplit(address).query)

    assert asked["realm"] == ["shop"]
    assert asked["code_challenge"] == [oidc_flow.challenge(flow.verifier)]
    assert asked["code_challenge_method"] == ["S256"]
    assert (asked["state"], asked["nonce"]) == ([flow.state], [flow.nonce])
    assert flow.verifier not in address


def test_the_challenge_is_that_of_the_rfc():
    # RFC 7636, appendix B.
    assert (
        oidc_flow.challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_an_export_of_the_audit_is_no_formula():
    at = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    text = pages_settings.as_csv([Event(at, "held", "=cmd()", 'said "no", twice', 7, "jobs/7")])
    assert text.splitlines()[1] == '2026-11-21T10:00:00+00:00,\'=cmd(),held,jobs/7,"said ""no"", twice"'


def test_licences_of_what_the_console_needs_are_all_told():
    rows = pages_settings.parts()
    assert {"starlette", "uvicorn", "Jinja2", "grpcio", "protobuf"} <= {
        name for name, _version, _licence in rows
    }
    assert [name for name, _version, licence in rows if not licence] == []
