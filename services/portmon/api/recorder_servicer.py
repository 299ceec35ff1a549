"""RecorderService: what passes through a port, for who looks on. Every look is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from chassis import identity, logs
from chassis.server import Servicer
from portmon.annotations import Annotator, masked
from portmon.document import DocKey
from portmon.ports import Ports
from portmon.recorder import Direction, Moment, Tap
from printfabric.monitor.v1 import recorder_service_pb2 as pb
from printfabric.monitor.v1 import recorder_service_pb2_grpc as rpc

SERVICE = "printfabric.monitor.v1.RecorderService"
_RATE = 16384  # bytes a second when nothing is asked for
_MOST_RATE = 16 << 20
_PIECE = 16384
log = logs.get(__name__)


class RecorderServicer(rpc.RecorderServiceServicer):
    """The flight recorders of one host."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._ended = False
        self._listening: set[asyncio.Event] = set()

    def end(self) -> None:
        """Let everybody go who looks on: the host drains."""
        self._ended = True
        for news in self._listening:
            news.set()

    async def TapPort(self, request: pb.TapPortRequest, context: Any) -> AsyncIterator[pb.TapPortResponse]:
        """See the contract."""
        port = self._ports.get(request.port)
        who = request.on_behalf_of or str(identity.current())
        log.info("port tapped", port=port.name, who=who, masked=request.mask, past=request.include_recorded)
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        tap = Tap(lambda: _wake(loop, news))
        teller = _Teller(min(request.max_bytes_per_second or _RATE, _MOST_RATE), mask=request.mask)
        recorder = port.counters.recorder
        before = recorder.recorded() if request.include_recorded else []
        recorder.attach(tap)
        await context.send_initial_metadata(())  # from here on nothing is missed
        self._listening.add(news)
        try:
            for moment in before:
                for message in teller.tell(moment, limited=False):
                    yield message
            while not self._ended:
                await news.wait()
                news.clear()
                for moment in tap.take():
                    for message in teller.tell(moment):
                        yield message
        finally:
            self._listening.discard(news)
            recorder.detach(tap)
            log.info("port no longer tapped", port=port.name, who=who)


class _Teller:
    """Makes messages of moments: pieces, annotations, at most so many bytes a second."""

    def __init__(self, rate: int, *, mask: bool) -> None:
        self._rate, self._mask = rate, mask
        self._allowed, self._at = float(rate), asyncio.get_running_loop().time()
        self._skipped = 0
        self._document: DocKey | None = None  # whose bytes were told last
        self._readers = {
            Direction.OUT: Annotator(out=True, masked=mask),
            Direction.IN: Annotator(out=False, masked=mask),
        }

    def tell(self, moment: Moment, *, limited: bool = True) -> list[pb.TapPortResponse]:
        """Return what is said about a moment."""
        if moment.direction is Direction.EVENT:
            return [self._message(moment, b"", [moment.text])]
        if moment.skipped or self._is_others(moment):
            self._readers[moment.direction].skip()
        data = moment.data
        room = self._room() if limited else len(data)
        self._skipped += moment.skipped
        told = []
        for begin in range(0, min(len(data), room), _PIECE):
            piece = data[begin : min(begin + _PIECE, room)]
            told.append(self._message(moment, piece, self._readers[moment.direction].read(piece)))
        if room < len(data):
            self._skipped += len(data) - room
            self._readers[moment.direction].skip()
        self._allowed -= min(room, len(data)) if limited else 0
        return told

    def _is_others(self, moment: Moment) -> bool:
        """Tell whether a document's bytes do not follow those told before: several are on their way through `FILE:`."""
        if moment.direction is not Direction.OUT:
            return False
        before, self._document = self._document, moment.document
        return moment.document != before

    def _room(self) -> int:
        now = asyncio.get_running_loop().time()
        self._allowed = min(self._rate, self._allowed + (now - self._at) * self._rate)
        self._at = now
        return int(self._allowed)

    def _message(self, moment: Moment, data: bytes, words: list[str]) -> pb.TapPortResponse:
        message = pb.TapPortResponse(
            direction=int(moment.direction),  # type: ignore[arg-type]
            data=masked(data) if self._mask else data,  # a device may send back what it was sent
            annotations=words,
            signals=moment.signals,
            skipped_bytes=self._skipped,
        )
        message.time.FromDatetime(datetime.fromtimestamp(moment.at_ns / 1e9, UTC))
        if moment.document is not None:
            message.document.job_uid, message.document.attempt = moment.document
        self._skipped = 0
        return message


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(news.set)
    except RuntimeError:
        log.warning("the event loop ended before a tapped port did")


def served_recorder(servicer: RecorderServicer) -> Servicer:
    """Return what a server needs to serve it."""
    return rpc.add_RecorderServiceServicer_to_server, servicer, SERVICE
