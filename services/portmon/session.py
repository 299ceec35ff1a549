"""One open port: its thread, its queue, and the only place where threads and the event loop meet.

The loop hands slices over without waiting; the thread answers in batches, one wake-up of the loop for as many answers
as there are. Nothing is created per document. Close, cancel and new settings go past the queue.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Any

from chassis import logs
from chassis.errors import DeviceFault, FabricError, InvalidHandle, JobCanceled, PortBusy, PortInUse, Verdict
from portmon.counters import BackChannel, PortCounters
from portmon.device_wait import DeviceWait
from portmon.document import Disposition, DocKey, Phase, Progress, Slice
from portmon.journal import Journal
from portmon.monitor import PortMonitor
from portmon.outbox import Outbox
from portmon.port_state import PortState
from portmon.port_work import PortWork

BUFFER_BYTES = 1 << 20
# A slice costs memory beside its bytes; without this, a million empty ones would be welcome.
_SLICE_BYTES = 512
_CANCELED_KEPT = 4096
log = logs.get(__name__)


class PortSession:
    """An opening of a port, from OpenPort to ClosePort. All methods belong to the event loop."""

    def __init__(self, name: str, fabric: str, journal: Journal, counters: PortCounters) -> None:
        self.name = name
        self._loop = asyncio.get_running_loop()
        self._wait = DeviceWait(self._check)
        self._back = BackChannel(counters)
        self._work = PortWork(name, fabric, journal, counters, self._wait, self._back)
        self._work.feed.report = self._report
        self._counters = counters
        self._journal = journal
        self._inbox: deque[Slice] = deque()
        self._urgent: deque[Slice] = deque()
        self._outbox = Outbox(self._flushed)
        self._serving: Slice | None = None
        self._handed_over = self._taken = 0  # bytes, each counted by one side only
        self._queued: dict[DocKey, None] = {}
        self._closing: FabricError | None = None
        self._new_settings: Any = None
        self._monitor: PortMonitor[Any] | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._thread: threading.Thread | None = None

    # --- the loop's side

    async def open(self, monitor: PortMonitor[Any], settings: Any) -> None:
        """Acquire the device on the port's own thread; the errors are `PortMonitor.open_port`'s."""
        opened: asyncio.Future[None] = self._loop.create_future()
        self._monitor = monitor
        self._thread = threading.Thread(
            target=self._run, args=(monitor, settings, opened), name=f"port-{self.name}", daemon=True
        )
        self._thread.start()
        await opened

    @property
    def state(self) -> PortState:
        """Where the port stands."""
        return self._work.state

    def in_progress(self) -> DocKey | None:
        """Return the document in progress, if any."""
        current = self._work.current
        return None if current is None else current.key

    def queued(self) -> list[DocKey]:
        """Return the documents that were received and not begun."""
        return list(self._queued)

    @property
    def window(self) -> int:
        """How many more bytes the session would take now without waiting."""
        return max(0, BUFFER_BYTES - (self._handed_over - self._taken))

    async def room(self) -> None:
        """Wait until the session takes another slice: what holds back a sender that is faster than the device."""
        while not self.window and self._closing is None:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def submit(self, piece: Slice) -> None:
        """Queue a slice behind the others. The caller has waited for `room`.

        Raises:
            InvalidHandle: the port is closed, or about to be.
        """
        self._refuse_if_closed()
        if piece.start is not None:
            self._queued[piece.key] = None
        self._handed_over += _cost(piece)
        self._inbox.append(piece)
        if self._wait.idle:
            self._wait.wake()

    async def call(self, piece: Slice, *, urgent: bool = False) -> Progress:
        """Do what one slice says and return the document's progress; the error, if any, is in it."""
        answer: asyncio.Future[Progress] = self._loop.create_future()

        def reply(progress: Progress, last: bool) -> None:
            if last and not answer.done():
                answer.set_result(progress)

        piece.reply = reply
        if urgent:
            self._refuse_if_closed()
            self._urgent.append(piece)
            self._wait.wake()
        else:
            await self.room()
            self.submit(piece)
        return await answer

    def _refuse_if_closed(self) -> None:
        if self._closing is not None:
            raise InvalidHandle(f"port {self.name} was closed", port=self.name)

    async def abort(self, key: DocKey, how: Disposition = Disposition.ABORT) -> Progress:
        """End a document at once: a stuck write is interrupted, one that still waits is taken back."""
        canceled = self._work.canceled
        while len(canceled) >= _CANCELED_KEPT:
            canceled.pop(next(iter(canceled)))
        canceled[key] = None
        return await self.call(Slice(key, reply=_nobody, end=how), urgent=True)

    def configure(self, monitor: PortMonitor[Any], settings: Any) -> None:
        """Use other settings from the end of the present document on, or at once between documents."""
        self._monitor, self._new_settings = monitor, settings
        self._wait.wake()

    def set_write_timeout(self, seconds: float) -> None:
        """Change the write time-out until the port is closed (SetPortTimeOuts)."""
        self._work.port.write_timeout_s = seconds

    def read(self, size: int) -> bytes:
        """Take what the device sent, at most `size` bytes."""
        return self._back.take(size)

    @property
    def readable(self) -> bool:
        """Whether the device has a back channel now."""
        return self._work.state is not PortState.CLOSED and self._work.port.readable

    async def close(self, error: FabricError | None = None) -> None:
        """Release the port (ClosePort); `error` says why to a document in progress. May be called again."""
        if self._thread is None:
            return
        if self._closing is None:
            self._closing = error or InvalidHandle(f"port {self.name} was closed", port=self.name)
            self._wait.wake()
            self._let_in()
        await asyncio.shield(self._closed)

    def _let_in(self) -> None:
        while self._waiters:
            _settle(self._waiters.popleft())

    def _flushed(self) -> None:
        if self.window:
            self._let_in()

    # --- the thread's side

    def _check(self) -> None:
        if self._closing is not None:
            raise self._closing
        self._work.interrupt()

    def _report(self, progress: Progress) -> None:
        if self._serving is not None:
            self._answer(self._serving, progress, last=False)

    def _answer(self, piece: Slice, progress: Progress, *, last: bool) -> None:
        if last:
            self._queued.pop(piece.key, None)
        self._outbox.put(piece, progress, last=last)

    def _run(self, monitor: PortMonitor[Any], settings: Any, opened: asyncio.Future[None]) -> None:
        try:
            self._work.open(monitor, settings)
        except FabricError as error:
            self._outbox.call(_settle, opened, error)
            self._outbox.call(self._end)
            return
        self._counters.opens += 1
        self._outbox.call(_settle, opened)
        while self._closing is None:
            if self._urgent:
                self._serve(self._urgent.popleft(), counted=False)
            elif self._new_settings is not None and self._work.current is None:
                self._apply_settings()
            elif self._inbox:
                self._serve(self._inbox.popleft(), counted=True)
            else:
                self._rest()
        self._finish()

    def _serve(self, piece: Slice, *, counted: bool) -> None:
        self._serving = piece
        progress = self._work.handle(piece)
        if counted:
            self._taken += _cost(piece)
        self._answer(piece, progress, last=True)
        error = progress.error
        failed = error is not None and not isinstance(error, JobCanceled | PortInUse)
        if error is not None and failed and self._work.current is None:
            self._refuse_waiting(piece, progress, error)

    def _refuse_waiting(self, failed: Slice, progress: Progress, error: FabricError) -> None:
        """Give back what waits behind a failure, unbegun: whether it goes elsewhere is the spooler's to decide.

        A device that is away would else be tried for every one of them, a connect time-out each.
        """
        waiting = [self._inbox.popleft() for _ in range(len(self._inbox))]
        for piece in waiting:
            self._taken += _cost(piece)
            why = error
            if progress.phase is Phase.ENDED:
                text = f"document {piece.key} was not begun, since {failed.key} before it broke off"
                why = PortBusy(
                    text, verdict=Verdict.RETRY, port=self.name, document=piece.key, broken=failed.key
                )
            if piece.key == failed.key:
                self._answer(piece, progress, last=True)
            else:
                self._answer(piece, Progress(piece.key, Phase.NEVER_SEEN, error=why), last=True)

    def _rest(self) -> None:
        self._wait.idle = True
        try:
            if self._inbox or self._urgent or self._closing is not None:
                return
            began, waiting = time.monotonic(), self._work.current is not None
            self._work.idle()
            if waiting:
                self._counters.stalls_s["upstream"] += time.monotonic() - began
        except FabricError as error:
            end = self._work.broken_by(error)
            if end is not None and self._serving is not None:
                self._answer(self._serving, end, last=False)
        finally:
            self._wait.idle = False

    def _apply_settings(self) -> None:
        settings, self._new_settings = self._new_settings, None
        assert self._monitor is not None
        try:
            self._work.close(None)
            self._work.open(self._monitor, settings)
        except FabricError as error:
            log.warning("port refuses its new settings", port=self.name, why=error.message)
            self._work.state = PortState.FAILED

    def _finish(self) -> None:
        error = self._closing or DeviceFault(f"port {self.name} was closed")
        current = self._work.current
        self._work.close(error)
        if current is not None and self._serving is not None:
            self._answer(self._serving, self._known(current.key, error), last=False)
        for piece in (*self._urgent, *self._inbox):
            self._answer(piece, self._known(piece.key, error), last=True)
        self._outbox.call(self._end)

    def _known(self, key: DocKey, error: FabricError) -> Progress:
        at = self._journal.find(key)
        found = Progress(key, Phase.NEVER_SEEN) if at is None else self._journal.progress(at)
        found.error = error
        return found

    def _end(self) -> None:
        self._wait.close()
        _settle(self._closed)


def _cost(piece: Slice) -> int:
    return len(piece.data) + len(piece.resume_prefix) + _SLICE_BYTES


def _nobody(progress: Progress, last: bool) -> None:
    """Take an answer that nobody waits for."""


def _settle(future: asyncio.Future[None], error: FabricError | None = None) -> None:
    if not future.done() and error is not None:
        future.set_exception(error)
    elif not future.done():
        future.set_result(None)
