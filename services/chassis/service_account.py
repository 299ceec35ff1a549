"""What a Kubernetes service account's token says of itself. Unproven: good for refusing, never for believing. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_MOST_BYTES = 16 << 10


class Said(NamedTuple):
    """Whom a token is for, and until when (seconds since 1970)."""

    audiences: tuple[str, ...]
    expires: float


def said_by(token: str) -> Said | None:
    """Return what a token says if it is a service account's; None for others."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MOST_BYTES:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    except (ValueError, RecursionError, binascii.Error):
        return None
    if not isinstance(claims, dict) or not isinstance(claims.get("kubernetes.io"), dict):
        return None
    given, expires = claims.get("aud"), claims.get("exp")
    audiences = given if isinstance(given, list) else [given]
    return Said(
        tuple(one for one in audiences if isinstance(one, str)),
        # Any size of number; only NaN is none, and unlike itself.
        expires if isinstance(expires, int | float) and expires == expires else 0.0,  # noqa: PLR0124
    )


def node_of(user: Mapping[str, Any]) -> str:
    """Return the node whose pod a proven user is; empty if the cluster does not say."""
    extra = user.get("extra") or {}
    names = extra.get("authentication.kubernetes.io/node-name") or [""]
    return str(names[0])
