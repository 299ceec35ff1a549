"""One port in use: its hold, its stream, and the documents that are on their way through it.

A lane has one task that opens the port and sends, and one that listens while the port is open; no task per document.
Small documents are pipelined, several to a message. The lane knows nothing of printers and pools: the dispatcher
gives it flights and hears what became of them.

When the stream breaks, nothing is assumed: the port is opened again under a new fence, the host is asked how far each
document is, and sending goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from chassis import logs
from chassis.errors import FabricError, HostUnreachable, StaleFence
from chassis.tasks import Tasks
from spooler.flight import Flight, LaneOwner
from spooler.lane_condition import LaneState
from spooler.lane_taking_back import LaneTakingBack
from spooler.lane_visitors import LaneVisitors, goes_another_way
from spooler.port import DataQuestion, DocumentKey, OpenPort, Phase, PortHost
from spooler.prefetch import Prefetching, wanted
from spooler.printer import PortName, Way
from spooler.settling import Settling

log = logs.get(__name__)


class Lane(LaneTakingBack):
    """The way through one port."""

    def __init__(self, port: PortName, host: PortHost, owner: LaneOwner, tasks: Tasks) -> None:
        super().__init__(port, owner, tasks)
        self.fence = 0
        self._host = host
        self._prefetching = Prefetching(port, host, owner, self._brought, self.spoil)
        self._settling = Settling(self._settle_now)
        self._visitors = LaneVisitors(port)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way, promised or asked, and no outcome waits to be written down."""
        busy = self.flights or self._landed or self.reserved or self._visitors
        return not busy and self.pinned is None

    def take(self, flight: Flight) -> None:
        """Send a document."""
        flight.to_stage = wanted(flight, self._host.near)
        self._add(flight)
        (self._unsent.put_first if flight.pinned else self._unsent.add)(flight)
        self._start()

    def recover(self, flight: Flight) -> None:
        """Go on with a document of which a former run may have sent bytes: ask the host before anything is sent."""
        flight.recorded = flight.begun = True
        self.way = flight.way
        flight.to_stage = wanted(flight, self._host.near)
        self._add(flight)
        self._start()

    def settle(self, keys: Sequence[DocumentKey], *, may_wait: bool = False) -> None:
        """Their outcome is durable: the host may forget them. It is told with the next message.

        `may_wait`: that need not be sent for it alone, for a second.
        """
        self._landed.difference_update(keys)
        self._settling.add(keys, may_wait=may_wait)

    def release(self) -> None:
        """See `LaneNews.release`; what the host was not told yet it is told beside the stream."""
        if self.is_open and self._settling:
            self._tasks.spawn(f"settle {self.port}", self._settle_beside())
        super().release()

    async def printer_data(self, printer: str, way: Way, question: DataQuestion) -> bytes:
        """Ask the device through the port's hold (GetPrinterDataFromPort); the port is opened for it, and stays open.

        Raises:
            FabricError: the device's or the host's; why the port rests; PortBusy, documents go another way.
        """
        if self.failed and self.error is not None:
            raise self.error
        if way != self.way and self.flights:
            raise goes_another_way(self.port)
        hold = self._hold if way == self.way and self._broken is None else None
        if hold is None:
            self.printer = self.printer if self.flights else printer
            self._start()
            hold = await self._visitors.wait(way)
        return await hold.printer_data(question)

    async def close(self) -> None:
        """Release the port (ClosePort). With documents on their way the hold is left to its lease instead."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._prefetching.stop()
        self._visitors.turn_away(HostUnreachable(f"port {self.port} is let go"))
        if not self.failed:
            self.state = LaneState.CLOSED
        self._settling.stop()
        settles = self.is_open and self._settling and not self._has_begun()
        self._part()
        if settles:
            await self._settle_beside()
        await self._closed()

    async def _settle_beside(self) -> None:
        keys = self._settling.next()
        try:
            await self._host.settle(self.port.port, keys)
            self._settling.told(keys)
        except FabricError as error:
            log.warning("settling failed", port=str(self.port), error=str(error))

    # --- the sender

    def _settle_now(self) -> None:
        if self._hold is not None:
            self._wake.set()

    def _start(self) -> None:
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = self._tasks.supervise(f"lane {self.port}", self._run)

    async def _run(self) -> None:
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._broken is not None:
                    broken, self._broken = self._broken, None
                    raise broken
                if (self._device_lost and not self.failed) or self._takes_another_way():
                    self._close_hold()
                if self._half.refused is not None:
                    await self._close_half(self._half.refused)
                if self._hold is None and (self.flights or self._visitors):
                    await self._open()
                if self._hold is not None:
                    self._visitors.let_in(self._hold, self.way)
                self._prefetching.look(list(self._unsent), self._tasks)
                await self._send_all()
            except FabricError as error:
                self._lose(error)

    def _close_hold(self) -> None:
        """Release the port, to open it anew: for a device that was lost, or through another language monitor (S33)."""
        self._device_lost = False
        self.way = self._needed_way() or self.way
        self._release()

    def _needed_way(self) -> Way | None:
        """Return what the port has to be opened through next; None: as it is, or not at all."""
        return self._unsent.way or (None if self.flights else self._visitors.way)

    def _takes_another_way(self) -> bool:
        return self._needed_way() not in (None, self.way) and not self._has_begun()

    async def _open(self) -> None:
        if self.state is not LaneState.STOPPED:
            self.state = LaneState.OPENING
        self._device_lost = False
        await self._closed()
        try:
            hold = await self._acquire()
        except StaleFence as error:
            if not self._owner.refused(error):
                raise
            hold = await self._acquire()
        self._hold = hold
        self._settling.opened()
        await self._reconcile(hold)
        if self.state is LaneState.OPENING:
            self.state, self.error, self.retry_at = LaneState.OPEN, None, None
        self._listen_to(hold)
        self._owner.lane_changed(self.port)

    async def _acquire(self) -> OpenPort:
        self.fence = self._owner.next_fence()
        return await self._host.open_port(self.port.port, self.fence, self.printer, self.way)

    async def _close_half(self, refused: FabricError) -> None:
        """Begin again behind half a document, with what closes it before the next, or stop until a person has looked."""
        self._half.refused = None
        self._release()  # nothing is in print: what was behind the half one was not begun
        await self._open()  # anew: so that this is certain
        try:
            if (flight := next(iter(self._unsent), None)) is not None:
                await self._half.close(flight, refused)
        except FabricError as error:
            self._lose(error, stop=True)

    async def _reconcile(self, hold: OpenPort) -> None:
        """Ask how far each document is that may have left, and go on from there; raise why one ended untouched."""
        untouched: FabricError | None = None  # it leaves again, and nothing that was behind it before it
        left = [flight for flight in self.flights.values() if flight.begun]
        known = self._half.untouched | {news.key: news for news in hold.documents}
        missing = [flight.key for flight in left if flight.key not in known]
        if missing:
            answers = await self._host.query(self.port.port, missing)
            known.update(zip(missing, answers, strict=True))
        for flight in reversed(left):
            news = known[flight.key]
            if news.phase is Phase.NEVER_SEEN and not flight.unwanted:
                flight.begun, flight.staged, flight.sent = False, False, flight.info.resume_offset
            elif news.final:
                untouched = (None if flight.cancelled else news.untouched) or untouched
                self._land(flight, news)
                continue
            else:
                flight.sent = max(news.accepted, flight.info.resume_offset)
                flight.to_stage = flight.staged = news.staged
                self._note(flight, news)
                if flight.cancelled:
                    self._tasks.spawn(f"take back {flight.number}", self._take_back(hold, flight))
                    continue
                if flight.withdrawn:
                    self._tasks.spawn(f"have back {flight.number}", self._have_back(hold, flight))
            self._unsent.put_first(flight)
        for key, news in known.items():
            if key in self.flights or key in self._landed:
                continue
            if not news.final:
                await hold.take_back(key)  # nobody's: it must neither keep the port nor come out
            self._settling.add([key])  # concluded long ago; the host was not told
        self._half.untouched.clear()
        if untouched is not None:
            raise untouched

    async def _send_all(self) -> None:
        while self._hold is not None and (self._settling.due or self._may_send()):
            batch = await self._unsent.next_batch(self.fence, self.way) if self._may_send() else []
            if batch or self._settling.due:
                settled = self._settling.next()
                await self._hold.send(batch, settled)
                self._settling.told(settled)
            large = self._unsent.large(self.way) if self.pinned is None else None
            if large is not None:
                await self._send_large(large)

    async def _send_large(self, flight: Flight) -> None:
        """Stream one large document, as fast as the host takes it."""
        await self._unsent.record([flight], self.fence)
        restart = True  # after a reopening the start is sent again: the host knows it and goes on
        while self._hold is not None and not (flight.ended or flight.cancelled or flight.starved):
            piece = await self._unsent.next_chunk(flight)
            if piece is None:
                break
            await self._hold.send([replace(piece, start=flight.info) if restart else piece])
            restart = False
            # Unless the host asked for some of it again, or more has come in, meanwhile.
            if piece.end_size is not None and flight.sent >= flight.size_bytes:
                break
        if not flight.starved:
            self._unsent.remove(flight)

    def _brought(self, flight: Flight) -> None:
        """It lies at the host, or is to leave the ordinary way."""
        if flight.staged:
            self._lies_there(flight)
        self._wake.set()
        self._owner.lane_changed(self.port)

    # --- failing

    def _lose(self, error: FabricError, *, stop: bool = False) -> None:
        """The port cannot be used now: give back what never left, keep the rest and ask about it later."""
        self._prefetching.stop()
        self._visitors.turn_away(error)
        self._part()
        self.window.failed()
        never = [flight for flight in self.flights.values() if not flight.begun]
        self._unsent.clear()
        for flight in never:
            self._remove(flight)
        (self.stop if stop else self.pause)(error)
        log.warning("port lost", port=str(self.port), reason=error.reason, error=str(error))
        if never:
            self._owner.gave_back(self.port, never, error)
        self._owner.lane_changed(self.port)

    def cleared(self) -> None:
        """See `LaneCondition.cleared`."""
        if self._hold is not None:
            self.state = LaneState.OPEN
        if self.flights:
            self._start()
        self._owner.lane_changed(self.port)
