"""Between the contract's messages and this program's values; nothing else touches both."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from chassis.errors import FabricError, InvalidArgument, InvalidLevel, Verdict, known_errors
from chassis.win32 import win32_name
from portmon.document import (
    MOST_OFFSET,
    SAID_BY_PRINTER,
    Closing,
    Disposition,
    DocInfo,
    DocKey,
    Evidence,
    Phase,
    Progress,
)
from portmon.hold import Owner
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import error_pb2, ledger_pb2

_PHASES = {
    Phase.NEVER_SEEN: pb.DOCUMENT_PHASE_NEVER_SEEN,
    Phase.QUEUED: pb.DOCUMENT_PHASE_QUEUED,
    Phase.IN_PROGRESS: pb.DOCUMENT_PHASE_IN_PROGRESS,
    Phase.SENT: pb.DOCUMENT_PHASE_SENT,
    Phase.INTERRUPTED: pb.DOCUMENT_PHASE_ENDED,
    Phase.ENDED: pb.DOCUMENT_PHASE_ENDED,
    Phase.UNKNOWN: pb.DOCUMENT_PHASE_UNKNOWN,
}
_SOURCES = {
    Evidence.NONE: ledger_pb2.EVIDENCE_SOURCE_JOURNAL,
    Evidence.DRIVER_WRITE: ledger_pb2.EVIDENCE_SOURCE_DRIVER_WRITE,
    Evidence.TCP_ACK: ledger_pb2.EVIDENCE_SOURCE_TCP_ACK,
    Evidence.TCP_CLOSE: ledger_pb2.EVIDENCE_SOURCE_TCP_ACK,
    Evidence.OUTPUT_QUEUE: ledger_pb2.EVIDENCE_SOURCE_OUTPUT_QUEUE,
    Evidence.DEVICE_WRITE: ledger_pb2.EVIDENCE_SOURCE_USBLP,
    Evidence.PIPE_READ: ledger_pb2.EVIDENCE_SOURCE_OUTPUT_QUEUE,
    Evidence.FILE_SYNC: ledger_pb2.EVIDENCE_SOURCE_FILE_SYNC,
    Evidence.PJL: ledger_pb2.EVIDENCE_SOURCE_PJL,
    Evidence.ESCPOS: ledger_pb2.EVIDENCE_SOURCE_ESCPOS,
    Evidence.ESCPOS_ANSWERED: ledger_pb2.EVIDENCE_SOURCE_ESCPOS,
    Evidence.ZPL: ledger_pb2.EVIDENCE_SOURCE_ZPL,
    Evidence.ZPL_ANSWERED: ledger_pb2.EVIDENCE_SOURCE_ZPL,
    Evidence.LPD: ledger_pb2.EVIDENCE_SOURCE_LPD,
    Evidence.IPP_TAKEN: ledger_pb2.EVIDENCE_SOURCE_IPP,
    Evidence.IPP_JOB: ledger_pb2.EVIDENCE_SOURCE_IPP,
    Evidence.NO_ANSWER: ledger_pb2.EVIDENCE_SOURCE_TIMEOUT,
    Evidence.NO_ANSWER_WRITTEN: ledger_pb2.EVIDENCE_SOURCE_TIMEOUT,
    Evidence.TCP_NO_CLOSE: ledger_pb2.EVIDENCE_SOURCE_TIMEOUT,
    Evidence.IPP_NO_END: ledger_pb2.EVIDENCE_SOURCE_TIMEOUT,
}
_LEVELS = {
    Evidence.NONE: ledger_pb2.EVIDENCE_LEVEL_NONE,
    Evidence.DRIVER_WRITE: ledger_pb2.EVIDENCE_LEVEL_ACCEPTED,
    Evidence.NO_ANSWER_WRITTEN: ledger_pb2.EVIDENCE_LEVEL_ACCEPTED,
    **dict.fromkeys(SAID_BY_PRINTER, ledger_pb2.EVIDENCE_LEVEL_CONFIRMED),
}
_DISPOSITIONS = {
    pb.DISPOSITION_UNSPECIFIED: Disposition.COMPLETE,
    pb.DISPOSITION_COMPLETE: Disposition.COMPLETE,
    pb.DISPOSITION_ABORT: Disposition.ABORT,
    pb.DISPOSITION_RESTART: Disposition.RESTART,
    pb.DISPOSITION_WITHDRAW: Disposition.WITHDRAW,
}
_MOST_FABRIC_ID = 128
# The journal keeps the code of a failure; this is the class it came from, where a code has one of its own.
_BY_CODE = {
    kind.win32: kind
    for kind in known_errors().values()
    if kind.reason
    in {
        "JOB_CANCELED", "DEVICE_FAULT", "DEVICE_NOT_CONNECTED", "DEVICE_OFFLINE", "WRITE_TIMEOUT", "LEASE_EXPIRED",
        "OUT_OF_PAPER", "CONNECTION_REFUSED", "SPOOL_FULL",
    }
}  # fmt: skip

MOST_CLOSING_BYTES = 1 << 20
_MOST_PREFIX_BYTES = 2 << 20


def key_from(message: ledger_pb2.DocumentKey) -> DocKey:
    """Return a document's key.

    Raises:
        InvalidArgument: the uid has not 16 bytes, or the attempt is 0.
    """
    uid, attempt = message.job_uid, message.attempt
    if len(uid) != 16 or not attempt:
        raise InvalidArgument(
            "a document is named by a job uid of 16 bytes and an attempt from 1",
            fields=[("document", "needs job_uid (16 bytes) and attempt (1 or more)")],
        )
    return DocKey(uid, attempt)


def prefix_from(start: pb.DocumentStart) -> bytes:
    """Return what goes before a document's payload. Raises InvalidArgument."""
    prefix = start.resume_prefix
    if len(prefix) > _MOST_PREFIX_BYTES:
        raise InvalidArgument(
            "a resume prefix has at most 2 MiB", fields=[("start.resume_prefix", "is too long")]
        )
    return prefix


def closing_from(start: pb.DocumentStart) -> Closing | None:
    """Return what closes half a document before this one.

    Raises:
        InvalidArgument: it names none, or is longer than a closing can be.
    """
    if not start.HasField("closing"):
        return None
    if len(start.closing.data) > MOST_CLOSING_BYTES:
        raise InvalidArgument("a closing has at most 1 MiB", fields=[("closing.data", "is too long")])
    return Closing(key_from(start.closing.document), start.closing.data)


def info_from(message: pb.DocumentInfo) -> DocInfo:
    """Return what a document brings with it.

    Raises:
        InvalidLevel: DOC_INFO has levels 1 and 2.
    """
    if message.level > 2:
        raise InvalidLevel(f"DOC_INFO level {message.level} does not exist", level=message.level)
    return DocInfo(
        message.printer,
        message.job_number,
        message.document_name,
        message.output_file,
        message.format,
        message.size_bytes if message.HasField("size_bytes") else None,
        message.user,
        message.copy or 1,
        message.channel,
    )


def check_offset(field: str, value: int) -> None:
    """Raise InvalidArgument for an offset that no document can have."""
    if value > MOST_OFFSET:
        raise InvalidArgument(f"{field} {value} is beyond any document", fields=[(field, "is out of range")])


def disposition_from(value: int) -> Disposition:
    """Return how a document ends.

    Raises:
        InvalidArgument: a value this version does not know.
    """
    found: Disposition | None = _DISPOSITIONS.get(value)  # type: ignore[call-overload]
    if found is None:
        raise InvalidArgument(f"disposition {value} does not exist", fields=[("disposition", "is unknown")])
    return found


def owner_from(message: pb.PortOwner) -> Owner:
    """Return who asks.

    Raises:
        InvalidArgument: without a fabric there is no right to anything.
    """
    if not message.fabric_id:
        raise InvalidArgument("the owner's fabric id is missing", fields=[("owner.fabric_id", "is required")])
    if len(message.fabric_id) > _MOST_FABRIC_ID:  # journals keep those of many fabrics in their headers
        wrong = f"has more than {_MOST_FABRIC_ID} characters"
        raise InvalidArgument(f"the owner's fabric id {wrong}", fields=[("owner.fabric_id", wrong)])
    return Owner(message.fabric_id, message.spooler_id)


def error_to_pb(error: FabricError) -> error_pb2.ErrorStatus:
    """Return an error as an item in a body."""
    return error_pb2.ErrorStatus(
        reason=error.reason,
        win32=error.win32,
        verdict=error_pb2.Verdict.Value(f"VERDICT_{error.verdict.name}"),
        message=error.message,
        metadata=error.metadata,
    )


def _journaled_error(progress: Progress) -> error_pb2.ErrorStatus:
    if progress.phase is Phase.INTERRUPTED:
        return error_pb2.ErrorStatus(
            reason="HOST_RESTARTED",
            win32=29,
            verdict=error_pb2.VERDICT_RETRY if progress.resumable else error_pb2.VERDICT_HOLD,
            message="the port monitor ended in the middle of the document",
        )
    kind = _BY_CODE.get(progress.win32)
    return error_pb2.ErrorStatus(
        reason=kind.reason if kind else "DEVICE_FAULT",
        win32=progress.win32,
        verdict=error_pb2.Verdict.Value(f"VERDICT_{(kind.verdict if kind else Verdict.RETRY).name}"),
        message=f"the document broke off with {win32_name(progress.win32)}",
    )


def progress_to_pb(progress: Progress, port: str = "") -> pb.DocumentProgress:
    """Return how far a document is, `port` where the answer is about several."""
    message = pb.DocumentProgress(
        port=port,
        phase=_PHASES[progress.phase],
        accepted=progress.accepted,
        acked=progress.acked,
        confirmed=progress.confirmed,
        uncertain_start=progress.uncertain_start,
        uncertain_end=progress.uncertain_end,
        resume_offset=progress.resume_offset,
        resumable=progress.resumable,
        staged=progress.staged,
    )
    message.document.job_uid, message.document.attempt = progress.key
    if progress.error is not None:
        message.error.CopyFrom(error_to_pb(progress.error))
    elif progress.win32 or progress.phase is Phase.INTERRUPTED:
        message.error.CopyFrom(_journaled_error(progress))
    if progress.phase is Phase.ENDED:
        message.level = _LEVELS.get(progress.evidence, ledger_pb2.EVIDENCE_LEVEL_ACKED)
        message.source = _SOURCES[progress.evidence]
        if progress.transport is not Evidence.NONE:
            message.transport = _SOURCES[progress.transport]
    return message


def seconds(value: float) -> Duration:
    """Return a duration."""
    found = Duration()
    found.FromNanoseconds(int(value * 1e9))
    return found
