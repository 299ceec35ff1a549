"""One open port: its thread, its queue, and the only place where threads and the event loop meet.

The loop hands slices over and never waits, the thread answers in batches. Nothing is created per document. Close,
cancel and new settings go past the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from chassis import errors, logs
from chassis.errors import FabricError
from portmon.between_documents import BetweenDocuments
from portmon.counters import BackChannel, PortCounters
from portmon.crash import note_crash, told
from portmon.device_wait import DeviceWait
from portmon.document import Disposition, DocKey, Phase, Progress, Slice
from portmon.errand import Errand
from portmon.inbox import MANY, Inbox
from portmon.journal.port_journal import Journal
from portmon.monitor import Port, PortMonitor
from portmon.outbox import Outbox, settle
from portmon.port_state import PortState
from portmon.port_work import PortWork
from portmon.reading import Reading
from portmon.refusals import HOPELESS, answers_amid, given_back, not_begun
from portmon.reports import Report, Reports

log = logs.get(__name__)


class PortSession:
    """An opening of a port, from OpenPort to ClosePort. All methods belong to the event loop."""

    def __init__(self, name: str, fabric: str, journal: Journal, counters: PortCounters) -> None:
        self.name, self._loop = name, asyncio.get_running_loop()
        self._wait, self._back = DeviceWait(self._check), BackChannel(counters)
        self._work = PortWork(name, fabric, journal, counters, self._wait, self._back)
        self.feed = self._work.feed
        self.feed.report, self.feed.let_go, self._work.report = self._tell, self._let_go, self._report
        self._counters, self._journal, self._answered = counters, journal, asyncio.Event()
        self._inbox, self._outbox = Inbox(), Outbox(self._flushed)
        self._urgent: deque[Slice] = deque()
        self._serving: Slice | None = None
        self.reports, self._told = Reports(), PortState.CLOSED  # the opener puts the port's own reports here
        self.changed: Callable[[], None] = lambda: None  # called on the loop when the state is another one
        self.ended: Callable[[Progress], None] | None = None  # called on the loop with each document's end
        self._closing: FabricError | None = None
        self._between = BetweenDocuments(name, self._outbox.call, self._wait.wake)
        self.ask = self._between.ask
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self.reading = Reading(name, self._back, self._outbox.call, self._check_open, lambda: self.state)

    # --- the loop's side

    async def open(self, monitor: PortMonitor[Any], settings: Any) -> None:
        """Acquire the device on the port's own thread; the errors are `PortMonitor.open_port`'s."""
        given = (monitor, settings, opened := self._loop.create_future())
        threading.Thread(target=self._run, args=given, name=f"port-{self.name}", daemon=True).start()
        await opened

    @property
    def state(self) -> PortState:
        """Where the port stands."""
        return self._work.state

    def in_progress(self) -> DocKey | None:
        """Return the document in progress, if any."""
        return self._work.key

    def queued(self) -> list[DocKey]:
        """Return the documents that were received and not begun."""
        return self._inbox.unbegun()

    @property
    def window(self) -> int:
        """How many more bytes the session would take now without waiting."""
        return self._inbox.window

    async def room(self) -> None:
        """Wait until the session takes another slice: what holds back a sender that is faster than the device."""
        while not self._inbox.window and self._closing is None:
            await self._inbox.room()

    def submit(self, piece: Slice) -> None:
        """Queue a slice behind the others. The caller has waited for `room`. Raises InvalidHandle: the port is closed."""
        self._check_open()
        self._inbox.put(piece)
        if self._wait.idle:
            self._wait.wake()

    async def call(self, piece: Slice, *, urgent: bool = False, sent: bool = False) -> Progress:
        """Do what one slice says and return the document's progress; the error, if any, is in it.

        `sent`: not later than its last byte is with the device; what becomes of it is told to `ended`.
        """
        answer: asyncio.Future[Progress] = self._loop.create_future()

        def reply(progress: Progress, last: bool) -> None:
            if (last or (sent and progress.phase is Phase.SENT)) and not answer.done():
                answer.set_result(progress)

        piece.reply = reply
        if urgent:
            self._check_open()
            self._urgent.append(piece)
            self._wait.wake()
        else:
            await self.room()
            self.submit(piece)
        return await answer

    def _check_open(self) -> None:
        if self._closing is not None:
            raise errors.InvalidHandle(f"port {self.name} was closed", port=self.name)

    async def abort(self, key: DocKey, how: Disposition = Disposition.ABORT) -> Progress:
        """End a document at once: a stuck write is interrupted, one that still waits is taken back (WITHDRAW: only that)."""
        if how is Disposition.WITHDRAW and self._journal.find(key) is not None:
            return self._journal.known(key)
        self._work.cancel(key, stops=how is not Disposition.WITHDRAW)
        return await self.call(Slice(key, reply=lambda *_: None, end=how), urgent=True)

    def configure(self, settings: Any, monitor: PortMonitor[Any] | None = None) -> None:
        """Use other settings, or another monitor, from the end of the present document on, or at once without one."""
        self._between.configure(settings, monitor)

    def borrow(self, errand: Errand, settings: Any) -> asyncio.Future[object]:
        """Run an errand with the device closed, after the present document; documents wait meanwhile."""
        self._check_open()
        return self._between.put(errand, settings)

    @property
    def port(self) -> Port | None:
        """The acquired device; None when it is lost."""
        return None if self._work.state in (PortState.FAILED, PortState.CLOSED) else self._work.port

    def set_write_timeout(self, seconds: float) -> None:
        """Change the write time-out until the port is closed (SetPortTimeOuts)."""
        self._between.write_timeout_s = seconds
        if self.port is not None:
            self.port.write_timeout_s = seconds

    @property
    def goes_on(self) -> bool:
        """Whether a document is on its way that lies here whole, and so needs its spooler no more."""
        return self._inbox.goes_on

    async def rest(self, deadline: float, *, drain: bool = False) -> None:
        """Wait until nothing is on its way, or until `deadline` (monotonic); `drain`: and begin nothing more."""
        self._work.draining = drain
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self.quiet()

    async def quiet(self, key: DocKey | None = None) -> None:
        """Wait until nothing is on its way, or one document is not in progress, or the port is closed."""
        while self._closing is None and (
            self.in_progress() == key if key else self.in_progress() or self.queued()
        ):
            self._answered.clear()
            await self._answered.wait()

    def park(self, parks: bool) -> None:
        """What lies here whole is, when the port is closed, left for the next run of this process."""
        self._work.parks = parks

    async def close(self, error: FabricError | None = None) -> None:
        """Release the port (ClosePort); `error` says why to a document in progress. May be called again."""
        if self._closing is None and not self._closed.done():
            self._closing = error or errors.InvalidHandle(f"port {self.name} was closed", port=self.name)
            self._answered.set()
            self._between.interrupt(self._closing)
            self._wait.wake()
            self._inbox.let_in()
            self.reading.end()
        await asyncio.shield(self._closed)

    def _flushed(self) -> None:
        self._answered.set()
        if self.state is not self._told:
            self._told = self.state
            self.changed()
            self.reading.end()
        if self.window:
            self._inbox.let_in()

    # --- the thread's side

    def _check(self) -> None:
        if self._closing is not None:
            raise self._closing
        self._between.answer(self._work)
        self._work.interrupt()
        if self._urgent and answers_amid(self._urgent[0], self._work.key, self._work.current is not None):
            self._answer(piece := self._urgent.popleft(), not_begun(self._journal, piece.key))

    def _answer(self, piece: Slice, progress: Progress) -> None:
        said = self._inbox.answered(piece, progress)
        self._outbox.put(piece, said, last=True, gathers=len(self._inbox) >= MANY)

    def _run(self, monitor: PortMonitor[Any], settings: Any, opened: asyncio.Future[None]) -> None:
        try:
            self._work.open(monitor, settings)
        except Exception as error:  # noqa: BLE001 - the wall: whoever waits for the port must hear of it
            self._outbox.call(settle, opened, told(self.name, error))
            self._outbox.call(self._end)
            return
        self._counters.opens += 1
        self._outbox.call(settle, opened)
        with self._wait.turn:
            while self._closing is None:
                try:
                    self._turn(monitor)
                except Exception as error:  # noqa: BLE001 - the wall around a monitor: a bug must not hang its port
                    note_crash(log, "monitor failed", self.name, error)
                    self._tell(self._work.crashed(error))
                    self._outbox.call(self._flushed)
        self._finish(self._closing)

    def _turn(self, monitor: PortMonitor[Any]) -> None:
        self._between.answer(self._work)
        if self._urgent:
            self._serve(self._urgent.popleft(), counted=False)
        elif self._between and self._work.current is None:
            self._wait.turn.give()
            self._between.do(self._work, monitor)
            self._outbox.call(self._flushed)  # it may be open again, or lost, without any answer to a slice
        elif self._inbox:
            self._wait.turn.take_if(self._work.is_prompt and self._inbox.next_is_small)
            self._serve(self._inbox.take(), counted=True)
        else:
            self._rest()

    def _serve(self, piece: Slice, *, counted: bool) -> None:
        self._serving = piece
        try:
            progress = self._work.handle(piece)
        except Exception as error:  # noqa: BLE001 - the wall, as above
            note_crash(log, "monitor failed", self.name, error)
            progress = self._work.crashed(error, piece.key) or Progress(piece.key, Phase.UNKNOWN)
        if counted:
            self._inbox.done(piece)  # before the answer, which lets senders in who wait for the room
        hopeless = self._work.current is None and isinstance(progress.error, HOPELESS)
        waiting = self._inbox.take_all() if hopeless else []  # first: what comes later was sent knowing of it
        self._answer(piece, progress)
        for one in waiting:
            self._inbox.done(one)
            self._answer(one, given_back(self.name, one, progress))

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
            self._tell(self._work.broken_by(error))
            self._outbox.call(self._flushed)
        finally:
            self._wait.idle = False

    def _tell(self, end: Progress | None) -> None:
        if end is not None and self._serving is not None:
            self._outbox.put(self._serving, end, last=False)

    def _let_go(self, key: DocKey) -> None:
        if self.ended is not None:
            self._outbox.call(self.ended, self._journal.known(key))

    def _report(self, reporter: str, reports: Sequence[Report], lasts_s: float) -> None:
        if self.reports.set(reporter, reports, lasts_s=lasts_s):
            self._outbox.call(self.changed)

    def _finish(self, error: FabricError) -> None:
        current = self._work.current
        try:
            self._work.close(error)
        except Exception as failure:  # noqa: BLE001 - the wall, as above
            note_crash(log, "monitor failed to close", self.name, failure)
            self._work.crashed(failure)
        if current is not None:
            self._tell(self._journal.known(current.key, error))
        for piece in (*self._urgent, *self._inbox.take_all()):
            self._answer(piece, self._work.left(piece, error))
        self._between.refuse(error)
        self._outbox.call(self._end)

    def _end(self) -> None:
        self._wait.close()
        settle(self._closed)
