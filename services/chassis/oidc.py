"""People's and programs' tokens of an OpenID provider: JSON Web Tokens (RFC 7519, RFC 8725). The only module with `jwt`.

It is imported by servers that name a provider, and by no other: the package is an extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from chassis import auth_errors
from chassis.access_settings import OidcSettings
from chassis.errors import Unauthenticated
from chassis.identity import Identity, Kind
from chassis.oidc_keys import IssuerKeys, Jwk

_MOST_BYTES = 8 << 10  # of a token
_MOST_GROUPS = 500
_MOST_NAME = 255
_RSA_BITS = 2048
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_FAILURES: Sequence[tuple[type[jwt.PyJWTError], type[Unauthenticated], str]] = (
    (jwt.ExpiredSignatureError, auth_errors.TokenExpired, "the token has expired"),
    (jwt.ImmatureSignatureError, auth_errors.TokenNotYetValid, "the token is not valid yet"),
    (jwt.InvalidIssuedAtError, auth_errors.TokenNotYetValid, "the token is from the future"),
    (jwt.InvalidAudienceError, auth_errors.TokenWrongAudience, "the token is for another audience"),
    (jwt.InvalidSignatureError, auth_errors.TokenInvalid, "the token's signature is wrong"),
)


class OidcVerifier:
    """Proves the tokens of one provider (`chassis.identity.TokenVerifier`)."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._keys = IssuerKeys(settings.issuer, settings.ca_file)

    async def verify(self, token: str, carrier: Identity) -> Identity | None:
        """Return whose token it is; None for tokens of others.

        Raises:
            TokenExpired, TokenNotYetValid, TokenWrongAudience, TokenInvalid: as they say.
            IssuerUnavailable: its keys cannot be fetched now.
        """
        claims = await self.claims(token)
        return self._identity(claims) if claims is not None else None

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """Return what a token says, if it holds; None for tokens of others. Raises as `verify`."""
        header, said = _unproven(token)
        if said.get("iss") != self.settings.issuer:
            return None
        algorithm = header.get("alg")
        if algorithm not in self.settings.algorithms:
            taken = ", ".join(self.settings.algorithms)
            raise auth_errors.TokenInvalid(
                f"the token is signed in another way than {taken}", algorithms=taken
            )
        key_id = header.get("kid")
        candidates = await self._keys.find(key_id if isinstance(key_id, str) else None)
        keys = [key for one in candidates if (key := _key(one, str(algorithm))) is not None]
        if not keys:
            raise auth_errors.TokenInvalid("the token is signed with a key that its issuer does not have")
        return self._proven(token, keys)

    def _proven(self, token: str, keys: Sequence[jwt.PyJWK]) -> Mapping[str, Any]:
        settings = self.settings
        for key in keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=list(settings.algorithms),
                    audience=settings.audiences,
                    issuer=settings.issuer,
                    leeway=settings.clock_skew_s,
                    options={"require": ["exp", "iss", "aud"]},
                )
            except jwt.InvalidSignatureError as error:
                if key is keys[-1]:
                    raise _named(error) from error
            except (jwt.PyJWTError, OverflowError) as error:  # a time of 1e999
                raise _named(error) from error
            else:
                return self._checked(claims)
        raise AssertionError("the last key raised or was the right one")

    def _checked(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        party = claims.get("azp")  # OpenID Connect Core 3.1.3.7: who it was made for, among several audiences
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if several and party is not None and party not in self.settings.audiences:
            raise auth_errors.TokenWrongAudience("the token was made for another party")
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        settings = self.settings
        name = claims.get(settings.name_claim)
        if not isinstance(name, str) or not 0 < len(name) <= _MOST_NAME or not name.isprintable():
            raise auth_errors.TokenInvalid(f"the token has no name in {settings.name_claim}")
        if settings.name_claim == "email" and claims.get("email_verified") is not True:
            raise auth_errors.TokenInvalid("the token's email is not verified")
        given = claims.get(settings.groups_claim, ())
        groups = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        named = [group for group in groups[:_MOST_GROUPS] if isinstance(group, str) and group.isprintable()]
        return Identity(
            Kind.OIDC, settings.prefix + name, frozenset(settings.prefix + group for group in named if group)
        )

    async def person(self, token: str, nonce: str) -> tuple[Identity, int] | None:
        """Return who signs in with an ID token, and when it runs out (seconds since 1970); None for others' tokens.

        Raises:
            TokenInvalid: the nonce is another one; and as `verify`.
        """
        claims = await self.claims(token)
        if claims is None:
            return None
        if nonce and claims.get("nonce") != nonce:
            raise auth_errors.TokenInvalid("the token was made for another sign-in: its nonce differs")
        return self._identity(claims), int(claims["exp"]) + int(self.settings.clock_skew_s)


def _unproven(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims as they are said, or two empty ones for what is no JWT: only to find who may prove it."""
    if len(token) > _MOST_BYTES:
        raise auth_errors.TokenInvalid(f"a token has at most {_MOST_BYTES} bytes", limit_bytes=_MOST_BYTES)
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}, {}
    return whole["header"], whole["payload"]


def _key(jwk: Jwk, algorithm: str) -> jwt.PyJWK | None:
    """Return a provider's key for one algorithm; None if it is not for that, too short, or broken."""
    if jwk.get("kty") != _KEY_TYPES.get(algorithm[:2]) or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(dict(jwk), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if getattr(key.key, "key_size", _RSA_BITS) < _RSA_BITS and jwk["kty"] == "RSA" else key


def _named(error: Exception) -> Unauthenticated:
    for kind, cls, text in _FAILURES:
        if isinstance(error, kind):
            return cls(text)
    if isinstance(error, jwt.MissingRequiredClaimError):
        return auth_errors.TokenInvalid(f"the token has no {error.claim}")
    return auth_errors.TokenInvalid("the token is not whole")
