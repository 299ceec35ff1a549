"""One way into the printer: what a connection hands over, and what the printer may do to the connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from printfabric_sim.unit import Job


class Link(Protocol):
    """The transport under an inlet. Every method returns at once and may be called twice."""

    def pause(self) -> None:
        """Take no more bytes from the sender for now; its writes stall."""

    def resume(self) -> None:
        """Take bytes again."""

    def write(self, data: bytes) -> bool:
        """Send back-channel bytes; False where there is no way back now, and they are gone."""

    def hears(self) -> bool:
        """Say whether there is a way back now."""

    def freeze(self, on: bool) -> None:
        """Fall silent as a dead host does: nothing is acknowledged, nothing sent, nothing closed."""

    def reset(self) -> None:
        """Break off as rudely as the transport can (TCP: RST)."""

    def close(self) -> None:
        """End in good order from this side (TCP: FIN)."""


class Damage(NamedTuple):
    """At `offset` the line did harm: `skip` bytes from there never reached the buffer, or `changed` are not what was sent."""

    offset: int
    skip: int
    reason: str
    changed: int = 0

    def beyond(self, offset: int) -> list[Damage]:
        """Return what of the changed bytes lies from `offset` on, if anything does."""
        start = max(offset, self.offset)
        left = self.offset + self.changed - start
        return [Damage(start, 0, self.reason, left)] if left > 0 else []


class Recognised(NamedTuple):
    """Bytes `start` to `end`, counted as those of spans, that were known for what they are when they came.

    Either a command that was obeyed at once (`head` is `end`), or counted data behind a head that ends at `head`; of such
    data some may be still to come.
    """

    start: int
    head: int
    end: int


class Inlet:
    """One TCP connection, one LPD or IPP document, or one serial line with all it ever receives.

    `received` counts bytes from the first one on and is what spans are measured in. `buffer` holds those the
    interpreter has not taken. `ended` says how it ended: "" while open, "fin" when the sender has ended it in good order, and
    else why it is cut short: "closed" (our FIN, not the sender's), "reset", "power-cut", ….
    """

    def __init__(self, number: int, kind: str, peer: str, link: Link, job: Job) -> None:
        self.number = number
        self.kind = kind
        self.peer = peer
        self.link = link
        self.job = job
        self.buffer = bytearray()
        self.received = 0
        self.consumed = 0
        self.shown = 0  # bytes at the front of the buffer that the interpreter has seen
        self.ended = ""
        self.last = False  # it has ended, and no byte comes behind those the interpreter is shown
        self.cut = False  # something of it was thrown away
        self.refused = ""  # why nothing of it was ever taken
        self.pauses: set[str] = set()  # why its link takes no bytes now
        self.lossy = False  # the sender cannot be stalled for certain: what finds the buffer full is lost
        self.high_water = 0  # bytes in the buffer at which its link is asked to pause; 0: when it is full
        self.damage: deque[Damage] = deque()  # in order, not yet interpreted
        self.tail = b""  # last bytes, kept by the scanner for commands cut in two by a packet
        # In order, not yet interpreted; what is in none is for the interpreter.
        self.recognised: deque[Recognised] = deque()
        # Called when it has ended and all of it has left the printer (True) or was lost (False).
        self.on_done: Callable[[bool], None] | None = None

    @property
    def expected(self) -> int:
        """How many of the bytes that come next are counted data."""
        return max(0, self.recognised[-1].end - self.received) if self.recognised else 0

    def forget_tokens(self) -> None:
        """What has arrived is gone: nothing that comes belongs to it."""
        self.recognised.clear()
        self.tail = b""

    def swallow(self, start: int, size: int, reason: str) -> None:
        """Bytes from `start` on have arrived and reach no buffer; what the line had changed of them is changed nowhere."""
        before, behind = list[Damage](), list[Damage]()
        for harm in self.damage:
            behind += harm.beyond(start + size)
            if harm.changed and harm.offset < start:
                before.append(harm._replace(changed=min(harm.changed, start - harm.offset)))
            elif not harm.changed:
                before.append(harm)
        self.damage = deque([*before, Damage(start, size, reason), *behind])

    def place(self, offset: int) -> int:
        """Return where in the buffer byte `offset` is, or would be; what the line has swallowed is in no buffer."""
        place = offset - self.consumed
        for harm in self.damage:
            if harm.skip and harm.offset < offset:
                place -= min(harm.skip, offset - harm.offset)
        return place

    def next_recognised(self) -> Recognised | None:
        """Return the first of what was recognised, its offsets those in the buffer; one below 0 is consumed already."""
        for known in self.recognised:
            if self.place(known.end) > 0:
                return Recognised(*map(self.place, known))
        return None


class NoLink:
    """A link that leads nowhere; for tests, and for documents that arrive in one piece."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def write(self, data: bytes) -> bool:
        """Drop `data`."""
        return False

    def hears(self) -> bool:
        """Whoever takes `write` over does."""
        return True

    def freeze(self, on: bool) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
