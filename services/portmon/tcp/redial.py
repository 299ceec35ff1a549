"""A printer that cannot be reached: said as long as it is so, and dialled again for the document that waits."""

from __future__ import annotations

import random
import socket
import time

from chassis.auth_errors import TooManyRequests
from chassis.errors import ConnectionRefused, DeviceNotConnected, DeviceOffline, FabricError
from chassis.tries import Tries
from portmon.monitor import OpenContext
from portmon.port_name import without_name
from portmon.reports import Condition, Report, Severity, Source
from portmon.tcp.dial import TcpDial

REPORTER = "connection"
_EVERY_S = 1.0  # from one dial to the next; less up to a quarter, so that they do not fall into step
_SAID_S = 30.0  # how long the report counts that is not repeated; each dial repeats it
_MARKED_S = 60.0  # the same, once nobody dials any more
_KEPT_S = 5.0  # how long a connection waits for the document it was made for
# Of all ports together, in a second: a tenth of a core. What is one too many has its turn a second later.
_DIALS = Tries(at_once=200, interval_s=0.005)
_AWAY = (ConnectionRefused, DeviceNotConnected, DeviceOffline)


class Redial:
    """Makes the connections of one port; belongs to its thread.

    Once a document could not have its connection, the printer is dialled about once a second between documents, until
    it answers or the port is closed: whoever keeps the port open wants it. The connection is kept for the document.
    """

    def __init__(self, context: OpenContext, dial: TcpDial) -> None:
        self._context, self._dial = context, dial
        self._away = False
        self._said = ""  # why it cannot be reached, as was reported
        self._known = False  # the last report was ours
        self._at = 0.0  # when to dial next, or to let go of the connection that is ready
        self._ready: socket.socket | None = None

    def connect(self) -> socket.socket:
        """Return the connection that is ready, or a new one. Raises what `TcpDial.connect` raises."""
        ready, self._ready = self._ready, None
        if ready is not None and _is_quiet(ready):
            return ready
        if ready is not None:
            ready.close()  # the printer closed it, or speaks out of turn
        since = time.monotonic()
        try:
            found = self._dial.connect(unanswered=self._unanswered)
        except _AWAY as error:
            self._is_away(error, since)
            raise
        except BaseException:  # cancelled: nobody wants it any more
            self._leave()
            raise
        self._is_back()
        return found

    def look_after(self) -> float | None:
        """Dial again when it is time; return in how many seconds to be called again, None: it is not away."""
        now = time.monotonic()
        if self._ready is not None and now >= self._at:
            self._ready.close()
            self._ready = None
        if not self._away:
            return None if self._ready is None else self._at - now
        if now < self._at:
            return self._at - now
        try:
            _DIALS.count("dials", "dials")
            self._ready = self._dial.try_once()
        except TooManyRequests:
            self._at = now + _later_s()
        except _AWAY as error:
            self._is_away(error, now)
        except FabricError:  # something else is to be done first
            self._at = now
        if self._ready is not None:
            self._is_back()
            self._at = time.monotonic() + _KEPT_S
        return max(0.0, self._at - time.monotonic())

    def close(self) -> None:
        """Dial no more. Never fails."""
        if self._ready is not None:
            self._ready.close()
            self._ready = None
        self._leave()

    def _unanswered(self) -> None:
        self._say(f"{self._dial.where} does not answer", Severity.ERROR)

    def _is_away(self, error: FabricError, since: float) -> None:
        """It did not answer a dial that was begun at `since`: one that took long is followed by the next at once."""
        self._away = True
        self._at = since + _later_s()
        self._say(without_name(error.message, self._context.port), Severity.ERROR)

    def _say(self, text: str, severity: Severity) -> None:
        self._said, self._known = text, True
        report = Report(Condition.OFFLINE, severity, text, Source.TRANSPORT)
        self._context.report(REPORTER, [report], _SAID_S if severity is Severity.ERROR else _MARKED_S)

    def _is_back(self) -> None:
        if self._said or not self._known:  # an opening before this one may have said something
            self._context.report(REPORTER, [], 0.0)
        self._away, self._said, self._known = False, "", True

    def _leave(self) -> None:
        """Nobody dials any more: what was met is no reason to keep documents away, but worth a word for a while."""
        if self._said:
            self._say(self._said, Severity.WARNING)
        self._away, self._said = False, ""


def _later_s() -> float:
    return _EVERY_S * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing


def _is_quiet(connection: socket.socket) -> bool:
    """Tell whether nothing came on a connection, not even its end."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
