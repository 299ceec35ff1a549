from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from chassis import watched_files
from chassis.identity import NOBODY, Identity, Kind, Role
from portmon.host_token import HostToken

AUDIENCE = "print-fabric-host"
SPOOLER = Identity(Kind.CERTIFICATE, "spiffe://fabric/spooler", roles=frozenset({Role.SPOOLER}))


def made_for(*audiences: str) -> str:
    claims = json.dumps({"aud": audiences, "exp": 2_000_000_000, "kubernetes.io": {}}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watched_files, "_PAUSE_S", 0.0)
    found = tmp_path / "token"
    found.write_text(made_for(AUDIENCE) + "\n")
    return found


def test_a_spooler_that_has_proven_itself_by_its_certificate_is_shown_the_token(file: Path):
    assert HostToken(file).shown_to(SPOOLER, AUDIENCE) == made_for(AUDIENCE)


@pytest.mark.parametrize(
    "caller",
    [
        NOBODY,
        Identity(Kind.CERTIFICATE, "spiffe://fabric/console", roles=frozenset({Role.VIEWER})),
        Identity(Kind.CERTIFICATE, "alice", roles=frozenset({Role.ADMINISTRATOR})),
        Identity(Kind.LOOPBACK, "", roles=frozenset(Role)),
        Identity(Kind.UNIX, "uid:0", roles=frozenset(Role)),
        Identity(Kind.TOKEN, "spooler", roles=frozenset({Role.SPOOLER})),
        Identity(Kind.DIALLED, "spool.example:26151", roles=frozenset({Role.SPOOLER})),
    ],
    ids=str,
)
def test_nobody_else_is_whatever_they_may(file: Path, caller: Identity):
    assert HostToken(file).shown_to(caller, AUDIENCE) == ""


@pytest.mark.parametrize(
    "content",
    [
        made_for("https://kubernetes.default.svc"),
        made_for(AUDIENCE, "https://kubernetes.default.svc"),
        made_for(),
        "opaque",
        "",
    ],
)
def test_a_token_that_is_good_elsewhere_is_never_shown(file: Path, content: str):
    file.write_text(content)
    assert HostToken(file).shown_to(SPOOLER, AUDIENCE) == ""


def test_a_token_is_shown_only_to_who_asks_for_its_audience(file: Path):
    token = HostToken(file)
    for audience in ("", "https://kubernetes.default.svc"):
        assert token.shown_to(SPOOLER, audience) == ""


def test_a_host_without_one_shows_none(tmp_path: Path):
    assert HostToken().shown_to(SPOOLER, AUDIENCE) == ""
    assert HostToken(tmp_path / "none").shown_to(SPOOLER, AUDIENCE) == ""


def test_a_token_that_was_renewed_is_shown_from_then_on(file: Path):
    token = HostToken(file)
    token.shown_to(SPOOLER, AUDIENCE)
    renewed = made_for(AUDIENCE).replace("c2ln", "bmV3ZXI")
    file.write_text(renewed)
    assert token.shown_to(SPOOLER, AUDIENCE) == renewed
