"""The record of those who were refused: lines of the logger `audit`.

With who, from where, what and why, and never with what was brought as a proof. Somebody who is refused all the time
gets a line now and then that says how many were not written.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from chassis import logs
from chassis.auth_errors import TooManyRequests
from chassis.tries import Tries

audit = logs.get("audit")

_LINES = (20, 1.0)
_REMEMBERED = 1000


class Refusals:
    """Writes refusals down, so many of one client. Not for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = Tries(*_LINES, clock)
        self._unwritten: OrderedDict[str, int] = OrderedDict()

    def write(self, client: str, **facts: str) -> None:
        """Write that `client` was refused: `reason`, `why`, `peer` and what else is known."""
        try:
            self._lines.count(client, "lines")
        except TooManyRequests:
            self._unwritten[client] = self._unwritten.pop(client, 0) + 1
            if len(self._unwritten) > _REMEMBERED:
                self._unwritten.popitem(last=False)
            return
        more = self._unwritten.pop(client, 0)
        audit.warning("refused", **facts, **({"unwritten": more} if more else {}))


def address_of(peer: str) -> str:
    """Return where a connection comes from, without the port, which is another one for each."""
    return peer.rpartition(":")[0]
