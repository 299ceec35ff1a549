"""What every plug can do: the interface of a connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from printfabric_sim.core import Core


class Door(StrEnum):
    """How new connections are received."""

    OPEN = "open"
    REFUSE = "refuse"
    BLACKHOLE = "blackhole"
    ACCEPT_LATE = "accept-late"
    ACCEPT_CLOSE = "accept-close"


class Reach(StrEnum):
    """What faults can do to a kind of plug."""

    LINKS = "links"  # it has connections to break
    DOOR = "door"  # it receives new connections
    INPUT = "input"  # it brings bytes, which can be thrown away or held up
    LINES = "lines"  # its host sees DSR and DCD
    NOISE = "noise"  # bytes can be damaged on the way
    NODE = "node"  # it is a device node
    BACK = "back"  # bytes can be sent back to the sender
    AGENT = "agent"  # it is asked for the printer's state, and nothing else
    ASKED = "asked"  # it is asked for states by requests that have one answer each


class Connection(ABC):
    """One way to reach the printer: a listening port, a serial line, a device node.

    Faults reach it through the methods below; those outside its `reach` do nothing there, and a fault that reaches no
    plug of a printer is refused.
    """

    reach: ClassVar[frozenset[Reach]] = frozenset()

    def __init__(self, core: Core) -> None:
        self.core = core

    @abstractmethod
    async def start(self) -> None:
        """Open the plug; `address` is known afterwards. Raises OSError if it cannot be had."""

    @abstractmethod
    async def stop(self) -> None:
        """Close the plug and every link of it."""

    @abstractmethod
    def address(self) -> dict[str, object]:
        """Return where clients find it, for the ready line: {"tcp": 9100}, {"pty": "/dev/pts/7"}, …."""

    def door(self, mode: Door, late_s: float = 0.0) -> None:
        """Receive new connections so from now on."""

    def power(self, on: bool) -> None:
        """The printer loses or gets its power; links that were open are dead afterwards."""

    def turn_out(self) -> None:
        """Break off whoever waits to be served."""

    def break_links(self, how: str) -> int:
        """End every link now: "reset", "fin". Return how many there were."""
        return 0

    def freeze(self, on: bool) -> None:
        """Fall silent, or wake."""

    def stall(self, on: bool, reason: str) -> None:
        """Stop taking bytes, in the way `reason` (xoff, cts-low, zero-window) names, or go on."""

    def line(self, name: str, on: bool) -> None:
        """Set a modem line as the host sees it: "dsr", "dcd"."""

    def vanish(self, on: bool, new_name: bool) -> None:
        """Take the device node away, or bring it back."""

    def come_back(self, again: Callable[[], None], let_go: Callable[[], None]) -> None:
        """Open a device node `again`, and say whether that could be done; if not, `let_go` of what it has."""
        try:
            again()
        except OSError as error:
            let_go()
            self.core.event("device not back", error=str(error))
        else:
            self.core.event("device back", **self.address())
