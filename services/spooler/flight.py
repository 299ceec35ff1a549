"""A document on its way through a port, and what the lane that carries it asks of the dispatcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from chassis.errors import FabricError, StaleFence
from spooler.evidence import Reached
from spooler.port import Closing, DocumentInfo, DocumentKey, Phase, Progress
from spooler.printer import STRAIGHT, PortName, Prefetch, Way
from spooler.stretches import read_all
from spooler.units.prefix import NO_PREFIX, Prefix

SMALL_BYTES = 64 * 1024  # up to this a document is one slice


@dataclass(slots=True, eq=False)
class Flight:
    """One attempt: what is to be sent, what was sent, what is known."""

    key: DocumentKey
    number: int  # the job's
    size_bytes: int  # the payload byte it ends at, or to which it has come
    info: DocumentInfo
    way: Way = STRAIGHT  # the language monitor it needs
    prefetch: Prefetch = Prefetch.NEVER  # its printer's
    finishes: bool = True  # also by a host that restarts while cut off
    to_stage: bool = False  # it is brought to the host whole before it is begun
    staged: bool = False  # it is there
    data: bytes | None = None  # the document, when it is at hand
    before: Prefix = NO_PREFIX  # what goes before the payload; in `info` once its bytes are at hand
    prefix_words: str = ""  # the same in words, for the record
    mark: str = ""  # the visible mark in that
    recorded: bool = False  # its start is durable
    begun: bool = False  # a slice of it may have left: from here on only the host knows
    taken_s: float = 0.0  # when a lane took it, of `time.monotonic`
    sent: int = 0  # payload bytes handed to the stream
    incoming: bool = False  # its document still comes in: it ends somewhere behind `size_bytes`
    ended: bool = False
    cancelled: bool = False
    again: bool = False  # the same attempt on the same port, which never began it the last time
    pinned: bool = False  # it goes on in its middle, on this port and no other
    expires_at: datetime | None = None  # after this it is not begun any more
    failure: FabricError | None = None  # why it was taken back, if not because somebody cancelled it
    withdrawn: FabricError | None = None  # why its host is asked to give it back, unless it has begun
    progress: Progress | None = None
    moved_at: datetime = field(default_factory=lambda: datetime.now(UTC))  # when it last got further
    reached: Reached = field(default_factory=dict)
    saved_at: float = 0.0  # when its progress was last written down, loop time

    @property
    def waits(self) -> bool:
        """It is not at the host yet, and has to be before it is begun."""
        return self.to_stage and not self.staged

    @property
    def starved(self) -> bool:
        """All that has come of it is sent, and more is to come."""
        return self.incoming and self.sent >= self.size_bytes

    @property
    def leaves_whole(self) -> bool:
        """It is one slice: its bytes fit into it, or are at the host."""
        return self.staged or (self.size_bytes <= SMALL_BYTES and not self.to_stage)

    @property
    def may_be_had_back(self) -> bool:
        """For all that is known nothing of it has left the host, and nothing of it has to come first."""
        news = self.progress
        untouched = news is None or (news.phase is Phase.QUEUED and news.accepted <= self.info.resume_offset)
        return untouched and not (self.pinned or self.cancelled or self.ended or self.incoming)

    @property
    def unwanted(self) -> bool:
        """It is not begun any more where its host does not know it."""
        return self.cancelled or self.late or self.withdrawn is not None

    @property
    def late(self) -> bool:
        """It shall not be begun any more."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


class LaneOwner(Protocol):
    """What a lane asks of the dispatcher. `port` says which lane speaks."""

    async def record_starts(self, port: PortName, fence: int, flights: Sequence[Flight]) -> None:
        """Make attempts durable before their first byte leaves. Raises FabricError."""

    async def document(self, number: int, offset: int, max_bytes: int) -> bytes:
        """Return bytes of a job's document. Raises FabricError."""

    async def small_documents(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return whole small documents, as many as are at hand in one go."""

    async def closing(self, port: PortName, error: FabricError, flight: Flight, *, left: bool) -> Closing:
        """Return what goes before a flight that a host refused because half a document lies in the device.

        Raises FabricError: nothing does, a person has to look. `left`: somebody has.
        """

    def next_fence(self) -> int:
        """Return a fence higher than all before."""

    def refused(self, error: StaleFence) -> bool:
        """A port has seen a higher fence; return whether its next one is higher still, so that it may be tried at once."""

    def news(self, port: PortName, flight: Flight) -> None:
        """A flight's progress changed."""

    def landed(self, port: PortName, flight: Flight, progress: Progress) -> None:
        """A flight has ended; `progress` is the host's last word."""

    def gave_back(self, port: PortName, flights: Sequence[Flight], error: FabricError) -> None:
        """These flights never left: no byte of them was sent."""

    def lane_changed(self, port: PortName) -> None:
        """The lane may take more, or takes no more."""

    def wants(self, port: PortName) -> bool:
        """Tell whether something waits that may go through this port."""

    def is_stopped(self, port: PortName) -> bool:
        """Tell whether the port's host reports an ERROR about it."""


async def put_prefix(flight: Flight, owner: LaneOwner) -> None:
    """Put into a flight's start the bytes that go before its payload, if some of them are to be read first.

    Raises:
        DocumentLost: they are gone.
    """
    if not flight.before.taken or flight.info.resume_prefix:
        return
    pieces = read_all(flight.number, flight.before.pieces(), owner.document)
    flight.info = replace(flight.info, resume_prefix=b"".join([piece async for piece in pieces]))
