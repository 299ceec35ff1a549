"""What a port is opened through, if not by itself: a language monitor, as those see it who only open ports."""

from __future__ import annotations

from typing import Any, Protocol

from portmon.host_port import HostPort
from portmon.monitor import PortMonitor
from portmon.recorded_port import RecordedMonitor


class Way(Protocol):
    """A language monitor that a port is opened through. Two are the same path to a device when they are equal."""

    @property
    def name(self) -> str:
        """Return its name."""

    def tells_end(self, port: HostPort) -> bool:
        """Return whether a document's end is told after its last byte (LAST_PAGE_EJECTED), and not with it."""

    def over(self, port: HostPort) -> PortMonitor[Any]:
        """Return the port's monitor with the language above it."""


def opener(port: HostPort, way: Way | None) -> PortMonitor[Any]:
    """Return what opens a port's device: its monitor, recorded, with the language above it if it is opened through one."""
    return RecordedMonitor(port.monitor) if way is None else way.over(port)
