"""The documents a lane has taken: how many, how large, which are still to be sent."""

from __future__ import annotations

import time
from abc import abstractmethod

from chassis.errors import FabricError
from chassis.tasks import Tasks
from spooler.flight import SMALL_BYTES, Flight, LaneOwner
from spooler.lane_condition import LaneCondition
from spooler.lane_window import LaneWindow
from spooler.outgoing import BATCH_BYTES, Outgoing
from spooler.port import DocumentKey
from spooler.printer import STRAIGHT, PortName, Way

_MOST_AHEAD = 2  # large documents at the host: one in print, and the next


class LaneFlights(LaneCondition):
    """The load of one lane."""

    def __init__(self, port: PortName, owner: LaneOwner, tasks: Tasks) -> None:
        super().__init__()
        self.port = port
        self.window = LaneWindow()
        self.reserved = 0  # places promised to jobs that are being accepted
        self.printer = ""  # whom the port is, or will be, opened for
        self.way = STRAIGHT  # what it is, or will be, opened through
        self.turn_way = STRAIGHT  # the way of the document taken last
        self.turn = 0  # documents taken in a row that go this way
        self.flights: dict[DocumentKey, Flight] = {}  # as they leave, and leave again when the port was lost
        self._bytes = 0
        self._ahead: set[DocumentKey] = set()  # large documents that lie at the host
        self._unsent = Outgoing(port, owner, tasks, self.spoil)

    @property
    def has_room(self) -> bool:
        """It would take a document now: one may be brought to the host while another that lies there is printed."""
        room = len(self.flights) + self.reserved < self.window.size and self._bytes < BATCH_BYTES
        return room and not self.failed and len(self._ahead) < _MOST_AHEAD

    @property
    def may_begin(self) -> bool:
        """A job may be begun by its acceptance: the start of each one taken before it is durable."""
        return not self._unsent.unrecorded

    @property
    def going(self) -> Way | None:
        """The way of the documents that are on their way; None: there are none."""
        return next((flight.way for flight in self.flights.values()), None)

    def _add(self, flight: Flight) -> None:
        self.turn = self.turn + 1 if flight.way == self.turn_way else 1
        self.turn_way = flight.way
        if flight.pinned:  # before all others
            self.flights = {flight.key: flight, **self.flights}
        else:
            self.flights[flight.key] = flight
        flight.taken_s = time.monotonic()
        self._bytes += flight.size_bytes
        self.printer = flight.info.printer

    def _remove(self, flight: Flight) -> None:
        if self.flights.pop(flight.key, None) is not None and flight.key not in self._ahead:
            self._bytes -= flight.size_bytes
        self._ahead.discard(flight.key)
        self._unsent.remove(flight)

    def _lies_there(self, flight: Flight) -> None:
        """A document is at the host: if it is large, the next one may follow while it is printed."""
        if flight.size_bytes > SMALL_BYTES and flight.key in self.flights and flight.key not in self._ahead:
            self._ahead.add(flight.key)
            self._bytes -= flight.size_bytes

    def _has_begun(self) -> bool:
        """Tell whether the host may have begun a document that has not ended."""
        return any(flight.begun for flight in self.flights.values())

    def _may_send(self) -> bool:
        # Nothing leaves while the rest of a broken document has to come first.
        return self._unsent.way == self.way and self.pinned is None and not self._unsent.waits

    def grown(self, flight: Flight, size_bytes: int, *, whole: bool) -> None:
        """More of a document has come in durably, or the last of it: send it."""
        if flight.key in self.flights:
            self._bytes += size_bytes - flight.size_bytes
        flight.size_bytes, flight.incoming = size_bytes, not whole
        self._wake.set()

    @abstractmethod
    def spoil(self, flight: Flight, error: FabricError) -> None:
        """Deal with a flight whose bytes are gone, or will not come."""
