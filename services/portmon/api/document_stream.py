"""The hot path: slices of documents in, progress out, on one stream per open port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chassis.errors import FabricError, TooLarge
from portmon.api import convert
from portmon.api.staged_documents import known_documents, put_source, settle, take_back
from portmon.document import Disposition, DocKey, Progress, Slice
from portmon.handles import Handles
from portmon.hold import Hold
from portmon.inbox import MANY
from portmon.staging.area import Staging
from printfabric.monitor.v1 import monitor_service_pb2 as pb

MOST_SLICE_BYTES = 1 << 20
# Under load a message costs more than an answer: while many slices wait, answers are gathered for a moment.
_GATHER_S = 0.002


class DocumentStream:
    """One stream: takes requests while there is room, answers with the latest progress of each document.

    Answers of one turn of the event loop go out in one message. Nothing is created per document but its slices.
    """

    def __init__(self, handles: Handles, hold: Hold, staging: Staging) -> None:
        self._handles, self.hold, self._staging = handles, hold, staging
        self._progress: dict[DocKey, Progress] = {}
        self._news = asyncio.Event()
        self._failure: BaseException | None = None
        self._open_slices = 0
        self._ended = False

    def end(self, error: FabricError) -> None:
        """End the stream, since its handle is dead."""
        self._failure = error
        self._news.set()

    def first(self) -> pb.StreamDocumentsResponse:
        """Return the first answer: what the session knows of the fabric's documents."""
        return self._response(known_documents(self.hold, self._staging))

    async def take(self, requests: AsyncIterator[pb.StreamDocumentsRequest]) -> None:
        """Hand everything over that comes in, until the sender is done or its hold is dead."""
        try:
            async for request in requests:
                await self._take_one(request)
        except FabricError as error:
            self._failure = error
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ended = True
            self._news.set()

    async def _take_one(self, request: pb.StreamDocumentsRequest) -> None:
        self._handles.check(self.hold.token, self.hold.fence)
        session = self.hold.session
        if request.settled:
            settle(
                self.hold.port, self._staging, map(convert.key_from, request.settled), self.hold.owner.fabric
            )
        for message in request.slices:
            piece = slice_from(message)
            piece.reply = self._reply
            self._open_slices += 1
            if piece.end not in (None, Disposition.COMPLETE):
                # An abort must not stand in a line behind what it aborts.
                how = piece.end or Disposition.ABORT
                self._reply(await take_back(session, self._staging, piece.key, how), True)
                continue
            if message.start.staged:
                instead = await put_source(self.hold, self._staging, piece)
                if instead is not None:
                    self._reply(instead, True)
                    continue
            await session.room()
            self._handles.check(self.hold.token, self.hold.fence)
            session.submit(piece)

    def _reply(self, progress: Progress, last: bool) -> None:
        self._open_slices -= last
        self._progress.pop(progress.key, None)  # the order of answers is that of the newest facts
        self._progress[progress.key] = progress
        self._news.set()

    async def answers(self) -> AsyncIterator[pb.StreamDocumentsResponse]:
        """Yield progress as it comes; ends when the sender has ended and everything is answered."""
        yield self.first()
        while True:
            await self._news.wait()
            if self._open_slices > MANY:
                await asyncio.sleep(_GATHER_S)
            self._news.clear()
            if self._progress:
                newest, self._progress = self._progress, {}
                yield self._response(list(newest.values()))
            if self._failure is not None and not self._progress:
                raise self._failure
            if self._ended and self._open_slices <= 0 and not self._progress:
                return

    def _response(self, documents: list[Progress]) -> pb.StreamDocumentsResponse:
        return pb.StreamDocumentsResponse(
            progress=[convert.progress_to_pb(one) for one in documents],
            lease=convert.seconds(self.hold.lease_s),
            window_bytes=self.hold.session.window,
        )


def slice_from(message: pb.DocumentSlice) -> Slice:
    """Return a slice; its reply is set by who sends it on.

    Raises:
        InvalidArgument, TooLarge: it cannot be what its sender meant.
    """
    data, offset = message.data, message.offset
    if len(data) > MOST_SLICE_BYTES:
        raise TooLarge(f"a slice has {len(data)} bytes, at most {MOST_SLICE_BYTES} are taken")
    convert.check_offset("offset", offset)
    piece = Slice(convert.key_from(message.document), _unset, offset=offset, data=data)
    if message.HasField("start"):
        start = message.start
        piece.start = convert.info_from(start.info)
        piece.resume_offset = start.resume_offset
        piece.resume_prefix = convert.prefix_from(start)
        convert.check_offset("start.resume_offset", piece.resume_offset)
        piece.guarded, piece.closing = start.guarded, convert.closing_from(start)
        piece.traceparent = start.traceparent
    if message.HasField("end"):
        end = message.end
        piece.end, piece.size = convert.disposition_from(end.disposition), end.size_bytes
    return piece


def _unset(_progress: Progress, _last: bool) -> None:
    raise AssertionError("a slice was sent on without a reply")
