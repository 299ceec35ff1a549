"""Commands that take long and need a port's device: run where nobody else uses it, with progress, ended by hanging up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from chassis.errors import CallCanceled, FabricError, PortNotFound
from portmon.checked import checked_settings
from portmon.errand import Errand, Step
from portmon.host_port import HostPort
from portmon.line_store import BriefLineStore, LineStore
from portmon.monitor import PortMonitor
from portmon.port_name import canonical
from portmon.xcv.channel import Result, Xcv
from portmon.xcv.session import XcvSession
from portmon.xcv_payload import Wrong, name_in, settings_in

_MOST_STEPS = 256  # on their way to a slow reader; more are left out
_LONGEST_S = 600.0


class Target(NamedTuple):
    """What a command is tried on: a port of the host with its settings or others, or one that is to be."""

    name: str
    monitor: PortMonitor[Any]
    settings: Any
    port: HostPort | None

    @property
    def lines(self) -> LineStore:
        """Where a line's former settings are kept meanwhile."""
        return self.port.journal.note if self.port is not None else BriefLineStore()


def target_of(xcv: Xcv, session: XcvSession, value: Any) -> Target:
    """Return what an input means: the session's port or a named one, or a name and settings of a port to be.

    Raises:
        Wrong: 2, there is no such port, and no settings are given to try.
        InvalidSettings, InvalidArgument: it could not be.
    """
    wanted = value if isinstance(value, dict) else {}
    given = dict(settings_in(wanted))
    name = name_in(wanted) or session.port
    if session.port or name in xcv.ports:
        port = xcv.port_of(session, {"name": name})
        kept = port.settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
        settings = checked_settings(port.monitor, port.name, kept | given) if given else port.settings
        return Target(port.name, port.monitor, settings, port)
    if not given:
        raise Wrong(2, f"no port {name!r} on this host, and no settings to try")
    monitor = xcv.monitor_of(session, value)
    settings = checked_settings(monitor, canonical(name or "new port"), given)
    return Target(name or "new port", monitor, settings, None)


def timeout_in(value: Any, default_s: float) -> float:
    """Return the time an input allows, seconds.

    Raises:
        Wrong: 87, no such time.
    """
    found = value.get("timeoutS", default_s) if isinstance(value, dict) else default_s
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= _LONGEST_S:
        raise Wrong(87, f"timeoutS is a number of seconds up to {_LONGEST_S:g}")
    return float(found)


async def run(
    xcv: Xcv, target: Target, do: Callable[[Errand], object], timeout_s: float
) -> AsyncGenerator[Step | Result, None]:
    """Run something with a port's device and yield its steps, then its result. To stop reading is to cancel it."""
    loop = asyncio.get_running_loop()
    steps: asyncio.Queue[Step | None] = asyncio.Queue(_MOST_STEPS)

    def put(step: Step | None) -> None:
        if not steps.full() or step is None:
            if steps.full():
                steps.get_nowait()
            steps.put_nowait(step)

    def tell(step: Step) -> None:
        loop.call_soon_threadsafe(put, step)

    errand = Errand(do, tell, timeout_s)
    async with AsyncExitStack() as stack:
        done = await _begin(xcv, target, errand, stack)
        done.add_done_callback(lambda _: put(None))
        try:
            while (step := await steps.get()) is not None:
                yield step
            yield Result(await done)
        finally:
            errand.cancel(CallCanceled("the test was cancelled"))
            await _ended(done)
            errand.close()


async def _begin(xcv: Xcv, target: Target, errand: Errand, stack: AsyncExitStack) -> asyncio.Future[object]:
    loop, port, access = asyncio.get_running_loop(), target.port, xcv.ports.access
    access.refuse(target.name)
    if port is not None and port.session is None:
        # Nobody opens it meanwhile, and nobody deletes it.
        await stack.enter_async_context(port.lock)
        if port.deleted:
            raise PortNotFound(f"no port {port.name!r} on this host", port=port.name)
    if port is not None and port.session is not None:
        return access.use(port.session.borrow(errand, port.settings), errand.cancel)
    await stack.enter_async_context(xcv.slots)
    access.refuse(target.name)  # there may have been no slot for long
    return access.use(loop.run_in_executor(None, errand.run), errand.cancel)


async def _ended(done: asyncio.Future[object]) -> None:
    """Wait for the end of what was cancelled; it comes at its next wait."""
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            continue
    if not done.cancelled():
        error = done.exception()
        if error is not None and not isinstance(error, FabricError):
            raise error


def given(value: Any, name: str, kinds: Mapping[str, Any] | None = None) -> Any:
    """Return a member that is a string or not there, and one of `kinds` if there are any.

    Raises:
        Wrong: 87, it is something else.
    """
    found = value.get(name) if isinstance(value, dict) else None
    if found is None:
        return None
    if not isinstance(found, str) or (kinds is not None and found not in kinds):
        known = f": one of {', '.join(kinds)}" if kinds else " is a string"
        raise Wrong(87, f"{name}{known}", {"errors": {f"/{name}": "is not known"}})
    return found
