"""A port as its host tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spooler.printer import PortName

NOBODY: frozenset[str] = frozenset()
_UNWELL = frozenset({"offline", "error", "attention"})  # states of a port that has trouble


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A port as its host tells of it."""

    name: PortName
    monitor: str
    state: str  # "ready", "printing", "offline", …: types/v1 PortState in lower case
    device: str
    wire: bytes  # the host's own message, for the API to pass on; nobody else looks inside
    stopped: bool = False  # somebody reports an ERROR about it (SetPort): it takes no more jobs
    taken: bool = False  # another fabric has it open
    told_by: frozenset[str] = NOBODY  # who reports something about it

    def got_well(self, before: PortInfo) -> bool:
        """Return whether it has less trouble than it had, or is free again."""
        freed = (before.stopped and not self.stopped) or (before.taken and not self.taken)
        taken_back = bool(before.told_by - self.told_by)  # of several troubles it may be the one that matters
        return freed or taken_back or (before.state in _UNWELL and self.state not in _UNWELL)


class Hello(NamedTuple):
    """What a host says of itself when it is greeted (InitializePrintMonitor2)."""

    host: str
    instance_id: str
    boot_id: str
    version: str


class PortsChanged(NamedTuple):
    """News of a host's ports: all of them in the first one of a watch."""

    ports: Sequence[PortInfo]
    deleted: Sequence[str]
