"""The fake spooler's PrintService."""

from __future__ import annotations

import hashlib

import grpc

from chassis import errors
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceServicer
from printfabric.types.v1 import job_pb2
from tests.unit.client.fake_memory import Memory, abort, fits


class FakePrintService(Memory, PrintServiceServicer):
    """Submissions, uploads and jobs."""

    def SubmitJob(self, request, context):
        self.enter("SubmitJob", context)
        try:
            job, duplicate = self.accept(request.request_id, request.spec, request.document)
        except errors.FabricError as error:
            abort(context, error)
        if self.faults.lost_answers:
            self.faults.lost_answers -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return pb.SubmitJobResponse(job=job, duplicate=duplicate)

    def SubmitJobs(self, request_iterator, context):
        self.enter("SubmitJobs", context)
        limit = self.faults.break_stream_after.pop(0) if self.faults.break_stream_after else None
        index = answered = 0
        for message in request_iterator:
            results = []
            for request in message.jobs:
                result = pb.SubmitResult(index=index, request_id=request.request_id)
                index += 1
                try:
                    self._reach_store()
                    job, result.duplicate = self.accept(request.request_id, request.spec, request.document)
                    result.job, result.job_uid = job.name, job.uid
                except errors.FabricError as error:
                    result.error.reason, result.error.message = error.reason, error.message
                    result.error.win32 = error.win32
                if limit is not None and answered >= limit:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
                answered += 1
                results.append(result)
            # The order of durability is not the order of sending.
            yield pb.SubmitJobsResponse(results=reversed(results))

    def _reach_store(self):
        if self.faults.store_away:
            self.faults.store_away -= 1
            raise errors.StoreUnavailable("the database does not answer")

    def UploadJob(self, request_iterator, context):
        self.enter("UploadJob", context)
        limit = self.faults.break_upload_after.pop(0) if self.faults.break_upload_after else None
        begin: pb.UploadBegin | None = None
        got, taken = bytearray(), 0
        for message in request_iterator:
            if message.HasField("begin"):
                begin = message.begin
                got = self.uploads.setdefault(begin.request_id, bytearray())
                self.upload_begins.append((message.offset, len(got)))
                if begin.spec.printer.removeprefix("printers/") not in self.printers:
                    abort(context, errors.PrinterNotFound(f"no printer {begin.spec.printer}"))
            assert begin is not None
            if message.offset > len(got):
                abort(context, errors.WrongOffset("bytes are missing", expected=len(got)))
            got[message.offset :] = message.data
            taken += len(message.data)
            if limit is not None and taken >= limit:
                del got[max(0, len(got) - self.faults.persist_less) :]
                context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
            if message.HasField("finish"):
                return self._finish_upload(begin, bytes(got), message.finish, context)
        return pb.UploadJobResponse(persisted_bytes=len(got))

    def _finish_upload(self, begin, content, finish, context):
        right = hashlib.sha256(content).digest() == finish.digest and len(content) == finish.size_bytes
        if not right:
            self.uploads.pop(begin.request_id, None)
            abort(context, errors.DigestMismatch("the document is not the one announced"))
        try:
            job, duplicate = self.accept(begin.request_id, begin.spec, content)
        except errors.FabricError as error:
            abort(context, error)
        if self.faults.lost_answers:
            self.faults.lost_answers -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return pb.UploadJobResponse(job=job, duplicate=duplicate, persisted_bytes=len(content))

    def GetUpload(self, request, context):
        self.enter("GetUpload", context)
        if request.request_id in self.bodies:
            return pb.GetUploadResponse(job=self.jobs[self.bodies[request.request_id][1]])
        return pb.GetUploadResponse(persisted_bytes=len(self.uploads.get(request.request_id, b"")))

    def GetJob(self, request, context):
        self.enter("GetJob", context)
        return pb.GetJobResponse(job=self.job(request.name, context))

    def ListJobs(self, request, context):
        self.enter("ListJobs", context)
        rising = request.order == pb.JOB_ORDER_OLDEST_FIRST
        every = [job for _, job in sorted(self.jobs.items(), reverse=not rising) if fits(job, request.filter)]
        size = self.faults.page_size or request.page_size or 100
        start = int(request.page_token or 0)
        more = start + size < len(every)
        return pb.ListJobsResponse(
            jobs=every[start : start + size], next_page_token=str(start + size) if more else ""
        )

    def CancelJob(self, request, context):
        return pb.CancelJobResponse(
            job=self.become("CancelJob", request, context, job_pb2.JOB_STATE_CANCELED)
        )

    def HoldJob(self, request, context):
        job = self.job(request.name, context)
        if job.state == job_pb2.JOB_STATE_PROCESSING:
            abort(context, errors.WrongState(f"job {job.number} is printing", job=job.name))
        job.hold_reason = request.reason
        return pb.HoldJobResponse(
            job=self.become("HoldJob", request, context, job_pb2.JOB_STATE_PENDING_HELD)
        )

    def ReleaseJob(self, request, context):
        return pb.ReleaseJobResponse(
            job=self.become("ReleaseJob", request, context, job_pb2.JOB_STATE_PENDING)
        )

    def RestartJob(self, request, context):
        return pb.RestartJobResponse(
            job=self.become("RestartJob", request, context, job_pb2.JOB_STATE_PENDING)
        )

    def MoveJob(self, request, context):
        self.printer(request.printer, context)
        self.job(request.name, context).printer = request.printer
        return pb.MoveJobResponse(job=self.become("MoveJob", request, context, job_pb2.JOB_STATE_PENDING))

    def ResumeJob(self, request, context):
        return pb.ResumeJobResponse(job=self.become("ResumeJob", request, context, job_pb2.JOB_STATE_PENDING))

    def ResolveJob(self, request, context):
        self.decisions = list(request.decisions)
        return pb.ResolveJobResponse(
            job=self.become("ResolveJob", request, context, job_pb2.JOB_STATE_PENDING)
        )

    def ReprintUnits(self, request, context):
        self.reprints.append(request)
        return pb.ReprintUnitsResponse(job=self.job(request.name, context))

    def ListAttempts(self, request, context):
        self.enter("ListAttempts", context)
        return pb.ListAttemptsResponse(
            attempts=self.attempts.get(self.job(request.parent, context).number, [])
        )

    def ListJobEvents(self, request, context):
        self.enter("ListJobEvents", context)
        job = self.job(request.parent, context)
        return pb.ListJobEventsResponse(
            events=[
                pb.JobEvent(sequence=1, kind="accepted", actor="anna", text="accepted", time=job.create_time)
            ]
        )

    def ReadDocument(self, request, context):
        self.enter("ReadDocument", context)
        content = self.documents[self.job(request.name, context).number]
        end = request.offset + request.limit if request.limit else len(content)
        limit = self.faults.break_stream_after.pop(0) if self.faults.break_stream_after else None
        for sent, offset in enumerate(range(request.offset, end, 1000)):
            if sent == limit:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
            yield pb.ReadDocumentResponse(offset=offset, data=content[offset : min(end, offset + 1000)])
