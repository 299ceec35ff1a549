"""What the fake spooler remembers, and what it does wrong on purpose."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import NoReturn

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import errors
from chassis.status import grpc_code, status_from_error
from printfabric.spooler.v1 import port_service_pb2 as portpb
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as ppb
from printfabric.spooler.v1 import watch_service_pb2 as wpb
from printfabric.types.v1 import job_pb2, ledger_pb2, port_pb2

ENDED = {job_pb2.JOB_STATE_COMPLETED, job_pb2.JOB_STATE_ABORTED, job_pb2.JOB_STATE_CANCELED}


def abort(context: grpc.ServicerContext, error: errors.FabricError) -> NoReturn:
    """End the call with `error` as every service of the fabric does."""
    status = status_from_error(error)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc_code(error), error.message)
    raise AssertionError("context.abort raises")


@dataclass
class Faults:
    """What goes wrong. Each number counts down to 0."""

    unavailable: int = 0  # so many calls are answered UNAVAILABLE before anything is done
    lost_answers: int = 0  # so many submissions are committed and then answered UNAVAILABLE
    break_upload_after: list[int] = field(
        default_factory=list
    )  # one upload stream each breaks after so many bytes
    persist_less: int = 0  # of a broken upload so many of the last bytes are not durable
    break_stream_after: list[int] = field(
        default_factory=list
    )  # one SubmitJobs stream each breaks after so many answers
    store_away: int = 0  # so many jobs of SubmitJobs are refused one by one because the database is away
    break_watch_after: list[int] = field(default_factory=list)  # one Watch each breaks after so many messages
    forget_positions: bool = False  # `since` is gone: a gap and a snapshot follow
    refuse: errors.FabricError | None = None  # every call is refused so
    page_size: int = 0  # pages are never larger


class Memory:
    """Printers, jobs, ports and changes; what the services have in common."""

    def __init__(self, *printers: str) -> None:
        self.faults = Faults()
        self.calls: list[str] = []
        self.metadata: dict[str, str] = {}
        self.jobs: dict[int, job_pb2.Job] = {}
        self.documents: dict[int, bytes] = {}
        self.bodies: dict[str, tuple[bytes, int]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.upload_begins: list[tuple[int, int]] = []
        self.printers = {
            name: ppb.Printer(name=f"printers/{name}", state=ppb.PRINTER_STATE_IDLE, accepting=True)
            for name in printers
        }
        self.ports: dict[str, port_pb2.Port] = {}
        self.hosts: list[portpb.Host] = []
        self.mute_hosts = 0  # that many times no host answers what it is asked
        self.attempts: dict[int, list[job_pb2.Attempt]] = {}
        self.reprints: list[pb.ReprintUnitsRequest] = []
        self.explanation = wpb.ExplainResponse()
        self.changes: list[wpb.WatchResponse] = []
        self.changed = threading.Condition()
        self.stopping = False

    # --- what a test does to it

    def put(self, job: job_pb2.Job) -> None:
        """Make `job` the present state and tell the watchers."""
        kept = job_pb2.Job()
        kept.CopyFrom(job)
        with self.changed:
            self.jobs[job.number] = kept
            self.say(wpb.WatchResponse(jobs=[kept]))

    def finish(self, number: int, outcome: ledger_pb2.Outcome.ValueType = ledger_pb2.OUTCOME_PRINTED) -> None:
        job = job_pb2.Job()
        job.CopyFrom(self.jobs[number])
        job.state, job.outcome = job_pb2.JOB_STATE_COMPLETED, outcome
        offsets = job.ledger.offsets
        offsets.spooled = offsets.accepted = offsets.acked = job.size_bytes
        job.ledger.level = ledger_pb2.EVIDENCE_LEVEL_ACKED
        job.ledger.evidence.add(
            source=ledger_pb2.EVIDENCE_SOURCE_TCP_ACK, level=ledger_pb2.EVIDENCE_LEVEL_ACKED
        )
        self.put(job)

    # --- inside

    def enter(self, name: str, context: grpc.ServicerContext) -> None:
        self.calls.append(name)
        self.metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        if self.faults.unavailable:
            self.faults.unavailable -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the spooler restarts")
        if self.faults.refuse is not None:
            abort(context, self.faults.refuse)

    def accept(self, request_id: str, spec: pb.JobSpec, document: bytes) -> tuple[job_pb2.Job, bool]:
        name = spec.printer.removeprefix("printers/")
        if name not in self.printers:
            raise errors.PrinterNotFound(f"there is no printer {name}", printer=name)
        said = spec.SerializeToString(deterministic=True) + document
        with self.changed:
            if request_id in self.bodies:
                body, number = self.bodies[request_id]
                if body != said:
                    raise errors.RequestIdReused(f"{request_id} was another job", request_id=request_id)
                return self.jobs[number], True
            number = 4711 + len(self.jobs)
            job = job_pb2.Job(
                name=f"jobs/{number}", uid=number.to_bytes(16, "big"), number=number, printer=f"printers/{name}",
                document_name=spec.document_name, format=spec.format, size_bytes=len(document),
                digest=hashlib.sha256(document).digest(), copies=spec.copies or 1, priority=spec.priority or 50,
                state=job_pb2.JOB_STATE_PENDING_HELD if spec.hold else job_pb2.JOB_STATE_PENDING,
                outcome=ledger_pb2.OUTCOME_PENDING, request_id=request_id, user=spec.user, create_time=now(),
                attributes=spec.attributes,
            )  # fmt: skip
            job.ledger.offsets.spooled = len(document)
            self.jobs[number], self.documents[number] = job, document
            if request_id:
                self.bodies[request_id] = (said, number)
            self.say(wpb.WatchResponse(jobs=[job]))
            return job, False

    def say(self, change: wpb.WatchResponse) -> None:
        """Tell the watchers, at the next position."""
        kept = wpb.WatchResponse()
        kept.CopyFrom(change)
        with self.changed:
            kept.sequence = len(self.changes) + 1
            kept.position = str(kept.sequence)
            self.changes.append(kept)
            self.changed.notify_all()

    def become(self, call, request, context, state) -> job_pb2.Job:
        self.enter(call, context)
        job = self.job(request.name, context)
        job.state = state
        self.put(job)
        return job

    def job(self, name: str, context: grpc.ServicerContext) -> job_pb2.Job:
        number = name.removeprefix("jobs/")
        if not number.isdecimal() or int(number) not in self.jobs:
            abort(context, errors.JobNotFound(f"there is no job {number}", job=number))
        return self.jobs[int(number)]

    def printer(self, name: str, context: grpc.ServicerContext) -> ppb.Printer:
        short = name.removeprefix("printers/")
        if short not in self.printers:
            abort(context, errors.PrinterNotFound(f"there is no printer {short}", printer=short))
        return self.printers[short]

    def port(self, name: str, context: grpc.ServicerContext) -> port_pb2.Port:
        if name.casefold() not in self.ports:
            abort(context, errors.PortNotFound(f"there is no port {name}", port=name))
        return self.ports[name.casefold()]


def fits(job: job_pb2.Job, wanted: pb.JobFilter) -> bool:
    return (
        (not wanted.names or job.name in wanted.names)
        and (not wanted.printers or job.printer in wanted.printers)
        and (not wanted.states or job.state in wanted.states)
        and (not wanted.active_only or job.state not in ENDED)
        and (not wanted.request_id or job.request_id == wanted.request_id)
        and (not wanted.user or job.user == wanted.user)
    )


def now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(time.time_ns())
    return stamp
