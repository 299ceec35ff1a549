"""What waits for the end of a port's present document: other settings, errands that need the device, questions to it.

Questions that send the device no bytes wait for the end of a write alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from chassis import errors, logs
from chassis.errors import FabricError
from portmon.crash import note_crash, told
from portmon.errand import Errand
from portmon.monitor import Port, PortMonitor
from portmon.port_state import PortEvent, PortState, step
from portmon.port_work import PortWork

log = logs.get(__name__)
_Waiting = tuple[Errand, Any, asyncio.Future[object]]
T = TypeVar("T")


class BetweenDocuments:
    """`configure`, `put`, `ask` and `interrupt` are the event loop's, `do`, `answer` and `refuse` the port thread's."""

    def __init__(self, name: str, call: Callable[..., None], wake: Callable[[], None]) -> None:
        self._name, self._call, self._wake = name, call, wake
        # The newest monitor and settings that somebody gave it, and the same while it has not been opened with them.
        self._newest: tuple[PortMonitor[Any] | None, Any] | None = None
        self._pending: deque[tuple[PortMonitor[Any] | None, Any]] = deque(maxlen=1)
        self._errands: deque[_Waiting] = deque()
        self._questions: deque[tuple[Callable[[Port], object], asyncio.Future[Any]]] = deque()
        self._quiet_ones: deque[tuple[Callable[[Port], object], asyncio.Future[Any]]] = deque()
        self._running: Errand | None = None
        self._refused: FabricError | None = None  # the port is closed
        # SetPortTimeOuts' own, which outlives openings of the device.
        self.write_timeout_s: float | None = None

    def __bool__(self) -> bool:
        return bool(self._pending or self._errands or self._questions)

    def configure(self, settings: Any, monitor: PortMonitor[Any] | None = None) -> None:
        """Open the device anew with these settings; with a `monitor`, the port is of that one's type from then on."""
        known = self._newest[0] if self._newest is not None else None
        self._newest = (monitor or known, settings)
        self._pending.append(self._newest)
        self._wake()

    def put(self, errand: Errand, settings: Any) -> asyncio.Future[object]:
        """Run an errand while the device is closed, and open it with these settings again."""
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._errands.append((errand, settings, done))
        self._wake()
        return done

    def ask(self, question: Callable[[Port], T], *, quiet: bool = False) -> asyncio.Future[T]:
        """Let somebody speak to the open device; whoever waits no more is passed over.

        `quiet`: it sends the device no bytes, so that it may come between two writes of a document.

        Raises:
            InvalidHandle: the port is closed.
        """
        if self._refused is not None:
            raise self._refused
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        (self._quiet_ones if quiet else self._questions).append((question, done))
        self._wake()
        return done

    def interrupt(self, error: FabricError) -> None:
        """End the errand that runs."""
        if (running := self._running) is not None:
            running.cancel(error)

    def answer(self, work: PortWork) -> None:
        """Answer the quiet questions; nothing is being written."""
        while self._quiet_ones and work.state is not PortState.CLOSED:
            self._speak(work, *self._quiet_ones.popleft())

    def do(self, work: PortWork, monitor: PortMonitor[Any]) -> None:
        """Do the next thing; the port is between documents."""
        if self._questions:
            self._speak(work, *self._questions.popleft())
            return
        errand, done, settings = None, None, None
        if self._pending:
            self._pending.popleft()
        else:
            errand, settings, done = self._errands.popleft()
        if (newest := self._newest) is not None:  # an errand may have been asked for before
            monitor, settings = newest[0] or monitor, newest[1]
        try:
            work.close(None)
            if errand is not None and done is not None:
                self._run(errand, done)
            work.open(monitor, settings)
            if self.write_timeout_s is not None:
                work.port.write_timeout_s = self.write_timeout_s
        except FabricError as error:
            log.warning("port refuses its settings", port=self._name, why=error.message)
            work.state = step(PortState.CLOSED, PortEvent.DEVICE_LOST)

    def _speak(self, work: PortWork, question: Callable[[Port], object], done: asyncio.Future[Any]) -> None:
        if work.state is PortState.FAILED:
            text = f"port {self._name} lost its device"
            self._call(_settle, done, None, errors.DeviceNotConnected(text, port=self._name))
        elif not done.cancelled():
            self._settled(done, lambda: question(work.port))

    def _run(self, errand: Errand, done: asyncio.Future[object]) -> None:
        def run() -> object:
            self._running = errand
            try:
                return errand.run()
            finally:
                self._running = None  # before whoever waits for it hears of its end, and frees what it holds

        self._settled(done, run)

    def _settled(self, done: asyncio.Future[object], do: Callable[[], object]) -> None:
        try:
            result = do()
        except FabricError as error:
            self._call(_settle, done, None, error)
        except Exception as error:  # noqa: BLE001 - the wall around a monitor's code, as in the session
            note_crash(log, "errand failed", self._name, error)
            self._call(_settle, done, None, told(self._name, error))
        else:
            self._call(_settle, done, result, None)

    def refuse(self, error: FabricError) -> None:
        """The port is closed: nothing more is done."""
        self._refused = error
        asked = [*self._questions, *self._quiet_ones]
        waiting = [*(done for _, _, done in self._errands), *(done for _, done in asked)]
        for one in (self._errands, self._questions, self._quiet_ones):
            one.clear()
        for done in waiting:
            self._call(_settle, done, None, error)


def _settle(done: asyncio.Future[object], result: object, error: FabricError | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
