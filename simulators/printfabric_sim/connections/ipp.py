"""An IPP printer, RFC 8010 and 8011, without TLS: Print-Job, Create-Job with Send-Document, states that follow the paper."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from printfabric_sim.connections.connection import Reach
from printfabric_sim.connections.ipp_jobs import FORMATS, IppJob, JobState, printer_attributes
from printfabric_sim.connections.ipp_message import (
    IppError,
    Message,
    Tag,
    Value,
    decode,
    message_length,
)
from printfabric_sim.connections.ipp_rules import SEND_DOCUMENT, VERSION_NOT_SUPPORTED, fault_of
from printfabric_sim.connections.served_link import AFTER_THE_END, DialogueListener, ServedLink
from printfabric_sim.core import Core
from printfabric_sim.http_server import BadRequest, Request, serve_http
from printfabric_sim.inlet import Inlet
from printfabric_sim.record import UnitRecord
from printfabric_sim.unit import Unit

_KIND = "application/ipp"
_OK, _NOT_POSSIBLE, _NOT_FOUND = 0x0000, 0x0404, 0x0406
_FORMAT_UNKNOWN, _COMPRESSION_UNKNOWN, _NOT_SUPPORTED, _BUSY = 0x040A, 0x040F, 0x0501, 0x0507
_FINISHED = frozenset({JobState.CANCELED, JobState.ABORTED, JobState.COMPLETED})
_KEPT_JOBS = 500
# Names of groups of attributes that may be asked for; here each is all there is.
_OF_JOBS = frozenset({"all", "job-description", "job-status", "job-template"})
_OF_PRINTERS = frozenset({"all", "printer-description", "job-template"})


class _Question(Protocol):
    """Answers a question about states, `up_s` seconds after the start; untrue: as a liar would."""

    def __call__(self, message: Message, up_s: float, *, untrue: bool = False) -> Message: ...


class IppConnection(DialogueListener):
    """An IPP port; the printer is at ipp://host:port/ipp/print, and every other path leads there too."""

    kind = "ipp"
    reach = DialogueListener.reach | {Reach.ASKED}

    def __init__(
        self, core: Core, host: str = "127.0.0.1", port: int = 0, *, rcvbuf_bytes: int = 65536
    ) -> None:
        super().__init__(core, host, port, rcvbuf_bytes)
        self.jobs: dict[int, IppJob] = {}
        self._printing: dict[int, IppJob] = {}  # by inlet
        core.on_unit.append(self._unit_left)
        self._numbers = itertools.count(1)
        self._start = time.time()
        self._operations: dict[int, Callable[[Message], Message]] = {
            0x0004: self._validate,
            0x0005: self._create,
            0x0008: self._cancel,
        }
        self._questions: dict[int, _Question] = {
            0x0009: self._job_attributes,
            0x000A: self._jobs,
            0x000B: self._printer_attributes,
        }

    @property
    def uri(self) -> str:
        """The printer's URI."""
        return f"ipp://{self.place}/ipp/print"

    def address(self) -> dict[str, object]:
        """Return {"ipp": uri}."""
        return {"ipp": self.uri}

    async def converse(self, link: ServedLink) -> None:
        """Answer one connection's requests."""
        assert link.writer is not None

        async def respond(request: Request) -> tuple[int, str, bytes]:
            return await self._respond(link, request)

        await serve_http(link.reader, link.writer, link.take, respond, may_answer=link.may_speak)

    async def _respond(self, link: ServedLink, request: Request) -> tuple[int, str, bytes]:
        if "expect" in request.headers:  # to be answered before the body comes
            await link.may_speak()
        body = request.body()
        if request.method != "POST" or request.headers.get("content-type") != _KIND:
            await self._throw_away(link, body, "no IPP request")
            return 200, "text/plain", f"A simulated printer: {self.uri}\n".encode()
        data = bytearray()
        try:
            while (length := message_length(data)) == 0:
                data += await anext(body)
            message = decode(bytes(data[:length]))
        except (IppError, StopAsyncIteration) as error:
            await self._throw_away(link, _document(bytes(data), body), "no IPP message")
            raise BadRequest(f"no IPP message: {error}") from error
        document = _document(bytes(data[length:]), body)
        if link.finished:  # nobody hears the answer, so nothing is done
            await self._throw_away(link, document, AFTER_THE_END)
            raise ConnectionAbortedError("the printer has ended the connection")
        status, fault = fault_of(message)
        if not fault and message.code in self._questions:
            await self._throw_away(link, document, "this request has no document")
            return 200, _KIND, await self._told(link, message)
        answer = _answer(message, status, fault) if fault else await self._answer_to(link, message, document)
        refused = f"the request was refused with {answer.code:#06x}"
        why = "this request has no document" if answer.code == _OK else refused
        await self._throw_away(link, document, why)
        return 200, _KIND, answer.encode()

    async def _answer_to(self, link: ServedLink, message: Message, document: AsyncIterator[bytes]) -> Message:
        if message.code == 0x0002:
            return self._refused(message) or await self._print_job(link, message, document)
        if message.code == SEND_DOCUMENT:
            return await self._send_document(link, message, document)
        if message.code in self._operations:
            return self._operations[message.code](message)
        return _answer(message, _NOT_SUPPORTED)

    async def _told(self, link: ServedLink, message: Message) -> bytes:
        """Answer a question about states, through whatever faults of replies lie in wait.

        An answer that is not to come is silence until the client has enough: then raises ConnectionAbortedError.
        """
        ask, up_s = self._questions[message.code], time.time() - self._start
        true = ask(message, up_s).encode()
        told = self.core.watcher.replies(true, lambda _true: ask(message, up_s, untrue=True).encode())
        if not told:
            await link.throw_away("came behind a question that was not answered")
            raise ConnectionAbortedError("a question was not answered")
        if len(told) > 1:
            why = "a request has one answer"
            self.core.event("fault without effect", fault="status-twice", why=why)
        late_s, answer = told[0]
        if late_s > 0:
            await link.wait(late_s)
        return answer

    def _refused(self, message: Message) -> Message | None:
        if message.text("document-format", FORMATS[0]) not in FORMATS:
            return _answer(message, _FORMAT_UNKNOWN)
        if message.text("compression", "none") != "none":
            return _answer(message, _COMPRESSION_UNKNOWN)
        return None

    async def _print_job(self, link: ServedLink, message: Message, document: AsyncIterator[bytes]) -> Message:
        job = self._new_job(message)
        await self._take(link, job, document)
        return self._job_answer(message, job)

    async def _send_document(
        self, link: ServedLink, message: Message, document: AsyncIterator[bytes]
    ) -> Message:
        job = self._find(message)
        if job is None:
            return _answer(message, _NOT_FOUND)
        if job.inlet is not None:
            return _answer(message, _NOT_POSSIBLE)
        if (refusal := self._refused(message)) is not None:
            return refusal
        await self._take(link, job, document)
        return self._job_answer(message, job)

    async def _take(self, link: ServedLink, job: IppJob, document: AsyncIterator[bytes]) -> None:
        """Take a document as fast as the printer has room for it."""
        job.inlet = inlet = await link.open_inlet("ipp", job.name)
        inlet.on_done = lambda whole: self._finished(inlet, job, whole)
        self._printing[inlet.number] = job
        async for data in document:
            async for piece in link.pieces(inlet, data):
                self.core.feed(inlet, piece)
        link.end_inlet()

    def _finished(self, inlet: Inlet, job: IppJob, whole: bool) -> None:
        self._printing.pop(inlet.number, None)
        job.finish(whole)

    def _unit_left(self, _entry: UnitRecord, unit: Unit) -> None:
        # By inlet: a document may begin jobs of its own, as PJL does.
        if unit.spans and (job := self._printing.get(unit.spans[-1].inlet)) is not None:
            job.units += 1

    async def _throw_away(self, link: ServedLink, document: AsyncIterator[bytes], why: str) -> None:
        """Read what is left of a document, and tell it as lost."""
        inlet: Inlet | None = None
        async for piece in document:
            inlet = inlet or self.core.turn_away("ipp", link.peer, why)
            self.core.feed(inlet, piece)

    def _new_job(self, message: Message) -> IppJob:
        number = next(self._numbers)
        job = IppJob(
            number,
            message.text("job-name", f"job {number}"),
            message.text("requesting-user-name", "anonymous"),
            self.uri,
            time.time(),
        )
        self.jobs[number] = job
        for old in list(self.jobs)[: max(0, len(self.jobs) - _KEPT_JOBS)]:
            if self.jobs[old].state(self.core) in _FINISHED or self.jobs[old].inlet is None:
                del self.jobs[old]
        return job

    def _find(self, message: Message) -> IppJob | None:
        last = message.text("job-uri").rpartition("/")[2]
        return self.jobs.get(message.number("job-id") or (int(last) if last.isdigit() else 0))

    def _validate(self, message: Message) -> Message:
        return self._refused(message) or _answer(message, _OK)

    def _create(self, message: Message) -> Message:
        return self._refused(message) or self._job_answer(message, self._new_job(message))

    def _cancel(self, message: Message) -> Message:
        job = self._find(message)
        if job is None:
            return _answer(message, _NOT_FOUND)
        if job.state(self.core) in _FINISHED:
            return _answer(message, _NOT_POSSIBLE)
        job.canceled, job.ended = True, time.time()
        if job.inlet is not None:
            self.core.end(job.inlet, "canceled", drop=True)
        return _answer(message, _OK)

    def _job_attributes(self, message: Message, up_s: float, *, untrue: bool = False) -> Message:
        job = self._find(message)
        if job is None:
            return _answer(message, _NOT_FOUND)
        answer = _answer(message, _OK)
        told = job.attributes(self.core, self._start, up_s, untrue=untrue)
        answer.groups.append((Tag.JOB, message.requested(told, ("all",), _OF_JOBS)))
        return answer

    def _jobs(self, message: Message, up_s: float, *, untrue: bool = False) -> Message:
        completed = message.text("which-jobs", "not-completed") == "completed"
        user = message.text("requesting-user-name") if message.text("my-jobs") == "True" else None
        answer = _answer(message, _OK)
        limit = message.number("limit", len(self.jobs))
        for job in self.jobs.values():
            finished = job.told(self.core, untrue=untrue) in _FINISHED
            if finished == completed and user in (None, job.user) and limit > 0:
                told = job.attributes(self.core, self._start, up_s, untrue=untrue)
                answer.groups.append((Tag.JOB, message.requested(told, ("job-uri", "job-id"), _OF_JOBS)))
                limit -= 1
        return answer

    def _printer_attributes(self, message: Message, up_s: float, *, untrue: bool = False) -> Message:
        waiting = sum(job.state(self.core) not in _FINISHED for job in self.jobs.values())
        attributes = printer_attributes(self.core, self.uri, up_s, waiting, untrue=untrue)
        answer = _answer(message, _OK)
        answer.groups.append((Tag.PRINTER, message.requested(attributes, ("all",), _OF_PRINTERS)))
        return answer

    def _job_answer(self, message: Message, job: IppJob) -> Message:
        answer = _answer(message, _OK)
        answer.groups.append((Tag.JOB, job.attributes(self.core, self._start, time.time() - self._start)))
        return answer


async def _document(first: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a document whose beginning came with the request."""
    if first:
        yield first
    async for piece in body:
        yield piece


def _answer(message: Message, status: int, why: str = "") -> Message:
    operation = {
        "attributes-charset": [Value(Tag.CHARSET, "utf-8")],
        "attributes-natural-language": [Value(Tag.LANGUAGE, "en")],
    }
    if why:
        operation["status-message"] = [Value(Tag.TEXT, why)]
    version = (2, 0) if status == VERSION_NOT_SUPPORTED else message.version
    return Message(status, message.request_id, version, [(Tag.OPERATION, operation)])
