"""One configured port of this host, with everything that lives as long as the process does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chassis.errors import StoreUnavailable
from portmon.counters import PortCounters
from portmon.facts import Facts
from portmon.journal.fabric_times import FabricTimes
from portmon.journal.port_journal import Journal
from portmon.monitor import PortMonitor, PortSettings
from portmon.port_name import same
from portmon.port_record import PortRecord
from portmon.port_state import PortState
from portmon.port_status import Seen
from portmon.reports import Reports, Source
from portmon.session import PortSession

if TYPE_CHECKING:
    from portmon.hold import Hold


@dataclass(slots=True)
class HostPort:
    """See above."""

    record: PortRecord
    monitor: PortMonitor[Any]
    settings: PortSettings
    journal_path: Path
    times: FabricTimes
    slots: int
    counters: PortCounters = field(default_factory=PortCounters)
    reports: Reports = field(default_factory=Reports)
    facts: Facts = field(default_factory=Facts)
    hold: Hold | None = None
    session: PortSession | None = None
    private: set[Hold] = field(
        default_factory=set
    )  # of `FILE:`, which nobody ever holds: each has its session
    used_by: set[str] = field(default_factory=set)  # fabrics whose printers use it (NotifyUsedPorts)
    looked_at: float = float("-inf")  # when somebody asked how it is, on the monotonic clock
    stirred: asyncio.Event = field(default_factory=asyncio.Event)  # its status is wanted now
    device_at: float | None = None  # when its device was seen there last, seconds since the epoch
    told: tuple[PortState, float] = field(default_factory=lambda: (PortState.CLOSED, time.time()))
    deleted: bool = False
    # Guards opening, taking over, closing and deleting against each other.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    expiry: asyncio.TimerHandle | None = None  # when the next report runs out
    _journal: Journal | None = None
    # Guards _journal: it is opened on threads, and two of one file would take each other for the past.
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The port's name on this host."""
        return self.record.name

    def look(self) -> None:
        """Take note that somebody asks how it is: for a while that is to be known freshly."""
        self.looked_at = time.monotonic()
        self.stirred.set()

    @property
    def journal(self) -> Journal:
        """The port's journal, mapped when it is first needed: most ports of a large host are quiet."""
        with self._opening:
            if self._journal is None:
                self._journal = Journal.open(
                    self.journal_path, same(self.name), slots=self.slots, times=self.times
                )
                self._journal.device_is(self.monitor.identity(self.name, self.settings))
            return self._journal

    def fresh_journal(self) -> Journal:
        """Return the journal, once it knows what hangs on the port now; blocks."""
        journal = self.journal
        if self.session is None:  # else what that has opened counts
            journal.device_is(self.monitor.identity(self.name, self.settings))
        return journal

    @property
    def device(self) -> str:
        """What hangs on the port."""
        return self.monitor.device(self.name, self.settings)

    @property
    def state(self) -> PortState:
        """Where the port stands."""
        return PortState.CLOSED if self.session is None else self.session.state

    @property
    def holds(self) -> Collection[Hold]:
        """Its openings."""
        return self.private if self.hold is None else {self.hold}

    @property
    def is_open(self) -> bool:
        """Whether anybody has it open, or has not yet let its device go."""
        return bool(self.private) or self.hold is not None or self.session is not None

    @property
    def in_use(self) -> bool:
        """Whether its device is watched and polled: printers use it, or somebody has it open."""
        return bool(self.used_by) or self.session is not None

    def seen(self) -> Seen:
        """Return what is known of it beside the reports."""
        if self.told[0] is not self.state:
            self.told = (self.state, time.time())
        heard = [one.at for one in self.facts.now().values() if one.source is Source.PRINTER]
        return Seen(*self.told, self.device_at, max(heard, default=None))

    def store_fence(self, fabric: str, fence: int) -> None:
        """Remember a fence durably; blocks. Raises StoreUnavailable: the journal does not take it."""
        try:
            self.journal.store_fence(fabric, fence)
        except (OSError, ValueError) as error:
            text = f"the journal of port {self.name} does not take its fence: {error}"
            raise StoreUnavailable(text, port=self.name) from error

    def journal_fill(self) -> float:
        """Return the share of the journal that waits to be settled, 0 to 1; 0 for one that nobody asked for yet."""
        with self._opening:
            return 0.0 if self._journal is None else self._journal.fill

    def forget_journal(self) -> None:
        """Close the journal; it is opened again when it is asked for."""
        with self._opening:
            if self._journal is not None:
                self._journal.close()
                self._journal = None
