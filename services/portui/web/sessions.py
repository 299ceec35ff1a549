"""Sessions of the console: the spooler's token, sealed into a cookie that only this console can open.

Nothing is kept here, so that any replica with the same key serves any request, and a restart signs nobody out. The
browser holds what it cannot read: the token is encrypted and authenticated (Fernet: AES-128-CBC, HMAC-SHA256).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_RENEW_S = 60.0  # a cookie is made anew when it is older: so often is it written down that somebody is there
FLOW_S = 600.0  # on the way to a provider and back


@dataclass(frozen=True, slots=True)
class Session:
    """A person's session: the spooler's token, when it ends by itself, when they were last seen; times in epoch seconds."""

    token: str
    ends: float
    seen: float


class Seals:
    """Seals what browsers keep for us.

    Args:
        key: any secret of at least 32 bytes, the same in all replicas; None: one for this process only.
        idle_s: a session that nobody used for so long is over.
    """

    def __init__(self, key: bytes | None, idle_s: float, clock: Callable[[], float] = time.time) -> None:
        # Imported when somebody has to sign in: a console on loopback never needs it, and it takes 5 MB.
        from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415

        material = hashlib.sha256(
            b"printfabric console session\0" + (key or secrets.token_bytes(32))
        ).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(material))
        self._broken = InvalidToken
        self._idle_s = idle_s
        self._clock = clock

    def session(self, token: str, ends: float) -> str:
        """Return a new session as a cookie's value."""
        return self._sealed(Session(token, ends, self._clock()))

    def _sealed(self, one: Session) -> str:
        return self.seal({"k": "session", "t": one.token, "e": one.ends, "s": one.seen})

    def opened(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None when it is none of ours, has ended, or was idle for too long."""
        found = self.unseal(cookie)
        if found.get("k") != "session":
            return None
        session, now = Session(str(found["t"]), float(found["e"]), float(found["s"])), self._clock()
        fresh = now < session.ends and now - session.seen < self._idle_s
        return session if fresh else None

    def renewed(self, session: Session) -> str:
        """Return the cookie of a session that is in use; empty while the one it has is fresh enough."""
        now = self._clock()
        return self._sealed(replace(session, seen=now)) if now - session.seen > _RENEW_S else ""

    def seal(self, value: Mapping[str, Any]) -> str:
        """Return a small value as a text that nobody can read or change."""
        return self._fernet.encrypt(json.dumps(dict(value)).encode()).decode("ascii")

    def unseal(self, text: str, most_s: float | None = None) -> Mapping[str, Any]:
        """Return a sealed value; an empty one when it is not ours, or older than `most_s`."""
        try:
            data = self._fernet.decrypt(
                text.encode("ascii", "replace"), None if most_s is None else int(most_s)
            )
            found = json.loads(data)
        except (self._broken, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
