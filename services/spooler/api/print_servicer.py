"""PrintService: what clients call to print, and to see and steer their jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from chassis.errors import FabricError
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import print_service_pb2_grpc as pb_grpc
from spooler.api import rights
from spooler.api.convert import put_time
from spooler.api.convert_job import attempt_to_pb, event_to_pb, job_to_pb, masking, put_job
from spooler.api.convert_units import decisions_of, units_of
from spooler.api.inside import Inside
from spooler.api.job_finder import JobFinder
from spooler.api.job_update import changes_of
from spooler.api.looking import Looking, in_turn
from spooler.api.names import printer_of
from spooler.api.paging import number_in, page_size, token_of
from spooler.api.rights import Right
from spooler.api.submission import MAX_REQUEST_ID, Submission, caller, check_document, invalid, reason_of
from spooler.api.submit_stream import SubmitStream
from spooler.api.uploads import Uploads
from spooler.job import HistoryEvent, Job
from spooler.new_job import Duplicate
from spooler.reprinting import Asking
from spooler.store import Store
from spooler.turns import in_slices

PIECE_BYTES = 256 * 1024  # of a document that is read back
_EVENTS = 10_000  # of one job that are looked at


class PrintServicer(pb_grpc.PrintServiceServicer):
    """Submitting is `submission`'s, `submit_stream`'s and `uploads`'; the rest is looking and steering."""

    def __init__(
        self, store: Store, inside: Inside, submission: Submission, uploads: Uploads, looking: Looking
    ) -> None:
        self.looking = looking
        self._store = store
        self._dispatch = inside.dispatch
        self._steering = inside.steering
        self._submission = submission
        self._uploads = uploads
        self._finder = JobFinder(store, inside.dispatch)
        self._streams: set[SubmitStream] = set()
        self._draining = False

    # --- submitting

    async def SubmitJob(self, request: pb.SubmitJobRequest, _context: Any) -> pb.SubmitJobResponse:
        """See the contract."""
        who = caller()
        try:
            new = self._submission.small_job(request, who)
        except FabricError:
            twin = await self._submission.twin(request, who)
            if twin is None:
                raise
            return pb.SubmitJobResponse(job=job_to_pb(self._finder.now(twin)), duplicate=True)
        if request.validate_only:
            check_document(new)
            return pb.SubmitJobResponse()
        (result,) = await self._submission.accept((new,))
        if isinstance(result, FabricError):
            raise result
        answer = pb.SubmitJobResponse()
        if isinstance(result, Duplicate):
            answer.duplicate = True
            result = self._finder.now(result.job)
        put_job(answer.job, result)
        return answer

    async def SubmitJobs(
        self, requests: AsyncIterator[pb.SubmitJobsRequest], _context: Any
    ) -> AsyncIterator[pb.SubmitJobsResponse]:
        """See the contract."""
        stream = SubmitStream(self._submission, caller())
        self._streams.add(stream)
        if self._draining:  # it was on its way when the others were ended
            stream.stop()
        try:
            async with aclosing(stream.run(requests)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self._streams.discard(stream)

    async def drain(self) -> None:
        """End the streams of jobs, each when all that came is answered."""
        self._draining = True
        for stream in list(self._streams):
            stream.stop()

    async def UploadJob(
        self, requests: AsyncIterator[pb.UploadJobRequest], _context: Any
    ) -> pb.UploadJobResponse:
        """See the contract."""
        done = await self._uploads.receive(requests, caller())
        answer = pb.UploadJobResponse(persisted_bytes=done.persisted_bytes, duplicate=done.duplicate)
        if done.job is not None:
            put_job(answer.job, self._finder.now(done.job))
        return answer

    async def GetUpload(self, request: pb.GetUploadRequest, _context: Any) -> pb.GetUploadResponse:
        """See the contract."""
        _require(request.request_id, "request_id")
        known, forgotten_at = await self._uploads.look(request.request_id, caller())
        answer = pb.GetUploadResponse(persisted_bytes=known.persisted_bytes)
        if known.job is not None:
            put_job(answer.job, self._finder.now(known.job))
        if forgotten_at is not None:
            put_time(answer.expire_time, forgotten_at)
        return answer

    async def DeleteUpload(self, request: pb.DeleteUploadRequest, _context: Any) -> pb.DeleteUploadResponse:
        """See the contract."""
        _require(request.request_id, "request_id")
        who = caller()
        _known, kept_until = await self._uploads.look(request.request_id, who)
        done = HistoryEvent("upload-forgotten", who.owner, f"upload {request.request_id}")
        await self._uploads.forget(request.request_id, who, [done] if kept_until is not None else [])
        return pb.DeleteUploadResponse()

    # --- looking

    async def GetJob(self, request: pb.GetJobRequest, _context: Any) -> pb.GetJobResponse:
        """See the contract."""
        job = await self._steering.counted(await self._looked_up(request.name))
        return pb.GetJobResponse(job=job_to_pb(job, self._dispatch.jobs_ahead(job)))

    @in_turn
    async def ListJobs(self, request: pb.ListJobsRequest, _context: Any) -> pb.ListJobsResponse:
        """See the contract."""
        page = await self._finder.list(request)
        answer = pb.ListJobsResponse(next_page_token=page.next_token)
        put = masking(request.read_mask)
        async for jobs in in_slices(page.jobs):
            for job in jobs:
                put(answer.jobs.add(), job)
        return answer

    async def ListAttempts(self, request: pb.ListAttemptsRequest, _context: Any) -> pb.ListAttemptsResponse:
        """See the contract."""
        job = await self._steering.counted(await self._looked_up(request.parent, "parent"))
        size, behind = page_size(request.page_size), number_in(request.page_token)
        async with self.looking.turn():
            attempts = await self._store.attempts(job.number)
        rest = [attempt for attempt in attempts if attempt.number > behind]
        page = await self._steering.in_units(job, rest[:size])
        answer = pb.ListAttemptsResponse(attempts=[attempt_to_pb(attempt, job) for attempt in page])
        if len(rest) > size:
            answer.next_page_token = token_of(str(rest[size - 1].number))
        return answer

    @in_turn
    async def ListJobEvents(
        self, request: pb.ListJobEventsRequest, _context: Any
    ) -> pb.ListJobEventsResponse:
        """See the contract."""
        job = await self._finder.find(request.parent, "parent")
        size, behind = page_size(request.page_size), number_in(request.page_token)
        events = await self._store.history(job.number, limit=_EVENTS)
        page = events[behind : behind + size]
        answer = pb.ListJobEventsResponse(
            events=[event_to_pb(event, behind + place) for place, event in enumerate(page, start=1)]
        )
        if len(events) > behind + size:
            answer.next_page_token = token_of(str(behind + size))
        return answer

    async def ReadDocument(
        self, request: pb.ReadDocumentRequest, _context: Any
    ) -> AsyncIterator[pb.ReadDocumentResponse]:
        """See the contract."""
        job = await self._looked_up(request.name)
        rights.may_read(job)
        offset = request.offset
        end = (
            min(offset + request.limit, job.document.size_bytes) if request.limit else job.document.size_bytes
        )
        while offset < end:
            async with self.looking.turn():
                data = await self._store.read(job.number, offset, min(PIECE_BYTES, end - offset))
            if not data:
                return
            yield pb.ReadDocumentResponse(offset=offset, data=data)
            offset += len(data)

    async def _looked_up(self, name: str, field: str = "name") -> Job:
        """Return the job of a name, for who only looks."""
        async with self.looking.turn():
            return await self._finder.find(name, field)

    # --- steering

    async def UpdateJob(self, request: pb.UpdateJobRequest, _context: Any) -> pb.UpdateJobResponse:
        """See the contract."""
        job, who = await self._mine(request.job.name, "change it", field="job.name")
        changed = await self._steering.update(
            job.number, who, reason_of(request.reason), **changes_of(request)
        )
        return pb.UpdateJobResponse(job=job_to_pb(changed))

    async def CancelJob(self, request: pb.CancelJobRequest, _context: Any) -> pb.CancelJobResponse:
        """See the contract."""
        job, who = await self._mine(request.name, "cancel it")
        changed = await self._steering.cancel(job.number, who, reason_of(request.reason))
        return pb.CancelJobResponse(job=job_to_pb(changed))

    async def HoldJob(self, request: pb.HoldJobRequest, _context: Any) -> pb.HoldJobResponse:
        """See the contract."""
        job, who = await self._mine(request.name, "hold it")
        changed = await self._steering.hold(job.number, who, reason_of(request.reason))
        return pb.HoldJobResponse(job=job_to_pb(changed))

    async def ReleaseJob(self, request: pb.ReleaseJobRequest, _context: Any) -> pb.ReleaseJobResponse:
        """See the contract."""
        job, who = await self._mine(request.name, "release it")
        changed = await self._steering.release(job.number, who, reason_of(request.reason))
        return pb.ReleaseJobResponse(job=job_to_pb(changed))

    async def RestartJob(self, request: pb.RestartJobRequest, _context: Any) -> pb.RestartJobResponse:
        """See the contract."""
        job, who = await self._mine(request.name, "print it again")
        changed = await self._steering.restart(job.number, who, request.mark, reason_of(request.reason))
        return pb.RestartJobResponse(job=job_to_pb(changed))

    async def MoveJob(self, request: pb.MoveJobRequest, _context: Any) -> pb.MoveJobResponse:
        """See the contract."""
        job, who = await self._mine(request.name, "move it")
        printer = printer_of(request.printer, "printer")
        rights.require_on(printer, Right.PRINT, "print on")
        changed = await self._steering.move(job.number, printer, who, reason_of(request.reason))
        return pb.MoveJobResponse(job=job_to_pb(changed))

    async def ResumeJob(self, request: pb.ResumeJobRequest, _context: Any) -> pb.ResumeJobResponse:
        """See the contract."""
        if not request.HasField("position"):
            raise invalid("position", "is required: a unit or an offset")
        job, who = await self._mine(request.name, "resume it")
        how = request.mark, reason_of(request.reason)
        if request.WhichOneof("position") == "unit":
            changed = await self._steering.resume_at_unit(job.number, who, request.unit, *how)
            return pb.ResumeJobResponse(job=job_to_pb(changed))
        if request.offset > job.document.size_bytes:
            raise invalid("offset", f"is behind the document's {job.document.size_bytes} bytes")
        changed = await self._steering.resume(job.number, who, request.offset, *how)
        return pb.ResumeJobResponse(job=job_to_pb(changed))

    async def ResolveJob(self, request: pb.ResolveJobRequest, _context: Any) -> pb.ResolveJobResponse:
        """See the contract."""
        job, who = await self._mine(request.name, "decide about it")
        changed = await self._steering.resolve_units(
            job.number, who, decisions_of(request.decisions), reason_of(request.reason)
        )
        return pb.ResolveJobResponse(job=job_to_pb(changed))

    async def ReprintUnits(self, request: pb.ReprintUnitsRequest, _context: Any) -> pb.ReprintUnitsResponse:
        """See the contract."""
        job, _who = await self._mine(request.name, "print units of it again")
        rights.require_on(job.printer, Right.PRINT, "print on")
        units = [units_of(one, f"units[{place}]") for place, one in enumerate(request.units)]
        _require(units, "units")
        if len(request.request_id) > MAX_REQUEST_ID:
            raise invalid("request_id", f"must be at most {MAX_REQUEST_ID} characters")
        asker = caller()
        asking = Asking(asker.owner, asker.client, request.request_id, reason_of(request.reason))
        made = await self._steering.reprint(job.number, asking, units, request.mark)
        return pb.ReprintUnitsResponse(job=job_to_pb(made))

    async def _mine(self, name: str, to: str, field: str = "name") -> tuple[Job, str]:
        """Return a job that the caller may steer, and who the caller is."""
        job = await self._finder.find_in_turn(name, self.looking, field)
        return job, rights.may_steer(job, to)


def _require(value: object, field: str) -> None:
    if not value:
        raise invalid(field, "is required")
