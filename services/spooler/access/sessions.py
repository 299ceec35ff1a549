"""Sessions of people who signed in: tokens that the spooler signs and believes, and those that have ended.

A token holds who it is, until when, and over whose certificate it was made; it is signed with a key that lies in the
store, so that it outlives a restart and every spooler of the store knows it. What has ended before its time is listed
there too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import NamedTuple

from chassis.auth_errors import SessionEnded, TokenExpired, TokenInvalid
from chassis.errors import EtagMismatch
from chassis.identity import Identity, Kind
from spooler.access.spent_list import SpentList
from spooler.access.user_file import UserFile
from spooler.store import Notes

PREFIX = "pfs1."
_KEY = "session key"


class Session(NamedTuple):
    """What a token says. `carrier` is the certificate's name it is bound to, or empty; `version` the password's."""

    kind: Kind
    name: str
    groups: tuple[str, ...]
    expires: int  # seconds since 1970
    number: str
    carrier: str
    version: str


class Sessions:
    """Makes, proves and ends sessions (`chassis.identity.TokenVerifier`). Made by `open`."""

    def __init__(self, notes: Notes, key: bytes, users: UserFile | None) -> None:
        self._notes = notes
        self._key = key
        self._users = users
        self._ended = SpentList(notes, "ended sessions")

    @classmethod
    async def open(cls, notes: Notes, users: UserFile | None = None) -> Sessions:
        """Return the sessions of a store; the first one makes the key."""
        key = await notes.get_note(_KEY)
        if key is None:
            key = secrets.token_hex(32)
            try:
                await notes.put_note(_KEY, key, None)
            except EtagMismatch:
                key = await notes.get_note(_KEY) or key
        return cls(notes, bytes.fromhex(key), users)

    def mint(self, person: Identity, lifetime_s: float, carrier: Identity, version: str = "") -> str:
        """Return a token for a person who has proven who they are, over `carrier`'s connection."""
        bound = carrier.name if carrier.kind is Kind.CERTIFICATE else ""
        session = Session(
            person.kind,
            person.name,
            tuple(sorted(person.groups)),
            int(time.time() + lifetime_s),
            secrets.token_urlsafe(12),
            bound,
            version,
        )
        content = _text(json.dumps(session, separators=(",", ":")).encode())
        return f"{PREFIX}{content}.{self._signed(content)}"

    def read(self, token: str) -> Session | None:
        """Return what a token of ours says, be it good still or not; None if it is no session's.

        Raises:
            TokenInvalid: it looks like one of ours and is not signed by us.
        """
        if not token.startswith(PREFIX):
            return None
        content, _, mac = token.removeprefix(PREFIX).partition(".")
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), self._signed(content).encode()):
            raise TokenInvalid("the session token is not one of this spooler's")
        kind, name, groups, *rest = json.loads(base64.urlsafe_b64decode(content + "=="))
        return Session(Kind(kind), name, tuple(groups), *rest)

    async def verify(self, token: str, carrier: Identity) -> Identity | None:
        """Return whose session it is; None if the token is no session's.

        Raises:
            TokenInvalid: not signed by us, or brought by another service than the one it was made for.
            TokenExpired, SessionEnded: sign in anew.
        """
        session = self.read(token)
        if session is None:
            return None
        if session.carrier and (carrier.kind is not Kind.CERTIFICATE or carrier.name != session.carrier):
            raise TokenInvalid("the session was made for another service")
        if session.expires <= time.time():
            raise TokenExpired("the session has run out; sign in again")
        if await self._ended.has(session.number):
            raise SessionEnded("the session was ended; sign in again")
        if session.kind is Kind.LOCAL:
            return self._local(session)
        return Identity(session.kind, session.name, frozenset(session.groups))

    def _local(self, session: Session) -> Identity:
        user = self._users.get(session.name) if self._users is not None else None
        if user is None or user.version != session.version:
            raise SessionEnded("the session was ended: the user is gone or has another password")
        return user.identity

    async def end(self, session: Session) -> None:
        """End a session, durably."""
        await self._ended.add(session.number, session.expires)

    def _signed(self, content: str) -> str:
        return _text(hmac.digest(self._key, content.encode("utf-8", "replace"), hashlib.sha256))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
