"""What a monitor may bring beside its ports: the optional slots of the function table. Read after `monitor.py`.

A slot is filled by overriding its method; the monitor's capabilities name those that are. The host calls them on a
thread of the monitor's own, one at a time, and not on the event loop: they may block, but none longer than its
deadline (10 s; 3 s for the machine's sleep). What they raise is said to whoever asked, or logged; it harms no port.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from chassis.errors import NotSupported


class Access(StrEnum):
    """What a session must have been opened with for a command (XcvOpenPort's access mask)."""

    ANYBODY = "anybody"  # looks, changes nothing
    USE = "use"  # PRINTER_ACCESS_USE: may print with it
    ADMINISTER = "administer"  # SERVER_ACCESS_ADMINISTER


class Power(StrEnum):
    """What becomes of the machine (PowerEvent)."""

    # It will sleep soon; documents have ended or are parked, ports are closed.
    SUSPEND_PENDING = "suspend_pending"
    SUSPEND = "suspend"  # it sleeps next, perhaps without the warning above
    RESUME = "resume"  # it is back; no port is open yet


class OwnFunctions:
    """The optional functions. `commands`: the monitor's own management commands and what each asks of its session."""

    commands: ClassVar[Mapping[str, Access]] = {}

    def has(self, function: str) -> bool:
        """Tell whether a slot is filled."""
        return getattr(type(self), function) is not getattr(OwnFunctions, function)

    def xcv_data_port(self, name: str, port: str, value: Any) -> Any:
        """Execute one of `commands` (XcvDataPort) and return a JSON value of up to 256 KiB, or None.

        The access has been looked at. `port` is the session's, "" in one on the monitor. `value` is a JSON value from
        anybody, None when there is no input: hostile until it is checked. The host's own commands come first.

        Raises:
            FabricError: the command's own result: its `win32` is the status, its text the message.
        """
        raise NotSupported(f"this monitor has no command {name}")

    def notify_used_ports(self, ports: Sequence[str]) -> None:
        """Printers use these ports from now on (NotifyUsedPorts); at first all of them at once. Each is said once."""
        raise NotSupported("this monitor does not look after ports")

    def notify_unused_ports(self, ports: Sequence[str]) -> None:
        """No printer uses these ports any more, or they are deleted (NotifyUnusedPorts)."""
        raise NotSupported("this monitor does not look after ports")

    def power_event(self, event: Power) -> None:
        """The machine goes to sleep or is back (PowerEvent). An event may be told twice."""
        raise NotSupported("this monitor does not heed the machine's sleep")

    def shutdown(self) -> None:
        """The host ends (Shutdown). All ports are closed; nothing of this monitor is called any more."""
        raise NotSupported("this monitor has nothing to end")
