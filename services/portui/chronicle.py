"""What became of ports and hosts since this console began to look: faults that came and went. Pure: whoever calls brings the clock."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from portui.model import FAULTS, Host, Port, PortState

_KEPT = 1000
_TOGETHER = timedelta(seconds=20)  # a host's ports are heard of so long before and after it


@dataclass(frozen=True, slots=True)
class Happening:
    """A port that came into another state, or a host. `folded`: so many ports of a host did because it did."""

    time: datetime
    host: str
    port: str  # empty: the host itself
    state: str
    text: str = ""
    lasted_s: float | None = None  # how long what ended now had lasted; None: nothing ended, or nobody knows
    folded: int = 0


class Chronicle:
    """The last of it, newest last."""

    def __init__(self) -> None:
        self._kept: deque[Happening] = deque(maxlen=_KEPT)
        self._since: dict[tuple[str, str], datetime] = {}

    def port(self, before: Port | None, now: Port, at: datetime) -> None:
        """Take in that a port is in another state; only faults are told, and their ends."""
        was, state = before.state if before is not None else PortState.READY, now.state
        if was is state or not (was in FAULTS or state in FAULTS):
            return
        began = (now.since or at) if before is None else at
        self._add(now.host, now.port, state, now.reason if state in FAULTS else "", began)

    def host(self, before: Host | None, now: Host, at: datetime) -> None:
        """Take in that a host is in another state; that one is there from the beginning is nothing to tell."""
        if before is None and now.state in ("online", "connecting"):
            return
        if before is None or before.state != now.state:
            self._add(now.name, "", now.state, now.error, at)

    def _add(self, host: str, port: str, state: str, text: str, at: datetime) -> None:
        before = self._since.pop((host, port), None)
        over = state not in FAULTS and state not in ("silent", "draining")
        if not over:
            self._since[host, port] = at
        lasted = (at - before).total_seconds() if over and before is not None else None
        self._kept.append(Happening(at, host, port, state, text, lasted))

    def newest(self, most: int, *, host: str = "", port: str = "") -> list[Happening]:
        """Return the last of it, newest first; what a host's ports did with it is in its own line.

        Of one host, or of one port of it, if they are named; a port's own list has it all.
        """
        if port:
            mine = [one for one in self._kept if (one.host, one.port) == (host, port)]
            return sorted(mine, key=lambda one: one.time, reverse=True)[:most]
        hosts = [one for one in self._kept if not one.port and one.state in ("silent", "online")]
        folded: Counter[Happening] = Counter()
        told: list[Happening] = []
        for one in self._kept:
            if host not in ("", one.host):
                continue
            cause = _cause(one, hosts) if one.port else None
            if cause is None:
                told.append(one)
            else:
                folded[cause] += 1
        found = [replace(one, folded=folded[one]) for one in told]
        return sorted(found, key=lambda one: one.time, reverse=True)[:most]


def _cause(one: Happening, hosts: Iterable[Happening]) -> Happening | None:
    """Return what happened to a port's host that made it unknown, or known again; None: it came by itself."""
    gone = one.state in (PortState.UNKNOWN, PortState.OFFLINE)
    for host in hosts:
        fits = host.host == one.host and (host.state == "silent") == gone
        if fits and abs(host.time - one.time) <= _TOGETHER and (gone or one.state not in FAULTS):
            return host
    return None
