"""WatchService: what is going on, live, and why something is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from chassis.errors import PortNotFound
from printfabric.spooler.v1 import watch_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2_grpc as pb_grpc
from spooler.api.convert import put_ledger, put_time, table
from spooler.api.convert_port import STATUS_SOURCES
from spooler.api.half_words import with_halves
from spooler.api.inside import Inside
from spooler.api.job_finder import JobFinder
from spooler.api.look import Look
from spooler.api.looking import Looking, in_turn
from spooler.api.names import job_of, port_of, printer_of
from spooler.api.paging import number_in, page_size, token_of
from spooler.api.printer_verdicts import PrinterVerdicts
from spooler.api.submission import caller, invalid
from spooler.api.uploads import KEEP_IDLE, Uploads
from spooler.api.watch_stream import WatchStream
from spooler.explain.facts import Explanation, Fact, Held, UploadFacts, Verdict
from spooler.explain.jobs import explain_job, explain_upload
from spooler.explain.ports import explain_port
from spooler.job import HistoryEvent, Job
from spooler.job_state import JobState
from spooler.new_job import UploadNotFound
from spooler.store import Store
from spooler.unit_scan import UnitScan

VERDICTS = table(Verdict, pb.ExplainVerdict, "EXPLAIN_VERDICT_")
_HISTORY = 10_000
_HELD_LATELY = 50  # the newest lines in which the one who holds a job is looked for


class WatchServicer(pb_grpc.WatchServiceServicer):
    """Looking only; anybody known may."""

    def __init__(
        self,
        store: Store,
        inside: Inside,
        look: Look,
        uploads: Uploads,
        verdicts: PrinterVerdicts,
        looking: Looking,
    ) -> None:
        self.looking = looking
        self._verdicts = verdicts
        self._uploads = uploads
        self._store = store
        self._inside = inside
        self._look = look
        self._finder = JobFinder(store, inside.dispatch)
        self._units = UnitScan(store)

    async def Watch(self, request: pb.WatchRequest, _context: Any) -> AsyncIterator[pb.WatchResponse]:
        """See the contract."""
        await self._look.managed.look_up()
        stream = WatchStream(request, self._store, self._inside, self._look, self.looking)
        async with aclosing(stream.run()) as messages:
            async for message in messages:
                yield message

    async def Explain(self, request: pb.ExplainRequest, _context: Any) -> pb.ExplainResponse:
        """See the contract."""
        kind = request.name.partition("/")[0]
        if kind == "jobs" or request.name.isdecimal():
            async with self.looking.turn():
                found = await self._finder.find(request.name)
            job = await self._inside.steering.counted(found)
            async with self.looking.turn():
                held = await self._holder(job) if job.state is JobState.PENDING_HELD else None
                said = explain_job(self._look.job_facts(job, held))
                answer = _answer(await with_halves(said, job, self._store, self._units))
            put_ledger(answer.ledger, job.ledger, job.document.size_bytes, job.created_at)
            return answer
        if kind == "uploads":
            return await self._explain_upload(request.name.partition("/")[2])
        if kind == "printers":
            queue = self._inside.dispatch.book.queue(printer_of(request.name))
            return _answer(self._verdicts.of(queue))
        if "/" not in request.name:
            raise invalid(
                "name", "must be jobs/…, printers/…, uploads/… or hosts/…/ports/…", name=request.name
            )
        facts = self._look.port_facts(port_of(request.name))
        if not facts.known and not self._look.users_of(facts.name):
            raise PortNotFound(f"there is no port {facts.name}", port=facts.name)
        undecided, waiting = self._look.undecided_at(facts.name), self._look.waiting_for(facts.name)
        now, patience = datetime.now(UTC), self._look.patience
        return _answer(explain_port(facts, now, undecided, waiting, patience))

    async def _holder(self, job: Job) -> Held | None:
        """Return who holds a job, from its history."""
        events = await self._store.history(job.number, limit=_HELD_LATELY)
        held = [event for event in events if event.what in ("held", "accepted", "left-port")]
        return Held(held[-1].who, held[-1].at) if held else None

    async def _explain_upload(self, request_id: str) -> pb.ExplainResponse:
        known, forgotten_at = await self._uploads.look(request_id, caller())
        if known.job is not None:
            return await self.Explain(pb.ExplainRequest(name=f"jobs/{known.job.number}"), None)
        if forgotten_at is None:
            raise UploadNotFound(f"there is no upload {request_id}", request_id=request_id)
        return _answer(
            explain_upload(
                UploadFacts(request_id, known.persisted_bytes, forgotten_at - KEEP_IDLE, datetime.now(UTC))
            )
        )

    @in_turn
    async def ListHistory(self, request: pb.ListHistoryRequest, _context: Any) -> pb.ListHistoryResponse:
        """See the contract."""
        events = (await self._events(request.parent))[::-1]
        size, behind = page_size(request.page_size), number_in(request.page_token)
        answer = pb.ListHistoryResponse(entries=[_entry(event) for event in events[behind : behind + size]])
        if len(events) > behind + size:
            answer.next_page_token = token_of(str(behind + size))
        return answer

    async def _events(self, parent: str) -> list[HistoryEvent]:
        if parent == "-":
            return await self._store.history_by_people(_HISTORY)
        if parent.startswith("printers/"):
            name = printer_of(parent, "parent")
            self._inside.dispatch.book.queue(name)
            return await self._store.history(printer=name, limit=_HISTORY)
        if parent.startswith("jobs/"):
            return await self._events_of_job(parent)
        port = port_of(parent, "parent")
        events = await self._store.history(port=port, limit=_HISTORY)
        if not events and self._inside.hosts.port(port) is None:
            raise PortNotFound(f"there is no port {port}", port=port)
        return events

    async def _events_of_job(self, parent: str) -> list[HistoryEvent]:
        """Return the history of a job; of one that is forgotten, what people decided. Raises JobNotFound."""
        which = job_of(parent, "parent")
        number = which if isinstance(which, int) else (await self._finder.find(parent, "parent")).number
        events = await self._store.history(number, limit=_HISTORY)
        if not events:
            await self._finder.find(parent, "parent")
        return events


def _answer(explanation: Explanation) -> pb.ExplainResponse:
    answer = pb.ExplainResponse(headline=str(explanation.headline), loss=explanation.loss)
    answer.verdict = VERDICTS[explanation.verdict]  # type: ignore[assignment]
    for action in explanation.actions:
        answer.actions.add(title=action.title, method=action.method, command=action.command)
    now = datetime.now(UTC)
    for fact in explanation.facts:
        _put_fact(answer.facts.add(text=fact.text), fact, now)
    return answer


def _put_fact(message: pb.Fact, fact: Fact, now: datetime) -> None:
    message.source = STATUS_SOURCES[fact.source]  # type: ignore[assignment]
    put_time(message.time, fact.at)
    message.age.FromMilliseconds(max(int((now - fact.at).total_seconds() * 1000), 0))


def _entry(event: HistoryEvent) -> pb.HistoryEntry:
    entry = pb.HistoryEntry(kind=event.what, actor=event.who, text=event.detail)
    if event.job_number:
        entry.subject = entry.job = f"jobs/{event.job_number}"
    elif event.port is not None:
        entry.subject = f"hosts/{event.port.host}/ports/{event.port.port}"
    elif event.printer:
        entry.subject = f"printers/{event.printer}"
    if event.at is not None:
        put_time(entry.time, event.at)
    return entry
