"""How often clients may call. A client is who the call proves; where nothing is proven, the address it comes from."""

from __future__ import annotations

import time
from collections.abc import Callable

from chassis.access_settings import LimitSettings
from chassis.audit import Refusals, address_of
from chassis.call import Call
from chassis.failure import FabricError
from chassis.tries import Tries

# Refused proofs of one address that has no certificate.
_GUESSES = (30, 2.0)


class Guard:
    """Counts calls and refusals of one server."""

    def __init__(self, limits: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        rate = limits.calls_per_s
        self._calls = Tries(limits.calls_at_once, 1 / rate, clock) if rate is not None else None
        self._guesses = Tries(*_GUESSES, clock)
        self._refusals = Refusals(clock)

    def count(self, call: Call) -> None:
        """Count one call of a client that is known now.

        Raises:
            TooManyRequests: it calls more often than `server.limits` allows.
        """
        if self._calls is not None:
            self._calls.count(_client(call), "calls")

    def count_guess(self, call: Call) -> None:
        """Count a proof that did not hold, unless a certificate says who brought it: others may be behind it.

        Raises:
            TooManyRequests: the address has tried too often; it is not looked at what it brings.
        """
        if not call.identity.known:
            self._guesses.count(address_of(call.peer), "proofs that do not hold")

    def check_guesses(self, call: Call) -> None:
        """Raise TooManyRequests for who may not try again yet."""
        if not call.identity.known:
            self._guesses.check(address_of(call.peer), "proofs that do not hold")

    def refused(self, call: Call, error: FabricError) -> None:
        """Write down that a call was refused."""
        facts = {"reason": error.reason, "why": error.message, "peer": call.peer, "code": error.code}
        self._refusals.write(_client(call), **facts)


def _client(call: Call) -> str:
    return str(call.identity) if call.identity.known else address_of(call.peer)
