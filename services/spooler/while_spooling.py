"""Jobs that are begun before their documents have come whole: what is durable of one is sent, the rest as it comes.

Which printers and jobs do so, and what is promised of them: docs/decisions/0034-printing-while-spooling.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from chassis import logs
from chassis.errors import DigestMismatch, FabricError
from spooler.handover import Handover
from spooler.job import Job
from spooler.job_state import JobState
from spooler.new_job import Duplicate, Incoming, NewJob, Upload, Uploaded, UploadInterrupted, UploadNotFound
from spooler.outgoing import BATCH_BYTES
from spooler.pace import span_words

log = logs.get(__name__)

Result = TypeVar("Result")

# So much has to be there before a job is made of it: its lane is full with that, and it is no small document.
BEGIN_BYTES = BATCH_BYTES
_GONE = b""  # the id of an upload that is not there any more
HELD_PATIENCE_S = 24 * 3600.0  # a job that is held keeps nobody from printing

EndsWaiting = Callable[[int, UploadInterrupted], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _Arrival:
    """A document that still comes in.

    `more`: some of it may not be durable yet. `turn` guards its end: a sender may say it again meanwhile.
    """

    upload_id: bytes
    heard_at: float  # loop time
    more: bool = True
    syncing: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    timer: asyncio.TimerHandle | None = None


class _Kept(NamedTuple):
    """Bytes of an upload that have come, and that are durable."""

    received: int
    durable: int


class WhileSpooling:
    """All such jobs of a spooler, from their beginning to the last byte of their documents."""

    def __init__(self, dispatcher: Handover, patience_s: float) -> None:
        self.end: EndsWaiting  # the steering's: ends a job whose document will never be whole
        self._dispatcher = dispatcher
        self._patience_s = patience_s
        self._arrivals: dict[int, _Arrival] = {}
        self._numbers: dict[bytes, int] = {}
        dispatcher.on_interrupted = self._ended

    async def take_up(self, jobs: Sequence[Job], uploads: Sequence[Upload]) -> list[Job]:
        """Go on where the last spooler stopped; return its jobs, with as much of their documents as is durable."""
        known = {(upload.owner, upload.request_id): upload.id for upload in uploads}
        sizes: dict[int, int] = {}
        for job in jobs:
            if not job.incoming:
                continue
            upload_id = known.get((job.sender.owner, job.sender.request_id), _GONE)
            self._dispatcher.incoming[job.number] = upload_id
            if upload_id != _GONE:
                sizes[job.number] = await self._dispatcher.store.sync_upload(upload_id)
                self._watch(job.number)
        return [_with_size(job, sizes[job.number]) if job.number in sizes else job for job in jobs]

    def end_lost(self) -> None:
        """End the jobs whose uploads did not outlive the last run, as when the store was moved."""
        for number, upload_id in self._dispatcher.incoming.items():
            if upload_id == _GONE:
                self.interrupt(number, "what had come of its document is gone")

    def number(self, upload_id: bytes) -> int | None:
        """Return the job that was begun with what has come of an upload; None: there is none."""
        return self._numbers.get(upload_id)

    def may_begin(self, new: NewJob, upload_id: bytes, received_bytes: int) -> bool:
        """Tell whether a job is to be made of what will have come of an upload: there is none, and it would print at once."""
        return received_bytes >= BEGIN_BYTES and upload_id not in self._numbers and self._would_print(new)

    async def begin(self, new: NewJob, upload_id: bytes, write: Coroutine[Any, Any, int]) -> int:
        """Make a job of an upload while more of it is written; return what `write` does, how much has come.

        The job and its bytes are made durable side by side, so it begins without any; they leave when both are.

        Raises:
            FabricError: `write`'s, and there is a job that waits for its bytes; or, if they are written, why there is none.
        """
        keeping = self._dispatcher.tasks.spawn(f"keep {upload_id.hex()}", self._kept(upload_id, write))
        try:
            (result,) = await self._dispatcher.submit([replace(new, document=Incoming(upload_id, 0))])
        finally:  # nobody else may write meanwhile
            kept = await keeping
        if not isinstance(result, FabricError):
            job = result.job if isinstance(result, Duplicate) else result
            self._watch(job.number)
            if not isinstance(kept, FabricError):
                self._grown(job.number, kept.durable)
        for failure in (kept, result):
            if isinstance(failure, FabricError):
                raise failure
        assert isinstance(kept, _Kept)
        return kept.received

    async def _kept(self, upload_id: bytes, write: Coroutine[Any, Any, int]) -> _Kept | FabricError:
        try:
            received = await write
        except FabricError as error:
            return error
        return _Kept(received, await self._synced(upload_id))

    async def _synced(self, upload_id: bytes) -> int:
        """Return how much of an upload is durable: nothing more if it cannot be made so, what comes next tries again."""
        try:
            return await self._dispatcher.store.sync_upload(upload_id)
        except FabricError as error:
            log.warning("an incoming document cannot be synced", upload=upload_id.hex(), error=str(error))
            return 0

    def came(self, upload_id: bytes) -> None:
        """More of an upload has come: if it prints, make it durable and send it. What comes meanwhile shares a sync."""
        number = self._numbers.get(upload_id)
        if number is None:
            return
        arrival = self._arrivals[number]
        arrival.heard_at, arrival.more = asyncio.get_running_loop().time(), True
        if not arrival.syncing:
            arrival.syncing = True
            self._dispatcher.tasks.spawn(f"incoming {number}", self._sync(number, arrival))

    async def complete(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        """The sender has finished: its document is durably whole on return. May be said again.

        Raises:
            WrongOffset: bytes are missing; it may go on.
            DigestMismatch: it is not the document that was announced; the job is ended as it is.
            UploadNotFound: the job has ended, and its upload with it.
            SpoolFull, StoreUnavailable: it may be tried again.
        """
        return await self._dispatcher.tasks.finish(
            f"complete {number}", self._complete(number, upload, digest)
        )

    def interrupt(self, number: int, why: str) -> None:
        """End a job: the rest of its document will not come."""
        error = UploadInterrupted(f"job {number} was broken off: {why}", job=number)
        self._dispatcher.tasks.spawn(f"interrupt {number}", self.end(number, error))

    async def to_the_end(self, name: str, work: Coroutine[Any, Any, Result]) -> Result:
        """Await `work` on an upload, of which half must not happen: it goes on when the caller is cancelled."""
        return await self._dispatcher.tasks.finish(name, work)

    def close(self) -> None:
        """Lose patience with nobody any more: the spooler stops, and the next one goes on."""
        for arrival in self._arrivals.values():
            if arrival.timer is not None:
                arrival.timer.cancel()

    def _would_print(self, new: NewJob) -> bool:
        """Whether a job goes out at once, and needs nothing of its document but the next bytes."""
        queue = self._dispatcher.book.queues.get(new.printer)
        if queue is None or not queue.printer.print_while_spooling or not self._dispatcher.book.mine_at_first:
            return False
        plain = new.copies == 1 and not (new.held or new.not_before or new.window)
        return plain and self._dispatcher.is_idle(queue)

    async def _sync(self, number: int, arrival: _Arrival) -> None:
        try:
            while arrival.more and number in self._arrivals:
                arrival.more = False
                self._grown(number, await self._dispatcher.store.sync_upload(arrival.upload_id))
        except FabricError as error:  # what comes next, or the end, tries again
            log.warning("an incoming document cannot be synced", job=number, error=str(error))
        finally:
            arrival.syncing = False

    def _grown(self, number: int, size_bytes: int) -> None:
        job = self._dispatcher.book.jobs.get(number)
        if job is None or number not in self._arrivals or size_bytes <= job.document.size_bytes:
            return
        self._now_is(_with_size(job, size_bytes), whole=False)

    def _now_is(self, job: Job, *, whole: bool) -> None:
        self._dispatcher.book.jobs[job.number] = job
        if (found := self._dispatcher.flight_of(job.number)) is not None:
            lane, flight = found
            lane.grown(flight, job.document.size_bytes, whole=whole)

    async def _complete(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        arrival = self._arrivals.get(number)
        if arrival is None:
            return await self._completed(number, upload, digest)
        async with arrival.turn:
            if self._arrivals.get(number) is not arrival:
                return await self._completed(number, upload, digest)
            return await self._make_whole(number, upload, digest)

    async def _completed(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        """Return a job that was completed before, with the same document."""
        job = await self._dispatcher.store.get_job(number)
        known = job.document
        if not known.digest or known.size_bytes != upload.size_bytes or digest not in (b"", known.digest):
            raise UploadNotFound(f"job {number} has another document, or none", job=number)
        return job

    async def _make_whole(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        # Memory first: what is written of the job meanwhile must not take back that it has its document.
        self._has_document(number, True)
        try:
            stored = await self._dispatcher.store.complete_upload(number, upload, digest)
        except FabricError as error:
            self._has_document(number, False)
            if isinstance(error, DigestMismatch):
                self.interrupt(number, f"its document is not the one that was announced: {error.message}")
            raise
        self._forget(number)
        job = self._dispatcher.book.jobs.get(number)
        if job is None:
            return stored
        whole = job.document._replace(size_bytes=stored.document.size_bytes, digest=stored.document.digest)
        job = replace(job, document=whole, revision=job.revision + 1)
        self._now_is(job, whole=True)
        self._dispatcher.hub.job(job)
        return job

    def _has_document(self, number: int, has: bool) -> None:
        job = self._dispatcher.book.jobs.get(number)
        if job is not None:
            self._dispatcher.book.jobs[number] = replace(job, has_document=has)

    # --- who waits for whom

    def _watch(self, number: int) -> None:
        upload_id, now = self._dispatcher.incoming.get(number), asyncio.get_running_loop().time()
        if upload_id is not None and number not in self._arrivals:
            self._arrivals[number] = arrival = _Arrival(upload_id, now)
            self._numbers[upload_id] = number
            self._wait(number, arrival, self._patience_s)

    def _wait(self, number: int, arrival: _Arrival, seconds: float) -> None:
        arrival.timer = asyncio.get_running_loop().call_later(seconds, self._look, number, arrival)

    def _look(self, number: int, arrival: _Arrival) -> None:
        """Lose patience with a sender that is silent, or wait on."""
        job = self._dispatcher.book.jobs.get(number)
        if job is None or self._arrivals.get(number) is not arrival:
            return
        held = job.state is JobState.PENDING_HELD
        patience_s = HELD_PATIENCE_S if held else self._patience_s
        left_s = arrival.heard_at + patience_s - asyncio.get_running_loop().time()
        if left_s <= 0:
            self.interrupt(number, f"nothing more of its document came for {span_words(patience_s)}")
        self._wait(number, arrival, min(left_s, self._patience_s) if left_s > 0 else self._patience_s)

    def _forget(self, number: int) -> bytes | None:
        arrival = self._arrivals.pop(number, None)
        if arrival is not None:
            del self._numbers[arrival.upload_id]
            if arrival.timer is not None:
                arrival.timer.cancel()
        return self._dispatcher.incoming.pop(number, None)

    def _ended(self, job: Job) -> None:
        """A job has ended before its document was whole: what came of that is of no use."""
        if upload_id := self._forget(job.number):
            self._dispatcher.tasks.spawn(f"abandon {job.number}", self._abandon(upload_id))

    async def _abandon(self, upload_id: bytes) -> None:
        try:
            await self._dispatcher.store.abandon_upload(upload_id)
        except FabricError as error:  # it goes when it has been idle for long enough
            log.warning("an upload cannot be abandoned", upload=upload_id.hex(), error=str(error))


def _with_size(job: Job, size_bytes: int) -> Job:
    return replace(job, document=job.document._replace(size_bytes=size_bytes))
