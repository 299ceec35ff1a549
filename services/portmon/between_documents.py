"""What waits for the end of a port's present document: other settings, and errands that need the device for themselves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from chassis import errors, logs
from chassis.errors import FabricError
from portmon.errand import Errand
from portmon.monitor import PortMonitor
from portmon.port_state import PortState
from portmon.port_work import PortWork

log = logs.get(__name__)
_Waiting = tuple[Errand, Any, asyncio.Future[object]]


class BetweenDocuments:
    """`configure`, `put` and `interrupt` are the event loop's, `do` and `refuse` the port thread's."""

    def __init__(self, name: str, call: Callable[..., None], wake: Callable[[], None]) -> None:
        self._name, self._call, self._wake = name, call, wake
        self._settings: Any = None
        self._errands: deque[_Waiting] = deque()
        self._running: Errand | None = None

    def __bool__(self) -> bool:
        return self._settings is not None or bool(self._errands)

    def configure(self, settings: Any) -> None:
        """Open the device anew with these settings."""
        self._settings = settings
        self._wake()

    def put(self, errand: Errand, settings: Any) -> asyncio.Future[object]:
        """Run an errand while the device is closed, and open it with these settings again."""
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._errands.append((errand, settings, done))
        self._wake()
        return done

    def interrupt(self, error: FabricError) -> None:
        """End the errand that runs."""
        if (running := self._running) is not None:
            running.cancel(error)

    def do(self, work: PortWork, monitor: PortMonitor[Any]) -> None:
        """Do the next thing; the port is between documents."""
        settings, self._settings = self._settings, None
        errand, done = None, None
        if settings is None:
            errand, settings, done = self._errands.popleft()
        try:
            work.close(None)
            if errand is not None and done is not None:
                self._run(errand, done)
            work.open(monitor, settings)
        except FabricError as error:
            log.warning("port refuses its settings", port=self._name, why=error.message)
            work.state = PortState.FAILED

    def _run(self, errand: Errand, done: asyncio.Future[object]) -> None:
        self._running = errand
        try:
            result = errand.run()
        except FabricError as error:
            self._call(_settle, done, None, error)
        except Exception as error:  # the wall around a monitor's code, as in the session
            log.exception("errand failed", port=self._name)
            self._call(_settle, done, None, errors.Internal(f"port {self._name}: {error!r}"))
        else:
            self._call(_settle, done, result, None)
        finally:
            self._running = None

    def refuse(self, error: FabricError) -> None:
        """The port is closed: nothing more is done."""
        while self._errands:
            self._call(_settle, self._errands.popleft()[2], None, error)


def _settle(done: asyncio.Future[object], result: object, error: FabricError | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
