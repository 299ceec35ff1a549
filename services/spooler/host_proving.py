"""What whoever answers for a host proves, and how long that holds. Nothing of the wire.

A token proves it, which the cluster is asked about. Whoever was proven by one stays so, while the cluster cannot be
asked or has not yet renewed it, by a secret: the handle that this run of the host gave this spooler, and nobody else.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Protocol

from chassis import logs
from chassis.auth_errors import IssuerUnavailable
from chassis.errors import HostUnreachable

log = logs.get(__name__)

_AGAIN_S = 30.0  # between two looks at a token that should have been renewed
_LATE_S = 600.0  # how late it may be: kubelets renew within minutes of the API server's return


class NotBelieved(HostUnreachable):
    """Somebody answers for a host and is not taken for it. Nothing was asked of it."""

    reason = "HOST_NOT_BELIEVED"


class UnprovenHost(NotBelieved):
    """Who answers does not prove to be the host."""

    reason = "UNPROVEN_HOST"


class LateProof(UnprovenHost):
    """Who answers brings a proof that has run out."""


class ProofUnavailable(NotBelieved):
    """Nobody can say now whether who answers is the host; again later."""

    reason = "HOST_PROOF_UNAVAILABLE"


class HostProof(Protocol):
    """Proves hosts by what they bring (`discovery.host_tokens.HostTokens`)."""

    @property
    def audience(self) -> str:
        """Whom tokens must be made for."""

    async def check(self, host: str, token: str) -> float:
        """Return until when a token proves who brings it to be a host, in seconds since 1970.

        Raises:
            UnprovenHost: it does not.
            IssuerUnavailable: nobody can say now.
        """


class Proving:
    """One host's proof.

    Args:
        host: its name.
        clock: seconds since 1970.
    """

    def __init__(self, host: str, clock: Callable[[], float] = time.time) -> None:
        self.proof: HostProof | None = None  # None: nothing has to be proven
        self._host = host
        self._clock = clock
        self._until = 0.0
        self._handle = b""

    @property
    def audience(self) -> str:
        """Whom the host's token must be made for; empty where none is wanted."""
        return self.proof.audience if self.proof is not None else ""

    async def check(self, token: str, handle: bytes) -> None:
        """Check what a run of the host has brought: its token, and the handle of this spooler's registration there.

        Raises:
            UnprovenHost: it is not proven.
            ProofUnavailable: nobody can say now, and this run was not proven before.
        """
        if self.proof is None:
            return
        try:
            until = await self.proof.check(self._host, token)
        except IssuerUnavailable as error:
            if not self._is_same_run(handle):
                text = f"host {self._host} cannot be proven: {error.message}"
                raise ProofUnavailable(text, host=self._host) from error
            log.info("host stays proven while the cluster cannot be asked", host=self._host)
            self._until = max(self._until, self._clock())
        except LateProof:
            if not self._is_same_run(handle) or self._clock() > self._until + _LATE_S:
                raise
            log.info("host stays proven, its token is late", host=self._host)
        else:
            self._until, self._handle = until, handle

    def next_look_s(self) -> float:
        """Return when to ask for a proof again, in seconds from now."""
        left = self._until - self._clock()
        return left if left > 0 else _AGAIN_S

    def _is_same_run(self, handle: bytes) -> bool:
        return bool(self._handle) and hmac.compare_digest(handle, self._handle)
