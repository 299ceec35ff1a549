"""Bytes into a device, as many as it takes and no faster, with the journal written before and after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from chassis.errors import DocumentLost, FabricError, WriteTimeout
from chassis.tracing import tracing
from portmon.counters import BackChannel, PortCounters
from portmon.device_wait import READ, WRITE, DeviceWait
from portmon.document import DocKey, Evidence, Phase, Progress, Source
from portmon.document_trace import DocumentTrace, Offsets
from portmon.journal.port_journal import Journal
from portmon.monitor import Port

REPORT_S = 0.1
_REPORT_BYTES = 262144
_READ_BYTES = 65536
_POUR_BYTES = 262144
# A device that asks to wait while its descriptor stays writable is asked again after this long,
_PAUSED_S = 0.01
# and one that gives no reason ever more seldom: lp's node (drivers/char/lp.c) always polls writable.
_REFUSED_S, _REFUSED_LONG_S = 0.001, 0.05


@dataclass(slots=True)
class Current:
    """The document in progress. `prefix` is what still has to go before the payload."""

    key: DocKey
    at: int
    origin: int  # the payload byte it began with
    base: int  # the payload byte from which the device's own counting starts
    accepted: int
    acked: int
    prefix: memoryview
    prefix_bytes: int
    reported: int
    reported_at: float
    confirmed: int = 0
    left: int | None = None  # behind the last byte that may have left this host; None: nobody can tell
    source: Source | None = None  # where its bytes are, when all of it lies here
    trace: DocumentTrace | None = None
    withheld: bool = False  # the port counts it before it sends any of it
    ending: bool = False  # no byte of it is to come; what proves its end is awaited

    @property
    def finishes(self) -> bool:
        """Whether the next run of this process goes on with it by itself."""
        return self.source is not None and self.source.finishes

    def doubtful(self, may_lose: int) -> int:
        """Return from where on bytes are in doubt when the far end may lose so many of those that it acknowledged."""
        return max(self.origin, self.acked - may_lose, self.confirmed)


class Feed:
    """Moves the bytes of one port's documents; belongs to the port's thread. `report` takes progress on the way."""

    def __init__(
        self, name: str, journal: Journal, counters: PortCounters, wait: DeviceWait, back: BackChannel
    ) -> None:
        self._name, self._journal, self._counters = name, journal, counters
        self._wait, self._back = wait, back
        self.report: Callable[[Progress], None] = lambda _: None
        # Called when a document's end is in the journal.
        self.let_go: Callable[[DocKey], None] = lambda _: None
        self.sent: Progress | None = None  # of the document whose end is awaited, as it was told last
        # Added to a port's write time-out for each byte of a piece (SetPortTimeOuts).
        self.write_per_byte_s = 0.0

    def begun(self, port: Port, current: Current, traceparent: str) -> None:
        """The device is ready for a document; it was asked at `reported_at`."""
        current.withheld = port.withholds
        self._counters.document_began(current.reported_at)
        if tracing.on and traceparent:
            current.trace = DocumentTrace.begun(self._name, current.key, traceparent, current.reported_at)

    def end(self, port: Port, current: Current) -> Evidence:
        """Wait for what proof of the whole document there is (EndDocPort), and return it."""
        if current.trace is not None:
            current.trace.written()
        current.ending = True
        if current.withheld:
            self._moved_to(current, current.accepted)  # now all of it may leave
        try:
            evidence = port.end_doc()
        finally:
            current.ending = False
        self.measure(port, current)
        if current.trace is not None:
            current.trace.proven(evidence)
        return evidence

    def stop(self, port: Port, current: Current, *, keep: bool) -> bool | None:
        """Break a document off at the device; what of it has not left the port was never accepted (`Port.abort_doc`)."""
        self.measure(port, current)
        if port.withholds:
            current.accepted, current.prefix_bytes = current.origin, len(current.prefix)
            self._moved_to(current, current.origin)
        exact = port.abort_doc(keep)
        self.measure(port, current)
        return exact

    def _moved_to(self, current: Current, offset: int) -> None:
        self._journal.intend(current.at, offset)
        self._journal.accept(current.at, offset)

    def ended(self, current: Current, outcome: str) -> None:
        """The device has let go of a document."""
        self.sent = None
        self._counters.document_ended(outcome)
        if current.trace is not None:
            current.trace.ended(outcome, Offsets(current.accepted, current.acked, current.confirmed))
        self.let_go(current.key)

    def push(self, port: Port, current: Current, data: memoryview, *, counted: bool) -> memoryview:
        """Write all of `data`, or raise; what an error leaves is dropped, the sender sends it again."""
        journal, at = self._journal, current.at
        leaves = counted and not current.withheld
        deadline = refused_s = 0.0
        while data:
            self._wait.check()
            size = min(len(data), port.piece_bytes)
            if leaves:
                journal.intend(at, current.accepted + size)
            try:
                count = port.write(data[:size])
            except FabricError:
                if leaves and port.write_error_is_exact:
                    journal.intend(at, current.accepted)
                raise
            if counted:
                current.accepted += count
            elif count:
                current.prefix = data[count:]
            if leaves:
                journal.accept(at, current.accepted)
                if count and port.resumable:
                    self.measure(port, current)  # what is not acknowledged is in doubt when this process dies
                if count < size:
                    journal.intend(at, current.accepted)
            self._counters.written_bytes += count
            data = data[count:]
            if count:
                deadline = refused_s = 0.0
            elif data:
                limit_s = port.write_timeout_s + self.write_per_byte_s * min(size, len(data))
                deadline = deadline or time.monotonic() + limit_s
                refused_s = self._stall(port, deadline, limit_s, refused_s)
        return data

    def pour(self, port: Port, current: Current, source: Source) -> None:
        """Write all that is left of a document that lies here, or raise."""
        while current.accepted < source.end:
            data = source.read(current.accepted, min(_POUR_BYTES, source.end - current.accepted))
            if not data:
                raise DocumentLost(f"document {current.key} ends at {current.accepted}, not {source.end}")
            self.push(port, current, memoryview(data), counted=True)

    def _stall(self, port: Port, deadline: float, limit_s: float, refused_s: float) -> float:
        """Wait until the device may take more, taking in what it sends meanwhile.

        A descriptor that was writable all the time is waited for no shorter than `refused_s`; returns the next one.
        """
        began, in_line_s = time.monotonic(), self._wait.in_line_s
        if began >= deadline:
            raise WriteTimeout(
                f"port {self._name}: the device took nothing for {limit_s:g} s", port=self._name
            )
        if port.paused():
            self._wait.pause(min(_PAUSED_S, deadline - began))
        else:
            if refused_s:
                self._wait.pause(min(refused_s, deadline - began))
            bits = self._wait.wait(
                port.fileno(), WRITE | (READ if port.readable else 0), min(REPORT_S, deadline - began)
            )
            refused_s = min(max(2 * refused_s, _REFUSED_S), _REFUSED_LONG_S) if bits & WRITE else 0.0
            if bits & ~WRITE and port.readable:
                self.take_input(port)
        # What it stood in line for its turn behind that is this host's doing, not the device's.
        stood_s = self._wait.in_line_s - in_line_s
        self._counters.stalls_s[port.stall] += time.monotonic() - began - stood_s
        return refused_s

    def take_input(self, port: Port) -> None:
        """Put what the device sent into the back channel."""
        data = port.read(_READ_BYTES)
        if data:
            self._back.put(data)

    def measure(self, port: Port, current: Current) -> None:
        """Read what the far end's transport has, which never goes back and never passes what was accepted."""
        before = current.base - (current.prefix_bytes - len(current.prefix))
        current.acked = max(current.acked, min(before + port.acked(), current.accepted))
        self._journal.acknowledge(current.at, current.acked, port.far_buffer_bytes)
        left = port.transmitted()
        current.left = None if left is None else before + left
        if (confirmed := port.confirmed()) > 0:
            current.confirmed = max(current.confirmed, min(before + confirmed, current.accepted))
            self._journal.confirm(current.at, current.confirmed)

    def progress(self, port: Port, current: Current) -> Progress:
        """Return how far the document is now."""
        self.measure(port, current)
        current.reported, current.reported_at = current.accepted, time.monotonic()
        sent = current.ending and current.acked >= current.accepted
        found = Progress(
            current.key,
            Phase.SENT if sent else Phase.IN_PROGRESS,
            current.accepted,
            current.acked,
            current.origin,
            confirmed=current.confirmed,
            staged=current.source is not None,
        )
        if sent:
            self.sent = found
        return found

    def tell(self, port: Port, current: Current) -> None:
        """Tell how far a document is that takes its time, not more often than worth while."""
        if (
            current.accepted - current.reported >= _REPORT_BYTES
            or time.monotonic() - current.reported_at >= REPORT_S
        ):
            self.report(self.progress(port, current))
