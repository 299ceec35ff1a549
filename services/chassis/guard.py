"""How often clients may call, and the record of those who were refused.

A client is who the call proves; where nothing is proven, the address it comes from. Refusals are written as lines of
the logger `audit`, with who, from where, what and why, and never with what was brought as a proof. Somebody who is
refused all the time gets a line now and then that says how many were not written.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from chassis import logs
from chassis.access_settings import LimitSettings
from chassis.auth_errors import TooManyRequests
from chassis.call import Call
from chassis.failure import FabricError
from chassis.tries import Tries

audit = logs.get("audit")

# Refused proofs of one address that has no certificate.
_GUESSES = (30, 2.0)
_LINES = (20, 1.0)
_REMEMBERED = 1000


class Guard:
    """Counts calls and refusals of one server."""

    def __init__(self, limits: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        rate = limits.calls_per_s
        self._calls = Tries(limits.calls_at_once, 1 / rate, clock) if rate is not None else None
        self._guesses = Tries(*_GUESSES, clock)
        self._lines = Tries(*_LINES, clock)
        self._unwritten: OrderedDict[str, int] = OrderedDict()

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
            self._guesses.count(_address(call), "proofs that do not hold")

    def check_guesses(self, call: Call) -> None:
        """Raise TooManyRequests for who may not try again yet."""
        if not call.identity.known:
            self._guesses.check(_address(call), "proofs that do not hold")

    def refused(self, call: Call, error: FabricError) -> None:
        """Write down that a call was refused."""
        client = _client(call)
        try:
            self._lines.count(client, "lines")
        except TooManyRequests:
            self._unwritten[client] = self._unwritten.pop(client, 0) + 1
            if len(self._unwritten) > _REMEMBERED:
                self._unwritten.popitem(last=False)
            return
        more = self._unwritten.pop(client, 0)
        facts = {"unwritten": more} if more else {}
        audit.warning(
            "refused", reason=error.reason, why=error.message, peer=call.peer, code=error.code, **facts
        )


def _address(call: Call) -> str:
    """Return where a call comes from, without the port, which is another one for each connection."""
    return call.peer.rpartition(":")[0]


def _client(call: Call) -> str:
    return str(call.identity) if call.identity.known else _address(call)
