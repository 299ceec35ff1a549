"""Documents brought to a host whole before they are begun, so that a cut of the network changes nothing on paper.

One at a time for each port, in the order in which they are sent; also while the port prints another one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence

from chassis import logs
from chassis.errors import DigestMismatch, DocumentLost, FabricError, StoreUnavailable, Verdict
from chassis.tasks import Tasks
from spooler.flight import SMALL_BYTES, Flight, LaneOwner, put_prefix
from spooler.port import PortHost, StagedDocument, StagedPart
from spooler.printer import PortName, Prefetch

_PART_BYTES = 256 * 1024
log = logs.get(__name__)


def wanted(flight: Flight, near: bool) -> bool:
    """Whether a document is to be brought to its host first: not one that shall print while it comes in."""
    if flight.incoming:
        return False
    if flight.prefetch is Prefetch.AUTO:
        return not near and flight.size_bytes - flight.info.resume_offset > SMALL_BYTES
    return flight.prefetch is Prefetch.ALWAYS


class Prefetching:
    """What brings the documents of one lane.

    `done` is told of each that is there, or is to leave the ordinary way; `failed` of one that cannot be brought now.
    """

    def __init__(
        self,
        port: PortName,
        host: PortHost,
        owner: LaneOwner,
        done: Callable[[Flight], None],
        failed: Callable[[Flight, FabricError], None],
    ) -> None:
        self._port, self._host, self._owner = port, host, owner
        self._done, self._failed = done, failed
        self._task: asyncio.Task[None] | None = None
        self._flight: Flight | None = None

    def look(self, line: Sequence[Flight], tasks: Tasks) -> None:
        """Bring the first of these that is still to be brought, unless one is on its way."""
        if self._task is None or self._task.done():
            self._flight = next((flight for flight in line if flight.waits), None)
            if self._flight is not None:
                self._task = tasks.spawn(f"prefetch {self._flight.number}", self._bring(self._flight))

    def stop(self, flight: Flight | None = None) -> None:
        """Bring a flight no more, or none."""
        if self._task is not None and flight in (None, self._flight):
            self._task.cancel()
            self._task = None

    async def _bring(self, flight: Flight) -> None:
        try:
            try:
                await self._send(flight)
            except DigestMismatch:
                await self._send(flight)
        except FabricError as error:
            self._task = None
            self._not_brought(flight, error)
        else:
            self._task = None
            flight.staged = True
            self._done(flight)

    def _not_brought(self, flight: Flight, error: FabricError) -> None:
        log.info("document not brought", port=str(self._port), job=flight.number, reason=error.reason)
        if isinstance(error, DocumentLost) or flight.prefetch is Prefetch.ALWAYS:
            if isinstance(error, DigestMismatch):  # the disk's fault, not the document's
                error = StoreUnavailable(error.message, verdict=Verdict.RETRY)
            self._failed(flight, error)
            return
        flight.to_stage = False
        self._done(flight)

    async def _send(self, flight: Flight) -> None:
        """Send what the host does not have. Raises FabricError."""
        await put_prefix(flight, self._owner)
        document = StagedDocument(flight.key, flight.info, flight.way, flight.finishes, flight.expires_at)
        there, whole = 0, False
        if flight.size_bytes > SMALL_BYTES:
            there, whole = await self._host.stage(self._port.port, document, _none())
        if whole:
            return
        lost: list[FabricError] = []
        there, whole = await self._host.stage(self._port.port, document, self._parts(flight, there, lost))
        if lost:
            raise lost[0]
        if not whole:
            raise StoreUnavailable(
                f"the host has {there} of {flight.size_bytes} bytes of job {flight.number}",
                verdict=Verdict.RETRY,
            )

    async def _parts(self, flight: Flight, there: int, lost: list[FabricError]) -> AsyncIterator[StagedPart]:
        """Yield what is behind `there`, and the digest of all. Bytes that are gone end it, and go into `lost`."""
        at, digest = flight.info.resume_offset, hashlib.sha256()
        while at < flight.size_bytes:
            try:
                data = await self._read(flight, at)
            except FabricError as error:
                lost.append(error)
                return
            digest.update(data)
            if at + len(data) > there:
                yield StagedPart(at, data)
            at += len(data)
        yield StagedPart(at, digest=digest.digest())

    async def _read(self, flight: Flight, at: int) -> bytes:
        size = min(_PART_BYTES, flight.size_bytes - at)
        if flight.data is not None:
            return flight.data[at : at + size]
        data = await self._owner.document(flight.number, at, size)
        if not data:
            raise DocumentLost(f"job {flight.number}: the document ends early")
        return data


async def _none() -> AsyncIterator[StagedPart]:
    nothing: Sequence[StagedPart] = ()
    for part in nothing:
        yield part
