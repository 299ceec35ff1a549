"""People prove themselves once, and get a session."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chassis import logs
from chassis.access_settings import AccessSettings, OidcSettings
from chassis.auth_errors import TokenReplayed, TokenWrongIssuer, WrongPassword
from chassis.authentication import oidc_verifiers
from chassis.call import Call
from chassis.errors import StoreUnavailable
from chassis.identity import Identity
from chassis.tries import Tries
from spooler.access import passwords, user_lines
from spooler.access.sessions import Session, Sessions
from spooler.access.spent_list import SpentList
from spooler.access.user_file import UserFile
from spooler.store import Notes

if TYPE_CHECKING:
    from chassis.oidc import OidcVerifier

log = logs.get(__name__)


# One user from one peer; and one peer, behind which may be a console with all its people.
_OF_A_USER = (5, 12.0)
_OF_A_PEER = (30, 2.0)
_AT_ONCE = 2  # scrypt takes 32 MiB and a core each


class SignedIn(NamedTuple):
    """A new session: its token, what it says, and who it is (roles are granted by the server's settings)."""

    token: str
    session: Session
    person: Identity


class SignIn:
    """Takes proofs.

    Args:
        users: people with passwords; None: there are none.
        session_s: how long a session lasts.
        oidc: OpenID providers whose ID tokens are taken.
    """

    def __init__(
        self,
        notes: Notes,
        sessions: Sessions,
        users: UserFile | None,
        session_s: float,
        oidc: Sequence[OidcVerifier] = (),
    ) -> None:
        self.sessions = sessions
        self._notes = notes
        self._spent = SpentList(notes, "spent ID tokens")  # those that opened a session
        self._oidc = oidc
        self._users = users
        self._session_s = session_s
        self._slots = asyncio.Semaphore(_AT_ONCE)  # guards memory and cores, no data
        self._of_users = Tries(*_OF_A_USER)
        self._of_peers = Tries(*_OF_A_PEER)

    @classmethod
    async def open(
        cls, notes: Notes, user_file: Path | None, session_s: float, access: AccessSettings | None = None
    ) -> SignIn:
        """Return it with the sessions of a store and the OpenID providers of a server's settings.

        Raises:
            SettingsError: the user file cannot be used.
            StoreUnavailable: the store does not answer.
        """
        users = UserFile(user_file) if user_file is not None else None
        if users is not None:
            await user_lines.tell(notes, users.all())
        sessions = await Sessions.open(notes, users)
        oidc = oidc_verifiers(access) if access is not None else []
        return cls(notes, sessions, users, session_s, oidc)

    @property
    def issuers(self) -> Sequence[OidcSettings]:
        """The OpenID providers whose ID tokens are taken."""
        return [one.settings for one in self._oidc]

    @property
    def local(self) -> bool:
        """Whether there are users with passwords."""
        return self._users is not None

    async def by_password(self, name: str, password: str, call: Call) -> SignedIn:
        """Open a session for a user with a password.

        Raises:
            WrongPassword: no such user, or another password.
            TooManyRequests: too many tries, of this user or from there.
        """
        peer = call.peer.rpartition(":")[0]
        self._of_peers.count(peer, "tries to sign in from there")
        self._of_users.count((peer, name), "tries to sign in")
        user = self._users.get(name) if self._users is not None else None
        line = user.password if user is not None else passwords.NOBODYS
        async with self._slots:
            good = await asyncio.to_thread(passwords.fits, password, line)
        if user is None or not good:
            raise WrongPassword("no such user, or another password")
        self._of_users.forgive((peer, name))
        await self._tell_users()
        return self._opened(user.identity, call, user.version)

    async def _tell_users(self) -> None:
        if self._users is not None:
            with suppress(StoreUnavailable):  # who signs in needs no store; the next one tells
                await user_lines.tell(self._notes, self._users.all())

    async def by_id_token(self, token: str, nonce: str, call: Call) -> SignedIn:
        """Open a session for whom an OpenID provider names; an ID token opens one.

        Raises:
            TokenInvalid, TokenExpired, TokenNotYetValid, TokenWrongAudience: it does not hold.
            TokenWrongIssuer: it is of nobody who is believed here.
            TokenReplayed: it has opened a session before.
            IssuerUnavailable: nobody can say now.
            TooManyRequests: too many tries from there.
        """
        self._of_peers.count(call.peer.rpartition(":")[0], "tries to sign in from there")
        for provider in self._oidc:
            found = await provider.person(token, nonce)
            if found is not None:
                person, expires = found
                spent = hashlib.sha256(token.encode()).hexdigest()[:32]
                if not await self._spent.add(spent, expires):
                    raise TokenReplayed("the ID token has opened a session before; sign in again")
                return self._opened(person, call)
        raise TokenWrongIssuer("nobody who is believed here has issued the ID token")

    async def end(self, session: Session) -> None:
        """End a session, durably.

        Raises:
            StoreUnavailable: it cannot be written down now.
        """
        await self.sessions.end(session)
        log.info("signed out", person=f"{session.kind}:{session.name}", session=session.number)

    def _opened(self, person: Identity, call: Call, version: str = "") -> SignedIn:
        carrier = call.identity.via or call.identity
        token = self.sessions.mint(person, self._session_s, carrier, version)
        session = self.sessions.read(token)
        assert session is not None
        log.info("signed in", person=person.owner, over=str(call.identity), session=session.number)
        return SignedIn(token, session, person)
