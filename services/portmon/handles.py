"""Who has which port open: opaque handles with a fence and a lease.

A handle is dead after ClosePort, take-over or lease expiry, and a dead one never reaches a device. The fence of a
fabric rises with every opening, over restarts too, so that a spooler that was thought dead cannot come back.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from chassis import logs
from chassis.errors import (
    FabricError,
    InvalidArgument,
    InvalidHandle,
    LeaseExpired,
    PortBusy,
    PortNotFound,
    StaleFence,
)
from chassis.tasks import Tasks
from portmon.hold import Hold, Owner, refuse_others, repeated
from portmon.host_port import HostPort
from portmon.port_name import same
from portmon.ports import Ports
from portmon.refusals import TakenOver, never_given_out
from portmon.reopening import Reopening
from portmon.session import PortSession
from portmon.sessions import living_session, new_session
from portmon.way import Way

_DEAD_REMEMBERED = 4096
_CLOSING_S = 10.0  # a device takes to be let go
MOST_FENCE = (1 << 63) - 1  # above there is no room for the fence of the next opening
log = logs.get(__name__)


class Handles:
    """All holds of this host."""

    def __init__(
        self, ports: Ports, tasks: Tasks, *, lease_s: float = 30.0, most_lease_s: float = 300.0
    ) -> None:
        self._ports, self._tasks = ports, tasks
        self._lease_s, self._most_lease_s = lease_s, most_lease_s
        self._holds: dict[bytes, Hold] = {}
        self._dead: OrderedDict[bytes, Callable[[], FabricError]] = OrderedDict()
        # When `expire` looks at the holds again, and what wakes it sooner.
        self._looks_at, self._sooner = math.inf, asyncio.Event()
        self._reopening = Reopening(ports, tasks)

    def __iter__(self) -> Iterator[Hold]:
        return iter(list(self._holds.values()))

    def check(self, token: bytes, fence: int) -> Hold:
        """Return the hold a handle stands for, and renew its lease.

        Raises:
            InvalidHandle, StaleFence, LeaseExpired: all code 6; no device was touched.
        """
        hold = self._holds.get(token)
        if hold is None:
            why = self._dead.get(token, never_given_out)
            raise why()
        if fence != hold.fence:
            raise StaleFence(f"fence {fence} is not that of this handle", fence=fence, port=hold.port.name)
        hold.deadline = time.monotonic() + hold.lease_s
        return hold

    async def open(
        self, name: str, owner: Owner, fence: int, printer: str, lease_s: float | None, way: Way | None = None
    ) -> Hold:
        """Acquire a port (OpenPort; OpenPortEx with a `way`), or take it over from an older process of the fabric.

        It goes on when the caller gives up waiting: the hold then ends with its lease, or a repeat finds it.

        Raises:
            PortNotFound, PortBusy, StaleFence, and whatever the device says.
        """
        port = self._ports.get(name)
        if not owner.fabric or not 0 < fence <= MOST_FENCE:
            raise InvalidArgument(
                f"a fabric id and a fence from 1 to {MOST_FENCE} are needed",
                fields=[("fence", "is out of range")],
            )
        if lease_s is not None and lease_s <= 0:
            raise InvalidArgument("a lease lasts some time", fields=[("lease", "is not above 0")])
        self._ports.access.refuse(port.name)
        lease = min(lease_s or self._lease_s, self._most_lease_s)
        work = self._answer(self._acquire(port, owner, fence, printer, lease, way))
        opened: Hold | FabricError = await asyncio.shield(self._tasks.spawn(f"open {port.name}", work))
        if isinstance(opened, FabricError):
            self._reopening.refused(port, opened)
            raise opened
        return opened

    async def _answer(self, opening: Coroutine[Any, Any, Hold]) -> Hold | FabricError:
        """Open on a task of its own, whose refusals are answers and no accidents."""
        try:
            return await opening
        except FabricError as error:
            return error

    async def _acquire(
        self, port: HostPort, owner: Owner, fence: int, printer: str, lease_s: float, way: Way | None
    ) -> Hold:
        async with port.lock:
            if port.deleted:
                raise PortNotFound(f"no port {port.name!r} on this host", port=port.name)
            if (same_one := repeated(port, owner, fence, way)) is not None:
                same_one.deadline = time.monotonic() + lease_s
                self._look_in_time(same_one)
                return same_one
            refuse_others(port, owner, fence)
            hold, private = port.hold, port.monitor.private(port.name)
            living = None if private else await living_session(port, way)
            if living is None and not private:
                await asyncio.to_thread(self._ports.staging.give_back, same(port.name), owner.fabric)
            opened: PortSession | None = None
            try:
                opened = living or await new_session(self._ports, port, owner.fabric, way)
                # After the device, so that one that is away does not use fences up; before the handle is out.
                await asyncio.to_thread(port.store_fence, owner.fabric, fence)
            except FabricError:
                if living is None:
                    await self._lose(port, hold, opened)
                raise
            if hold is not None:
                self._kill(hold, taken := TakenOver(port.name, fence))
                hold.farewell(taken())
                log.info("port taken over", port=port.name, fence=fence, spooler=owner.spooler)
            given = self._give_out(port, opened, owner, fence, printer, lease_s)
            given.way = way
            if private:
                port.private.add(given)
            else:
                port.session, port.hold = opened, given
            self._ports.use_changed(port)
            return given

    async def reopen(self, port: HostPort, owner: Owner, printer: str, way: Way | None) -> Hold:
        """Open a port for documents that lie here whole, while their spooler is away: under the fence it had.

        Raises:
            PortBusy: somebody has it. And whatever the device says.
        """
        async with port.lock:
            if port.hold is not None or port.deleted or self._ports.access.withheld:
                raise PortBusy(f"port {port.name} is not free", port=port.name)
            port.session = await new_session(self._ports, port, owner.fabric, way)
            fence = port.journal.note.fence(owner.fabric)
            port.hold = self._give_out(port, port.session, owner, fence, printer, self._lease_s)
            port.hold.way = way
            self._ports.use_changed(port)
            return port.hold

    def _give_out(
        self, port: HostPort, session: PortSession, owner: Owner, fence: int, printer: str, lease_s: float
    ) -> Hold:
        token, now = secrets.token_bytes(16), time.monotonic()
        hold = Hold(token, fence, owner, port, session, printer, lease_s, now + lease_s)
        self._holds[token] = hold
        port.counters.holds += 1
        self._look_in_time(hold)
        return hold

    def _kill(self, hold: Hold, why: Callable[[], FabricError]) -> None:
        """Make a handle dead, remembering what to say to its bearer."""
        self._holds.pop(hold.token, None)
        self._dead[hold.token] = why
        while len(self._dead) > _DEAD_REMEMBERED:
            self._dead.popitem(last=False)

    async def _lose(self, port: HostPort, hold: Hold | None, session: PortSession | None) -> None:
        """A newer opening failed: end it, and the hold, if any, whose device was let go for it. The port is free."""
        if session is not None:
            await session.close()
        if hold is None:
            return
        lost = InvalidHandle(f"port {port.name} was let go, and could not be opened again", port=port.name)
        self._kill(hold, lambda: lost)
        port.hold = None
        hold.farewell(lost)
        self._ports.use_changed(port)

    async def close(self, hold: Hold, error: FabricError | None = None) -> None:
        """Release a port (ClosePort); with `error`, that is what its bearer and a document in progress are told."""
        await asyncio.shield(self._begin_to_close(hold, error))

    def _begin_to_close(self, hold: Hold, error: FabricError | None = None) -> asyncio.Task[None]:
        """Make the handle dead at once, and let its device go on a task of its own."""
        name = hold.port.name
        self._kill(hold, lambda: error or InvalidHandle(f"port {name} was closed", port=name))
        return self._tasks.spawn(f"close {name}", self._close(hold, error))

    async def _close(self, hold: Hold, error: FabricError | None) -> None:
        async with hold.port.lock:
            if hold.port.session is not hold.session:
                await hold.session.close(error)
                hold.port.private.discard(hold)
            elif hold.port.hold is hold:
                # The hold stays until the device is free: nobody opens a port that is being closed.
                await hold.session.close(error)
                hold.port.session = hold.port.hold = None
        name = hold.port.name
        hold.farewell(error or InvalidHandle(f"port {name} was closed", port=name))
        self._ports.use_changed(hold.port)

    # --- leases

    def stream_began(self, hold: Hold) -> None:
        """A stream keeps its hold alive."""
        hold.streams += 1
        hold.orphaned_at = None

    def stream_ended(self, hold: Hold) -> None:
        """From now on lease and grace time run."""
        hold.streams -= 1
        hold.deadline = hold.orphaned_at = time.monotonic()
        hold.deadline += hold.lease_s
        self._look_in_time(hold)
        if hold.session.goes_on:
            self._tasks.spawn(f"staged at {hold.port.name}", self._until_quiet(hold))

    async def _until_quiet(self, hold: Hold) -> None:
        """What needs no stream has kept a hold alive: look at its lease again when that has ended."""
        await hold.session.quiet()
        self._look_in_time(hold)

    def _look_in_time(self, hold: Hold) -> None:
        """Wake `expire` if a hold dies before it looks again: else a thousand openings were a million looks."""
        at = hold.dies_at()
        if at is not None and at < self._looks_at:
            self._sooner.set()

    async def expire(self) -> None:
        """Close the ports of owners that are silent for too long. Runs for ever; sleeps until something is due.

        Ports are closed side by side: a device that hangs while it is let go keeps no other one.
        """
        while True:
            self._sooner.clear()
            now, due = time.monotonic(), []
            for hold in self:
                at = hold.dies_at()
                if at is not None and at <= now:
                    self._run_down(hold)
                elif at is not None:
                    due.append(at)
            self._looks_at = min(due, default=math.inf)
            try:
                async with asyncio.timeout(max(0.01, self._looks_at - time.monotonic()) if due else None):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    def _run_down(self, hold: Hold) -> None:
        name = hold.port.name
        log.warning("lease expired, port closed", port=name, spooler=hold.owner.spooler, lease_s=hold.lease_s)
        silent = LeaseExpired(f"the owner of port {name} was silent for too long", port=name)
        self._begin_to_close(hold, silent)

    async def shutdown(self, owner: Owner | None, grace_s: float, *, park: bool = False) -> list[Hold]:
        """Drain: documents get `grace_s` to end, then ports are closed. Returns the holds that were in one still.

        `park`: the next run of this process goes on with what lies here whole.
        """
        mine = [hold for hold in self if owner in (None, hold.owner)]
        for hold in mine:
            hold.session.park(park)
        deadline = time.monotonic() + grace_s
        await asyncio.gather(*(hold.session.rest(deadline, drain=True) for hold in mine))
        broken = [hold for hold in mine if hold.session.in_progress()]
        closing = [self._begin_to_close(hold) for hold in mine if hold.token in self._holds]
        _, hanging = await asyncio.wait(closing, timeout=_CLOSING_S) if closing else ((), ())
        for one in hanging:
            log.error("a port does not close", task=one.get_name())
        return broken
