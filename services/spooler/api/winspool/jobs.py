"""Documents and jobs by Windows' names: StartDocPrinter, WritePrinter, EndDocPrinter, AddJob, ScheduleJob, SetJob, EnumJobs."""

from __future__ import annotations

from itertools import count
from typing import Any

from chassis.errors import InvalidArgument, InvalidHandle, InvalidLevel, JobNotFound, NotSupported
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1 import job_pb2
from spooler.api import rights
from spooler.api.inside import Inside
from spooler.api.print_servicer import PrintServicer
from spooler.api.submission import MAX_INLINE_BYTES
from spooler.api.winspool.arguments import Arguments, text_bytes
from spooler.api.winspool.handles import Handle, Handles, check_datatype
from spooler.api.winspool.printers import data_of
from spooler.turns import in_slices

_INFO_BYTES = {1: 104, 2: 152, 3: 12, 4: 160}
_PROCESSORS = ("", "winprint", "raw")
_NO_START, _NO_ADD = 3003, 3004
Answer = tuple[dict[str, Any], int]


class JobCalls:
    """The calls about documents and jobs."""

    def __init__(self, inside: Inside, handles: Handles, prints: PrintServicer) -> None:
        self._dispatch = inside.dispatch
        self._handles, self._prints = handles, prints
        self._numbers = count(1 << 40)  # of AddJob, apart from those of jobs

    # --- documents

    async def start_doc(self, given: Arguments) -> Answer:
        """StartDocPrinter: the handle is judged first, then the level, then the document."""
        handle = self._handles.printer(given)
        given.level(1)
        doc = given.record("doc")
        if doc.given("datatype"):
            check_datatype(doc.text("datatype"))
        if handle.document is not None:
            raise InvalidHandle("a document is being written with this handle")
        rights.require_on(handle.printer, rights.Right.PRINT, "print on")
        handle.document = {"name": doc.text("name"), "output_file": doc.text("output_file")}
        handle.data.clear()
        return {}, 0

    async def write(self, given: Arguments) -> Answer:
        """WritePrinter: into the document of StartDocPrinter, or into AddJob's."""
        handle = self._handles.printer(given)
        if handle.document is None and not handle.job:
            raise InvalidArgument("no document was started", win32=_NO_START)
        data = data_of(given)
        if len(handle.data) + len(data) > MAX_INLINE_BYTES:
            raise InvalidArgument("the document is too large for these calls: use UploadJob", win32=62)
        self._handles.make_room(handle, len(data))
        handle.data += data
        return {"written": len(data)}, 0

    async def end_doc(self, given: Arguments) -> Answer:
        """EndDocPrinter: the document becomes a job, durably. An empty one is no job."""
        handle = self._handles.printer(given)
        if handle.document is None:
            raise InvalidArgument("no document was started", win32=_NO_START)
        document, handle.document = handle.document, None
        return await self._submit(handle, document)

    async def _submit(self, handle: Handle, document: dict[str, str]) -> Answer:
        data = bytes(handle.data)
        handle.data.clear()
        if not data:
            return {"job": 0}, 0
        spec = pb.JobSpec(printer=f"printers/{handle.printer}", document_name=document["name"])
        spec.output_file = document["output_file"]
        answer = await self._prints.SubmitJob(pb.SubmitJobRequest(spec=spec, document=data), None)
        return {"job": answer.job.number}, 0

    async def add_job(self, given: Arguments) -> Answer:
        """AddJob: gives out a number; the document is written by WritePrinter, for files of ours are nobody's."""
        handle = self._handles.find(given)
        given.level(1)
        if not handle.printer or handle.job:
            raise InvalidHandle("this handle takes no job")
        rights.require_on(handle.printer, rights.Right.PRINT, "print on")
        handle.job = next(self._numbers)
        handle.data.clear()
        return {"job": handle.job}, 0

    async def schedule(self, given: Arguments) -> Answer:
        """ScheduleJob: what was written becomes a job; nothing written, nothing becomes of it."""
        handle = self._handles.find(given)
        if not handle.job or given.number("job") != handle.job:
            raise InvalidArgument("this job was not added by AddJob", win32=_NO_ADD)
        handle.job = 0
        return await self._submit(handle, {"name": "", "output_file": ""})

    # --- jobs

    async def set_job(self, given: Arguments) -> Answer:
        """SetJob: PAUSE 1, RESUME 2, CANCEL 3, RESTART 4, DELETE 5, RETAIN 8, RELEASE 9; the monitors' own words are not for callers."""
        handle = self._handles.printer(given)
        number, command = given.number("job"), given.number("command")
        info = given.record("info") if given.given("info") else given
        if info.given("print_processor") and info.text("print_processor").casefold() not in _PROCESSORS:
            raise InvalidArgument("there is no such print processor", win32=1798)
        if info.given("datatype"):
            check_datatype(info.text("datatype"))
        name = await self._job(handle, number)
        if command == 1:
            await self._prints.HoldJob(pb.HoldJobRequest(name=name), None)
        elif command == 2:
            await self._prints.ReleaseJob(pb.ReleaseJobRequest(name=name), None)
        elif command in (3, 5):
            await self._prints.CancelJob(pb.CancelJobRequest(name=name), None)
        elif command == 4:
            await self._prints.RestartJob(pb.RestartJobRequest(name=name), None)
        elif command in (8, 9):
            kept = pb.UpdateJobRequest(job=job_pb2.Job(name=name, retain=command == 8))
            kept.update_mask.paths.append("retain")
            await self._prints.UpdateJob(kept, None)
        elif command in (6, 7):
            raise NotSupported(
                "SENT_TO_PRINTER and LAST_PAGE_EJECTED are the monitors' words", command=command
            )
        elif command:
            raise InvalidArgument(f"SetJob has no command {command}", fields=[("command", "is unknown")])
        return {}, 0

    async def _job(self, handle: Handle, number: int) -> str:
        """Return the resource name of a printer's job. Raises InvalidArgument (87), as Windows does."""
        try:
            job = (await self._prints.GetJob(pb.GetJobRequest(name=f"jobs/{number}"), None)).job
        except JobNotFound as error:
            raise InvalidArgument(f"there is no job {number}", job=number) from error
        if job.printer != f"printers/{handle.printer}":
            raise InvalidArgument(f"job {number} is another printer's", job=number)
        return str(job.name)

    async def enum_jobs(self, given: Arguments) -> Answer:
        """EnumJobs."""
        handle = self._handles.printer(given)
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        level = given.number("level", 1)
        if level not in _INFO_BYTES:
            raise InvalidLevel(f"JOB_INFO level {level} does not exist", level=level)
        queue = self._dispatch.book.queue(handle.printer)
        numbers = queue.jobs.some(max(0, given.number("first")), max(0, given.number("count", 1000)))
        live, rows, needed = self._dispatch.book.jobs, list[dict[str, Any]](), 0
        async for some in in_slices(numbers):
            for job in map(live.get, some):
                if job is not None:
                    row = {"job": job.number, "document": job.document.name, "user": job.sender.owner}
                    needed += _INFO_BYTES[level] + text_bytes(job.document.name, job.sender.owner)
                    rows.append(row)
        return {"jobs": rows, "returned": len(rows)}, given.fit(needed)
