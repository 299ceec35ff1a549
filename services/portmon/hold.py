"""One opening of a port: whose it is, under which fence, and when it ends by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chassis.errors import FabricError, PortBusy, StaleFence
from portmon.document import DocKey, Progress
from portmon.session import PortSession
from portmon.way import Way

if TYPE_CHECKING:
    from portmon.host_port import HostPort


@dataclass(frozen=True, slots=True)
class Owner:
    """Who opens: a fabric (one store) and one of its spooler processes."""

    fabric: str
    spooler: str


@dataclass(slots=True, eq=False)
class Hold:
    """One opening of a port. Times are monotonic seconds, but for `opened_at` (since the epoch)."""

    token: bytes
    fence: int
    owner: Owner
    port: HostPort
    session: PortSession
    printer: str
    lease_s: float
    deadline: float
    way: Way | None = None
    opened_at: float = field(default_factory=time.time)
    streams: int = 0
    mourners: list[Callable[[FabricError], None]] = field(default_factory=list)
    orphaned_at: float | None = None  # its stream broke with a document on the way
    awaited: DocKey | None = None  # EndDocPort has said that it is sent, and its end is awaited

    @property
    def is_current(self) -> bool:
        """Whether nobody has taken the port over, and it is open."""
        return self in self.port.holds

    @property
    def tells_end(self) -> bool:
        """Whether a document's end is told after its last byte: its port is open through a language monitor."""
        return self.way is not None and self.way.tells_end(self.port)

    def farewell(self, error: FabricError) -> None:
        """Tell the streams of a dead handle, once everything else has been told."""
        for tell in self.mourners:
            tell(error)

    def left_over(self) -> list[Progress]:
        """Return the documents that did not end well and are not settled."""
        return [one for one in self.port.journal.unsettled(self.owner.fabric) if one.win32]

    def dies_at(self) -> float | None:
        """Return when the hold ends by itself; None while a stream, or what goes on without one, keeps it alive."""
        if self.streams or self.session.goes_on:
            return None
        if self.orphaned_at is None or not (self.session.in_progress() or self.session.queued()):
            return self.deadline
        return min(self.deadline, self.orphaned_at + self.port.settings.grace_s)


def repeated(port: HostPort, owner: Owner, fence: int, way: Way | None) -> Hold | None:
    """Return the hold that this opening has had already; None: it is new.

    Raises:
        PortBusy: under this fence the port is open through another language monitor, or through none.
    """
    found = next((one for one in port.holds if (one.owner, one.fence) == (owner, fence)), None)
    if found is not None and found.way != way:
        text = f"port {port.name} is open under fence {fence} through another path"
        raise PortBusy(text, port=port.name, holder=owner.fabric)
    return found


def refuse_others(port: HostPort, owner: Owner, fence: int) -> None:
    """Check that a fabric may open a port now, under a fence that is higher than all the port has seen.

    Raises:
        PortBusy: another fabric holds it. StaleFence: the port has seen this fence, or a higher one, of any fabric.
    """
    hold = port.hold
    if hold is not None and hold.owner.fabric != owner.fabric:
        holder = hold.owner.fabric
        raise PortBusy(f"port {port.name} is held by fabric {holder}", port=port.name, holder=holder)
    seen = port.journal.note.highest_fence
    if fence <= seen:
        text = f"port {port.name} has seen fence {seen}, {fence} is older"
        raise StaleFence(text, port=port.name, fence=fence, seen=seen, held=hold is not None)
