"""Units of a job printed again, as a job of their own that says whose they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from chassis.errors import FabricError, InvalidArgument, RequestIdReused
from spooler.acts import because
from spooler.deciding import Deciding
from spooler.job import HistoryEvent, Job, Segment, event_of
from spooler.ledger import UnitSpan
from spooler.new_job import Duplicate, Inline, NewJob, Uploaded
from spooler.stretches import read_all
from spooler.unit_plan import MOST_PARTS, Part, edges_of
from spooler.units.prefix import Prefix, Stretch

REPRINT_OF = "reprint-of"  # the attribute that links the new job to the first: "jobs/4711"
REPRINT_UNITS = "reprint-units"  # "17-18, 20"
INLINE_BYTES = 1 << 20  # what is put together in memory


class Asking(NamedTuple):
    """Who asks for it, from where, under which idempotency key."""

    owner: str
    client: str
    request_id: str = ""
    reason: str = ""


class Reprinting(Deciding):
    """ReprintUnits."""

    async def reprint(
        self, number: int, asking: Asking, units: Sequence[UnitSpan], mark: bool = False
    ) -> Job:
        """Return the job that prints some units of a job again; the same request gets the same job.

        Raises:
            InvalidArgument: the document has no such units.
            WrongState: they cannot be printed by themselves.
            NotSupported: the language has no mark.
            DocumentLost, RequestIdReused, SpoolFull …: as they say.
        """
        job = self._book.jobs.get(number) or await self._store.get_job(number)
        attributes = {**job.attributes, REPRINT_OF: f"jobs/{number}", REPRINT_UNITS: _text(units)}
        twin = await self._twin(asking)
        if twin is not None:
            if {name: twin.attributes.get(name) for name in (REPRINT_OF, REPRINT_UNITS)} != {
                name: attributes[name] for name in (REPRINT_OF, REPRINT_UNITS)
            }:
                raise RequestIdReused(f"request id {asking.request_id} was used for another request")
            return twin
        self._check_printer(job.printer)
        self._check_document(job)
        segments = await self._stretches(job, units, mark)
        words = ", marked" if mark else ""
        if said := "; ".join(one.words for one in segments if one.words):
            words += f" ({said})"
        new = NewJob(
            job.printer,
            await self._document(job, segments),
            document_name=job.document.name,
            format=job.document.format,
            owner=asking.owner,
            user=job.sender.user,
            client=asking.client,
            request_id=asking.request_id,
            priority=job.priority,
            attributes=attributes,
            line=_line(job, asking, words),
        )
        (result,) = await self._dispatcher.submit([new])
        if isinstance(result, FabricError):
            raise result
        return result.job if isinstance(result, Duplicate) else result

    async def _twin(self, asking: Asking) -> Job | None:
        if not asking.request_id:
            return None
        found = await self._store.get_by_request_id(asking.owner, asking.request_id)
        return self._book.jobs.get(found.number, found) if found is not None else None

    async def _stretches(self, job: Job, units: Sequence[UnitSpan], mark: bool) -> list[Segment]:
        if len(units) > MOST_PARTS:
            raise InvalidArgument(f"at most {MOST_PARTS} ranges at once", fields=[("units", "too many")])
        wanted = {edge for one in units for edge in (one.first - 1, one.last)}
        ends = await self.units.ends(job, wanted)
        for one in units:
            if not 1 <= one.first <= one.last <= ends.total:
                why = f"job {job.number} has {ends.total} {ends.kind}{'s' if ends.total > 1 else ''}"
                raise InvalidArgument(f"{one.first} to {one.last}: {why}", fields=[("units", why)])
        if not mark:
            return await self._segments(job, ends, [Part(*one) for one in units])
        each = [
            number for one in units for number in range(one.first, min(one.last, one.first + MOST_PARTS) + 1)
        ]
        if len(each) > MOST_PARTS:
            raise InvalidArgument(
                f"at most {MOST_PARTS} units can be marked at once", fields=[("units", "too many")]
            )
        parts = [Part(number, number, marked=True) for number in each]
        return await self._segments(job, await self.units.ends(job, edges_of(parts)), parts)

    async def _document(self, job: Job, segments: Sequence[Segment]) -> Inline | Uploaded:
        parts = [part for one in segments for part in (*one.prefix.pieces(), Stretch(one.start, one.end))]
        if segments[-1].end < job.document.size_bytes:
            parts.append(await self.units.leaving(job, segments[-1].end))
        whole = Prefix.of(parts)
        pieces = read_all(job.number, whole.pieces(), self._store.read)
        if whole.size <= INLINE_BYTES:
            return Inline(b"".join([piece async for piece in pieces]))
        upload = await self._store.create_upload(job.sender.owner)
        offset = 0
        try:
            async for piece in pieces:
                offset = await self._store.append_upload(upload.id, offset, piece)
        except FabricError:
            await self._store.abandon_upload(upload.id)
            raise
        return Uploaded(upload.id, whole.size)


def _line(of: Job, asking: Asking, words: str) -> Callable[[Job], HistoryEvent]:
    """Return what the history of a job says when units of it are printed as another one."""

    def line(made: Job) -> HistoryEvent:
        what = f"units {made.attributes[REPRINT_UNITS]} as job {made.number}{words}"
        return event_of(of, "reprinted", asking.owner, because(what, asking.reason))

    return line


def _text(units: Sequence[UnitSpan]) -> str:
    return ", ".join(str(one.first) if one.first == one.last else f"{one.first}-{one.last}" for one in units)
