"""Who is let in: whether people have to sign in, whose session a request brings, and under whose name it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from chassis import logs
from chassis.errors import FabricError, Unauthenticated
from portui.attention import Attention
from portui.person import ROLES, Opened, Person, SignInOptions
from portui.web.sessions import Seals, Session
from portui.web.walls import Wall, Walls

_ASK_S, _ASK_AGAIN_S = 10.0, 1.0
_KNOWN_S = 15.0  # so long what a session may is believed, for what is shown; the spooler decides at each call
_MOST_KNOWN = 2000
log = logs.get(__name__)
EVERYBODY = Person("", "loopback", frozenset(ROLES))


class Access(Protocol):
    """What is asked of the spooler. Everything raises FabricError."""

    async def options(self) -> SignInOptions:
        """Return how people can sign in."""

    async def by_password(self, user: str, password: str) -> Opened:
        """Open a session with a name and a password."""

    async def by_id_token(self, token: str, nonce: str) -> Opened:
        """Open a session with an ID token."""

    async def end(self, token: str) -> None:
        """End a session."""

    async def who(self, token: str) -> Person:
        """Return whose session this is."""


class Doorman:
    """Lets people in.

    Args:
        access: the spooler's word on who people are.
        always: people sign in whatever the spooler says, for others than this machine's can reach the console.
        key_file: the secret that seals sessions.
        idle_s: how long a session may be unused.
        walls: screens that show the wall and nobody signs in at.
        attention: who is at the console; while nobody is, the spooler is not asked.
    """

    def __init__(
        self,
        access: Access,
        *,
        always: bool = False,
        key_file: Path | None = None,
        idle_s: float = 1800.0,
        walls: Walls | None = None,
        attention: Attention | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.access = access
        self.walls = walls or Walls(None)
        self.attention = attention or Attention()
        self.options = SignInOptions(needed=always, local=False, issuers=())
        self._always = always
        self._key_file = key_file
        self._idle_s = idle_s
        self._clock = clock
        self._sealed: Seals | None = None
        self._known: dict[str, tuple[float, Person]] = {}

    async def follow(self) -> None:
        """Ask the spooler for ever how people sign in there; whoever comes after a silence waits for its answer."""
        await self.attention.keep_asking(self._ask)

    async def _ask(self) -> float:
        try:
            await self.ask()
        except FabricError as error:
            log.debug("how to sign in is not known", error=error.message)
            return _ASK_AGAIN_S
        return _ASK_S

    async def ask(self) -> None:
        """Ask it once."""
        self.options = await self.access.options()

    @property
    def closed(self) -> bool:
        """Whether people have to sign in. A spooler that was never asked lets nobody do anything, so it is not asked for."""
        return self._always or self.options.needed

    @property
    def seals(self) -> Seals:
        """What seals sessions; made when it is first needed.

        Raises:
            OSError: the key cannot be read.
        """
        if self._sealed is None:
            key = self._key_file.read_bytes().strip() if self._key_file else None
            if key is not None and len(key) < 32:
                raise OSError(f"{self._key_file}: a session key has 32 bytes or more")
            self._sealed = Seals(key, self._idle_s)
        return self._sealed

    async def person(self, session: Session) -> Person | None:
        """Return whose session this is; None when the spooler says that it has ended.

        Raises:
            FabricError: the spooler cannot be asked, and nothing is known from before.
        """
        now, known = self._clock(), self._known.get(session.token)
        if known is not None and now - known[0] < _KNOWN_S:
            return known[1]
        try:
            found = await self.access.who(session.token)
        except Unauthenticated:
            self._known.pop(session.token, None)
            return None
        except FabricError:
            if known is None:
                raise
            return known[1]  # the spooler is away: what was known is shown on, and changes are its to refuse
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[session.token] = (now, found)
        return found

    async def still(self, session: Session | None, wall: Wall | None = None) -> bool:
        """Say whether a session, or a screen's key, that was good is so yet; where nobody signs in there is neither."""
        if wall is not None:
            return self.walls.by_hash(wall.key_hash) is not None
        if session is None:
            return True
        try:
            return time.time() < session.ends and await self.person(session) is not None
        except FabricError:
            return True  # who cannot be asked has not refused

    def wall(self, cookie: str) -> Wall | None:
        """Return the screen whose cookie this is; None when it is none of ours, or is let in no more."""
        found = self.seals.unseal(cookie) if cookie else {}
        return self.walls.by_hash(str(found["h"])) if found.get("k") == "wall" else None

    async def let_out(self, session: Session) -> None:
        """End a session, here and at the spooler."""
        self._known.pop(session.token, None)
        try:
            await self.access.end(session.token)
        except FabricError as error:
            # The browser forgets it in any case, and it ends by itself.
            log.warning("session not ended at the spooler", error=error.message)
