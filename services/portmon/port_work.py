"""What a port's thread does with the slices of documents: one device, one journal, one document at a time.

No threads and no event loop in here; `session.py` has both. After a failure the document is in one of two places: still
in progress (a time-out, a gap: the sender may go on or give up), or ended in the journal with what is known.
"""

from __future__ import annotations

import time
from typing import Any

from chassis import errors
from chassis.errors import FabricError
from portmon import crash, port_state, refusals
from portmon.counters import BackChannel, PortCounters
from portmon.device_wait import READ, DeviceWait
from portmon.document import FAR_BUFFER_BYTES, Disposition, DocKey, Evidence, Phase, Progress, Slice
from portmon.feed import REPORT_S, Current, Feed
from portmon.journal.port_journal import Journal
from portmon.monitor import OpenContext, Port, PortMonitor, Reporting
from portmon.port_state import PortEvent, PortState
from portmon.same_device import SameDevice
from portmon.unfinished import closing_of, refuse_behind


class PortWork:
    """One opening of one port, as its own thread sees it."""

    def __init__(
        self,
        name: str,
        fabric: str,
        journal: Journal,
        counters: PortCounters,
        wait: DeviceWait,
        back: BackChannel,
    ) -> None:
        self.name, self._fabric, self._journal, self._counters = name, fabric, journal, counters
        self._wait, self._back = wait, back
        self.state = PortState.CLOSED
        self.current: Current | None = None
        self._canceled = refusals.Canceled()  # filled by the loop; what is in here is not begun any more
        self.feed = Feed(name, journal, counters, wait, back)
        self.broken: DocKey | None = None  # the last document, if it broke off in its middle
        self._port: Port | None = None
        self.is_prompt = self.draining = self.parks = False  # parks: leaves what lies here to the next run
        self._starting: DocKey | None = None  # the device is being made ready for it, which may take its time
        self.report: Reporting = lambda *_: None

    # --- the port itself

    def open(self, monitor: PortMonitor[Any], settings: Any) -> None:
        """Acquire the device (OpenPort); the errors are the monitor's."""
        self._device = SameDevice(self.name, self._journal, monitor, settings)
        given = (self._journal.note, self._back.put, self.report, self._counters.recorder)
        self._port = monitor.open_port(self.name, settings, OpenContext(self.name, self._wait, *given))
        self.is_prompt = self._port.prompt
        self.state = port_state.step(PortState.CLOSED, PortEvent.OPEN_PORT)

    def close(self, error: FabricError | None) -> None:
        """Release the device (ClosePort). A document in progress is broken off with `error`, its offset kept."""
        if self.current is not None:
            self._break(self.current, error or errors.WrongState(f"port {self.name} was closed"), keep=True)
        if self._port is not None:
            self._port.close()
            self._port = None
        self.state = PortState.CLOSED

    @property
    def port(self) -> Port:
        """The acquired device."""
        assert self._port is not None, f"port {self.name} is closed"
        return self._port

    def cancel(self, key: DocKey, *, stops: bool = True) -> None:
        """Make the thread never begin a document, and stop it if it has begun; the one call that comes from another thread."""
        self._canceled.add(key, stops=stops)

    @property
    def key(self) -> DocKey | None:
        """The document in progress, or the one that the device is being made ready for."""
        return self._starting if self.current is None else self.current.key

    def interrupt(self) -> None:
        """Raise when the document in progress was canceled; asked, as all waits do, its sender hears how far it is."""
        if (key := self.key) is not None:
            self._canceled.check(key, begun=self.current is not None)
        if self.current is not None:
            self.feed.tell(self.port, self.current)

    # --- slices

    def handle(self, piece: Slice) -> Progress:
        """Do what a slice says and return how far its document is, with the error if there was one."""
        progress = self._handle(piece)
        while self.current and self.current.source and isinstance(progress.error, errors.WriteTimeout):
            # A device that takes nothing is waited for: nobody has to say it again.
            self.feed.report(progress)
            progress = self._handle(piece)
        return progress

    def _handle(self, piece: Slice) -> Progress:
        try:
            if piece.key in self._canceled and (self.current is None or self.current.key != piece.key):
                return refusals.not_begun(self._journal, piece.key)
            if piece.start is not None:
                self._start(piece)
            current = self.current
            if current is None or current.key != piece.key or piece.end is Disposition.WITHDRAW:
                return refusals.not_current(self._journal, self.name, piece)
            self._write(current, piece)
            if piece.end is not None:
                return self._end(current, piece)
            return self.feed.progress(self.port, current)
        except FabricError as error:
            return self._failed(piece, error)

    def _start(self, piece: Slice) -> None:
        assert piece.start is not None
        if self.current is not None:
            if self.current.key == piece.key:
                return
            raise refusals.in_document(self.name, self.current.key)
        self._device.look_if_let_go(self.port)
        at = self._journal.find(piece.key)
        if at is not None:
            self._go_on(piece, at)
            return
        refuse_behind(self._journal, self.broken, self.name, piece)
        if self.draining:
            raise errors.PortBusy(f"port {self.name} is about to be closed", port=self.name)
        if self.state is PortState.FAILED:
            text = f"port {self.name} lost its device: close it and open it again"
            raise errors.DeviceNotConnected(text, port=self.name)
        after, began = port_state.step(self.state, PortEvent.START_DOC_PORT), time.monotonic()
        closing = closing_of(self._journal, self.port, self.name, piece)
        offset, pipe = piece.resume_offset, self.port.resumable
        self._starting = piece.key
        try:
            self._device.start_doc(self.port, piece.key, piece.start.behind(len(piece.resume_prefix)), offset)
        finally:
            self._starting = None
        prefix = memoryview(self.port.close_before(closing) + piece.resume_prefix)
        try:
            if piece.source is not None:
                piece.source.begin()
            own = {"keeps": self.port.keeps, "prefix": bool(closing or prefix), "closes": bool(closing)}
            at = self._journal.begin(piece.key, self._fabric, offset, pipe=pipe, **own)
        except FabricError:
            self.port.abort_doc(keep=True)
            raise
        self._enter(
            Current(piece.key, at, offset, offset, offset, offset, prefix, len(prefix), offset, began), piece
        )
        self.state = after

    def _enter(self, current: Current, piece: Slice) -> None:
        self.current, current.source = current, piece.source
        self.feed.begun(self.port, current, piece.traceparent)

    def _go_on(self, piece: Slice, at: int) -> None:
        """Take up a document that another run of this process left in the middle, if that is proven to be right."""
        known = self._journal.progress(at)
        if known.phase is not Phase.INTERRUPTED:
            return  # it has ended: the answer says so, and nothing is done
        exact = refusals.goes_on_at(self._journal, self.port, self.name, piece, at)
        assert piece.start is not None
        after = port_state.step(self.state, PortEvent.START_DOC_PORT)
        self._device.start_doc(self.port, piece.key, piece.start, exact)
        self._journal.resume(at, exact)
        origin, now = known.resume_offset, time.monotonic()
        self._enter(
            Current(piece.key, at, origin, exact, exact, exact, memoryview(b""), 0, exact, now), piece
        )
        self.state = after

    def _write(self, current: Current, piece: Slice) -> None:
        if current.prefix:
            current.prefix = self.feed.push(self.port, current, current.prefix, counted=False)
        if current.source is not None:
            self.state = port_state.step(self.state, PortEvent.WRITE_PORT)
            self.feed.pour(self.port, current, current.source)
            return
        if piece.offset > current.accepted and piece.data:
            raise errors.WrongOffset(
                f"document {piece.key}: bytes {current.accepted} to {piece.offset} are missing",
                expected=current.accepted,
                document=piece.key,
            )
        skip = current.accepted - piece.offset
        if skip < len(piece.data):
            self.state = port_state.step(self.state, PortEvent.WRITE_PORT)
            self.feed.push(self.port, current, memoryview(piece.data)[skip:], counted=True)

    # --- ends

    def _end(self, current: Current, piece: Slice) -> Progress:
        if piece.end is not Disposition.COMPLETE:
            raise errors.JobCanceled(f"document {current.key} was canceled", document=current.key)
        if piece.size is not None and piece.size != current.accepted:
            text = f"document {current.key} has {piece.size} bytes, {current.accepted} of them arrived"
            raise errors.WrongOffset(text, expected=current.accepted, document=current.key)
        evidence = self.feed.end(self.port, current)
        self._journal.end(current.at, 0, evidence)
        self._leave("complete", PortEvent.END_DOC_PORT)
        found = self._journal.progress(current.at)
        found.transport = self.port.acks
        return found

    def _leave(self, outcome: str, event: PortEvent) -> None:
        assert self.current is not None
        self.feed.ended(self.current, outcome)
        self.current = None
        self.state = port_state.step(self.state, event)

    def _failed(self, piece: Slice, error: FabricError) -> Progress:
        """Say what an error left: a document still in progress, or a broken one."""
        current = self.current
        if current is None or current.key != piece.key:
            self._note_lost()
            return self.left(piece, error)
        if isinstance(error, errors.WriteTimeout | errors.WrongOffset):
            found = self.feed.progress(self.port, current)
            found.error = error
            return found
        return self._break(current, error, keep=not isinstance(error, errors.JobCanceled))

    def _break(self, current: Current, error: FabricError, *, keep: bool) -> Progress:
        """Break a document off, with all that is known about how far it got."""
        port = self.port
        exact = self.feed.stop(port, current, keep=keep)
        started = current.accepted > current.origin or len(current.prefix) < current.prefix_bytes
        doubt = None
        if exact is False and started:
            doubt = current.doubtful(port.far_buffer_bytes)
        elif self._journal.intent(current.at) > current.accepted:
            doubt = current.accepted
        exact = bool(exact) and doubt is None
        if exact and port.keeps and started:
            doubt = current.doubtful(port.far_buffer_bytes)  # once it is another device
        if not (self.parks and keep and exact and port.resumable and current.finishes):
            # Nobody looks after the device until the next run, and the spooler goes on there without asking.
            exact = exact and not (self.parks and port.keeps and port.far_buffer_bytes)
            self._journal.end(current.at, error.win32, exact=exact, doubt=doubt, left=current.left)
        self.broken = current.key if keep and started else None
        self._leave("broken" if keep else "aborted", PortEvent.DOCUMENT_BROKEN)
        self._note_lost()
        return self._journal.known(current.key, error)

    def left(self, piece: Slice, error: FabricError) -> Progress:
        """Return how far a document is that this opening of the port does nothing more about."""
        return refusals.left(self._journal, piece, error, parks=self.parks)

    def _note_lost(self) -> None:
        if self._port is not None and self._port.lost and self.state is not PortState.FAILED:
            self.state = port_state.step(self.state, PortEvent.DEVICE_LOST)

    def crashed(self, error: Exception, key: DocKey | None = None) -> Progress | None:
        """Take note of a monitor that failed in a way nobody foresaw: nothing it holds is trusted any more."""
        current, self.current, self.state = self.current, None, PortState.FAILED
        failure = crash.fault(self.name, error)
        if current is not None:
            doubt = current.doubtful(max(FAR_BUFFER_BYTES, self.port.far_buffer_bytes))
            self._journal.end(current.at, failure.win32, Evidence.NONE, exact=False, doubt=doubt)
            self.feed.ended(current, "broken")
            key = current.key
        return None if key is None else self._journal.known(key, failure)

    # --- between slices

    def idle(self) -> None:
        """Look after the device between slices: its words, its acknowledgements, its absence.

        Raises:
            FabricError: it is gone; the caller ends the document with that.
        """
        port, current = self._port, self.current
        self._wait.turn.give()  # a connection that is kept would be waited for with it
        if port is None or self.state is PortState.FAILED:
            self._wait.poll(None, 0, None)  # nothing there to look after, until somebody wants something
            return
        unacked = current is not None and current.acked < current.accepted
        if current is not None and unacked:
            before = current.acked
            self.feed.measure(port, current)
            if current.acked != before:
                self.feed.report(self.feed.progress(port, current))
        pause = REPORT_S if unacked else port.look_after()
        bits = self._wait.poll(port.fileno() if port.readable else None, READ, pause)
        if bits and port.readable:
            self.feed.take_input(port)

    def broken_by(self, error: FabricError) -> Progress | None:
        """Take note of a device that failed between slices; return the end of the document if there was one."""
        if self.current is not None:
            return self._break(self.current, error, keep=True)
        self._note_lost()
        if self.state is not PortState.FAILED and not isinstance(error, errors.DeviceFault):
            self.state = port_state.step(self.state, PortEvent.DEVICE_LOST)
        return None
