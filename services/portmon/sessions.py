"""The sessions of a port's openings: begun anew, or living on under another hold."""

from __future__ import annotations

import asyncio
from functools import partial

from chassis.errors import PortBusy, Verdict
from portmon.changes import Ended
from portmon.document import Phase, Progress
from portmon.host_port import HostPort
from portmon.port_state import PortState
from portmon.ports import Ports
from portmon.session import PortSession
from portmon.way import Way, opener


async def living_session(port: HostPort, way: Way | None) -> PortSession | None:
    """Return the session to take over, unless its device is gone, or it goes through another language monitor.

    Raises:
        PortBusy: it has documents on their way through another language monitor.
    """
    session = port.session
    other = port.hold is not None and port.hold.way != way
    if session is not None and other and (session.in_progress() or session.queued()):
        text = f"port {port.name} is in a document through another language monitor"
        raise PortBusy(text, verdict=Verdict.RETRY, port=port.name)
    if session is not None and (other or session.state is PortState.FAILED):
        await session.close()
        port.session = None
    return port.session


async def new_session(ports: Ports, port: HostPort, fabric: str, way: Way | None) -> PortSession:
    """Acquire a port's device; the errors are `PortMonitor.open_port`'s."""
    journal = await asyncio.to_thread(lambda: port.journal)
    session = PortSession(port.name, fabric, journal, port.counters)
    session.reports = port.reports
    session.changed = lambda: ports.touch(port)
    if way is not None:
        session.ended = partial(_tell_end, ports, port, fabric, way)
    settings = port.settings
    await session.open(opener(port, way), settings)
    if port.settings is not settings:  # somebody configured it meanwhile
        session.configure(port.settings, opener(port, way))
    return session


def _tell_end(ports: Ports, port: HostPort, fabric: str, way: Way, progress: Progress) -> None:
    """Tell watchers what became of a document that the printer itself, or its silence, has ended."""
    if progress.phase is Phase.ENDED and way.tells_end(port):
        ports.changes.tell(Ended(port.name, fabric, progress))
