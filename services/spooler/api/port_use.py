"""Which ports may not be deleted, and which are just being deleted, so that no printer takes them meanwhile.

After SplDeleteSpoolerPortStart and …End: begin, let the monitor delete, end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.errors import PortInUse
from spooler.api.inside import Dispatch
from spooler.managed import ManagedPorts
from spooler.printer import PortName


class PortUse:
    """Knows who uses a port, and what declares it."""

    def __init__(self, dispatch: Dispatch, managed: ManagedPorts) -> None:
        self.managed = managed
        self._dispatch = dispatch
        self._deleting: set[tuple[str, str]] = set()

    def printers(self, port: PortName) -> list[str]:
        """Return the printers that may use a port, by name."""
        return sorted(self._dispatch.book.users.get(port.key, ()))

    def why_in_use(self, port: PortName) -> str:
        """Return why a port cannot be deleted; "" when it can."""
        printers = self.printers(port)
        if printers:
            named = ", ".join(printers[:5])
            return f"port {port} is used by {len(printers)} printers: {named}"
        lane = self._dispatch.lane_view(port)
        if lane is not None and lane.flights:
            return f"port {port} is printing job {lane.flights[0]}"
        if port.key in self._deleting:
            return f"port {port} is being deleted"
        return ""

    @contextmanager
    def deleting(self, port: PortName) -> Iterator[None]:
        """Keep printers away from a port while it is deleted.

        Raises:
            PortInUse: a printer or a job uses it, or somebody else deletes it.
        """
        busy = self.why_in_use(port)
        if busy:
            raise PortInUse(busy, port=port, printers=", ".join(self.printers(port)[:5]) or None)
        self._deleting.add(port.key)
        try:
            yield
        finally:
            self._deleting.discard(port.key)

    def check_free(self, port: PortName) -> None:
        """Raise PortInUse if a port is being deleted, for a printer that wants it."""
        if port.key in self._deleting:
            raise PortInUse(f"port {port} is being deleted", port=port)
