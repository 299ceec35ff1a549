"""Why a proof of who calls does not hold: each a reason of its own, all of them `Unauthenticated`. Pure.

Their messages name what was expected and never what was brought: a token in a log is somebody's right.
"""

from __future__ import annotations

from chassis.errors import FabricError, Unauthenticated


class TokenInvalid(Unauthenticated):
    """No token of ours: not whole, its signature wrong, or signed in a way that is not taken (`none` among them)."""

    reason = "TOKEN_INVALID"


class TokenExpired(Unauthenticated):
    """It was good. Fetch a new one."""

    reason = "TOKEN_EXPIRED"


class TokenNotYetValid(Unauthenticated):
    """Made for later, or one of the two clocks is wrong."""

    reason = "TOKEN_NOT_YET_VALID"


class TokenWrongAudience(Unauthenticated):
    """Made for another service."""

    reason = "TOKEN_WRONG_AUDIENCE"


class TokenWrongIssuer(Unauthenticated):
    """Made by somebody who is not believed here."""

    reason = "TOKEN_WRONG_ISSUER"


class TokenReplayed(Unauthenticated):
    """It was used before and works once."""

    reason = "TOKEN_REPLAYED"


class SessionEnded(Unauthenticated):
    """Its person signed out, changed the password, or is no user any more."""

    reason = "SESSION_ENDED"


class WrongPassword(Unauthenticated):
    """No such user, or another password; which of the two is not told."""

    reason = "WRONG_PASSWORD"


class TooManyRequests(FabricError):
    """The caller asks more often than it may; again after `retry_after_s` of the metadata."""

    reason, win32, code = "TOO_MANY_REQUESTS", 8, "RESOURCE_EXHAUSTED"


class IssuerUnavailable(FabricError):
    """Whoever could prove the token does not answer; again later."""

    reason, win32, code = "ISSUER_UNAVAILABLE", 1722, "UNAVAILABLE"
