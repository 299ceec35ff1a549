from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError

from chassis import auth_errors, errors
from chassis.access_settings import AccessSettings, OidcSettings
from chassis.identity import NOBODY, Identity, Kind
from chassis.oidc import OidcVerifier
from chassis.settings import ServerSettings
from tests.unit.chassis.echo import echo_server
from tests.unit.chassis.issuer import AUDIENCE, Issuer, issuer_running


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuer_running() as running:
        yield running


def verifier(issuer: Issuer, **settings: object) -> OidcVerifier:
    return OidcVerifier(
        OidcSettings.model_validate({"issuer": issuer.url, "audiences": [AUDIENCE], **settings})
    )


def unsigned(header: dict[str, object], claims: dict[str, object], mac: str = "") -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in (header, claims)
    ]
    return ".".join((*parts, mac))


async def test_a_good_token_says_who_it_is(issuer):
    proven = await verifier(issuer).verify(issuer.token(groups=["admins", "staff", 7, ""]), NOBODY)
    assert proven == Identity(Kind.OIDC, "ada", frozenset({"admins", "staff"}))
    assert proven.owner == "oidc:ada"


async def test_names_and_groups_are_where_the_settings_say_with_the_prefix_of_the_provider(issuer):
    found = verifier(issuer, name_claim="preferred_username", groups_claim="role", prefix="shop/")
    proven = await found.verify(issuer.token(preferred_username="ada.l", role="boss"), NOBODY)
    assert proven == Identity(Kind.OIDC, "shop/ada.l", frozenset({"shop/boss"}))


HOUR = 3600


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"exp": int(time.time()) - HOUR}, auth_errors.TokenExpired),
        ({"nbf": int(time.time()) + HOUR}, auth_errors.TokenNotYetValid),
        ({"iat": int(time.time()) + HOUR}, auth_errors.TokenNotYetValid),
        ({"aud": "another"}, auth_errors.TokenWrongAudience),
        ({"aud": ["another", "third"]}, auth_errors.TokenWrongAudience),
        ({"aud": [AUDIENCE, "another"], "azp": "another"}, auth_errors.TokenWrongAudience),
        ({"aud": None}, auth_errors.TokenInvalid),
        ({"exp": None}, auth_errors.TokenInvalid),
        ({"exp": "soon"}, auth_errors.TokenInvalid),
        ({"exp": float("inf")}, auth_errors.TokenInvalid),
        ({"exp": -(10**400)}, auth_errors.TokenExpired),
        ({"sub": None}, auth_errors.TokenInvalid),
        ({"sub": "ada\nrole=administrator"}, auth_errors.TokenInvalid),
        ({"sub": "a" * 256}, auth_errors.TokenInvalid),
    ],
)
async def test_a_token_that_does_not_hold_is_refused_by_its_own_reason(issuer, claims, error):
    token = issuer.token(**claims)
    with pytest.raises(errors.Unauthenticated) as refused:
        await verifier(issuer).verify(token, NOBODY)
    assert type(refused.value) is error
    assert refused.value.code == "UNAUTHENTICATED"
    assert token not in str(refused.value)
    assert token.split(".")[1] not in repr(refused.value)


async def test_clocks_may_differ_a_little(issuer):
    late = issuer.token(exp=int(time.time()) - 30)
    assert await verifier(issuer).verify(late, NOBODY) is not None
    with pytest.raises(auth_errors.TokenExpired):
        await verifier(issuer, clock_skew_s=0).verify(late, NOBODY)


async def test_an_email_is_a_name_only_when_the_provider_has_verified_it(issuer):
    by_mail = verifier(issuer, name_claim="email")
    good = issuer.token(email="ada@example.com", email_verified=True)
    assert await by_mail.verify(good, NOBODY) is not None
    for said in ({"email_verified": False}, {}):
        with pytest.raises(auth_errors.TokenInvalid, match="verified"):
            await by_mail.verify(issuer.token(email="ada@example.com", **said), NOBODY)


async def test_tokens_of_others_are_left_to_others(issuer):
    found = verifier(issuer)
    for token in (issuer.token(iss="https://other.example"), "opaque", "a.b.c", "", "..", "ä.ö.ü"):
        assert await found.verify(token, NOBODY) is None


async def test_a_token_without_a_signature_is_refused(issuer):
    said = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + HOUR}
    for name in ("none", "None", "NONE", ""):
        for mac in ("", "AAAA"):
            with pytest.raises(auth_errors.TokenInvalid):
                await verifier(issuer).verify(unsigned({"alg": name, "kid": "first"}, said, mac), NOBODY)


async def test_the_public_key_is_no_secret_to_sign_with(issuer):
    public = (
        issuer.keys["first"]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    said = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + HOUR}
    signed = unsigned({"alg": "HS256", "kid": "first"}, said).rstrip(".")
    mac = hmac.digest(public, signed.encode(), hashlib.sha256)
    forged = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    with pytest.raises(auth_errors.TokenInvalid, match="signed in another way"):
        await verifier(issuer).verify(forged, NOBODY)


async def test_a_key_that_came_with_the_token_is_not_believed(issuer):
    stranger = ec.generate_private_key(ec.SECP256R1())
    said = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + HOUR}
    mine = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_key()))
    for header in ({"kid": "first"}, {}, {"jwk": mine}, {"jku": f"{issuer.url}/mine"}, {"kid": "mine"}):
        with pytest.raises(auth_errors.TokenInvalid):
            await verifier(issuer).verify(
                jwt.encode(said, stranger, algorithm="ES256", headers=header), NOBODY
            )
    assert "/mine" not in issuer.documents


async def test_a_changed_token_is_refused(issuer):
    header, claims, mac = issuer.token().split(".")
    other = unsigned({}, {**json.loads(base64.urlsafe_b64decode(claims + "==")), "sub": "eve"}).split(".")[1]
    with pytest.raises(auth_errors.TokenInvalid, match="signature"):
        await verifier(issuer).verify(f"{header}.{other}.{mac}", NOBODY)


async def test_a_token_has_a_size(issuer):
    with pytest.raises(auth_errors.TokenInvalid, match="8192 bytes"):
        await verifier(issuer).verify(issuer.token(padding="x" * 9000), NOBODY)


async def test_a_weak_key_of_the_provider_is_not_used(issuer):
    weak = rsa.generate_private_key(65537, 1024)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(weak.public_key()))
    issuer.documents["/keys"] = {
        "keys": [{**public, "kid": "weak"}, {"kty": "oct", "k": "AAAA", "kid": "weak"}, "?"]
    }
    said = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + HOUR}
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(said, weak, algorithm="RS256", headers={"kid": "weak"})
    with pytest.raises(auth_errors.TokenInvalid):
        await verifier(issuer).verify(token, NOBODY)


# --- keys


async def test_keys_are_fetched_once_and_again_when_the_provider_signs_with_a_new_one(issuer):
    now = [1000.0]
    found = verifier(issuer)
    found._keys._clock = lambda: now[0]
    for _ in range(3):
        assert await found.verify(issuer.token(), NOBODY) is not None
    assert issuer.asked == 2  # its configuration and its keys
    old = issuer.token()
    issuer.rotate("second")
    fresh = issuer.token()
    with pytest.raises(auth_errors.TokenInvalid):  # too early to ask again
        await found.verify(fresh, NOBODY)
    assert issuer.asked == 2
    now[0] += 11
    assert await found.verify(fresh, NOBODY) is not None
    assert issuer.asked == 4
    with pytest.raises(auth_errors.TokenInvalid):  # taken back
        await found.verify(old, NOBODY)


async def test_made_up_key_ids_are_no_load_on_the_provider(issuer):
    found = verifier(issuer)
    found._keys._clock = lambda: 1000.0
    for number in range(20):
        with pytest.raises(auth_errors.TokenInvalid):
            await found.verify(issuer.token(header={"kid": f"made-up-{number}"}), NOBODY)
    assert issuer.asked == 2


async def test_a_provider_that_is_away_shuts_nobody_out_whose_key_is_known(issuer):
    now = [1000.0]
    found = verifier(issuer)
    found._keys._clock = lambda: now[0]
    issuer.fails = True
    with pytest.raises(auth_errors.IssuerUnavailable) as away:
        await found.verify(issuer.token(), NOBODY)
    assert away.value.code == "UNAVAILABLE"
    issuer.fails = False
    now[0] += 11
    assert await found.verify(issuer.token(), NOBODY) is not None
    issuer.fails = True
    now[0] += 2 * HOUR
    assert await found.verify(issuer.token(), NOBODY) is not None


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"},
        {"issuer": "{url}", "jwks_uri": "http://192.0.2.1/keys"},
        {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{url}", "jwks_uri": "{url}/not-json"},
        {"issuer": "{url}", "jwks_uri": "{url}/endless"},
        {"issuer": "{url}", "jwks_uri": "{url}/list"},
        {"issuer": "{url}"},
        [],
    ],
)
async def test_a_provider_that_talks_nonsense_proves_nothing(issuer, configuration):
    text = json.dumps(configuration).replace("{url}", issuer.url)
    issuer.documents["/.well-known/openid-configuration"] = json.loads(text)
    issuer.documents |= {"/not-json": b"<html>", "/endless": b" " * (2 << 20), "/list": []}
    with pytest.raises(auth_errors.IssuerUnavailable):
        await verifier(issuer).verify(issuer.token(), NOBODY)


# --- in a server


def access(issuer: Issuer, **more: object) -> ServerSettings:
    one = {"issuer": issuer.url, "audiences": [AUDIENCE]}
    return ServerSettings.model_validate({"access": {"oidc": [one], **more}, "grace_s": 0.1})


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def test_a_server_gives_roles_by_the_groups_of_a_token(issuer):
    settings = access(issuer, roles={"operator": ["group:warehouse"]})
    async with echo_server(settings=settings) as (stub, _server):
        token = issuer.token(groups=["warehouse"])
        assert await stub.WhoAmI(b"", metadata=bearer(token)) == b"oidc:ada warehouse operator,user,viewer"
        with pytest.raises(errors.AccessDenied):
            await stub.Echo(b"", metadata=bearer(issuer.token()))


async def test_each_refusal_reaches_the_caller_with_its_reason(issuer):
    async with echo_server(settings=access(issuer)) as (stub, _server):
        for token, error in (
            (issuer.token(exp=1), auth_errors.TokenExpired),
            (issuer.token(aud="x"), auth_errors.TokenWrongAudience),
            (issuer.token(iss="https://other.example"), auth_errors.TokenWrongIssuer),
            ("opaque", auth_errors.TokenInvalid),
            ("", auth_errors.TokenInvalid),
        ):
            with pytest.raises(errors.Unauthenticated) as refused:
                await stub.Echo(b"", metadata=bearer(token))
            assert type(refused.value) is error


@pytest.mark.parametrize(
    "oidc",
    [
        [{"issuer": "http://login.example", "audiences": ["a"]}],
        [{"issuer": "login.example", "audiences": ["a"]}],
        [{"issuer": "https://login.example", "audiences": []}],
        [{"issuer": "https://login.example", "audiences": ["a"], "algorithms": ["none"]}],
        [{"issuer": "https://login.example", "audiences": ["a"], "algorithms": ["HS256"]}],
        [
            {"issuer": "https://a.example", "audiences": ["a"]},
            {"issuer": "https://b.example", "audiences": ["a"]},
        ],
    ],
)
def test_settings_that_prove_nothing_are_refused(oidc):
    with pytest.raises(ValidationError):
        AccessSettings.model_validate({"oidc": oidc})
