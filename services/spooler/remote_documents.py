"""Documents on their way to a host, and a host's words about them, as the wire has them."""

from __future__ import annotations

from chassis.errors import FabricError, RemoteError, Verdict, known_errors
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import error_pb2, ledger_pb2
from spooler.ledger import EvidenceLevel, EvidenceSource
from spooler.port import DocumentKey, Phase, Progress, Slice
from spooler.remote_staging import put_start

_LEVELS = {
    ledger_pb2.EVIDENCE_LEVEL_SPOOLED: EvidenceLevel.SPOOLED,
    ledger_pb2.EVIDENCE_LEVEL_ACCEPTED: EvidenceLevel.ACCEPTED,
    ledger_pb2.EVIDENCE_LEVEL_ACKED: EvidenceLevel.ACKED,
    ledger_pb2.EVIDENCE_LEVEL_CONFIRMED: EvidenceLevel.CONFIRMED,
}
_SOURCES = {
    number: EvidenceSource(name.removeprefix("EVIDENCE_SOURCE_").lower())
    for name, number in ledger_pb2.EvidenceSource.items()
    if number
}
_VERDICTS = {
    number: Verdict(name.removeprefix("VERDICT_").lower())
    for name, number in error_pb2.Verdict.items()
    if number
}
_PHASES = {
    number: Phase(name.removeprefix("DOCUMENT_PHASE_").lower())
    for name, number in pb.DocumentPhase.items()
    if number
}


def error_from_pb(error: error_pb2.ErrorStatus) -> FabricError:
    """Return the error an item of a message stands for."""
    cls = known_errors().get(error.reason, RemoteError)
    restored = cls.restored(
        error.message,
        win32=error.win32,
        verdict=_VERDICTS.get(error.verdict),
        fields=(),
        metadata=dict(error.metadata),
    )
    restored.reason = error.reason or restored.reason
    return restored


def progress_from_pb(news: pb.DocumentProgress) -> Progress:
    """Return a host's word about a document."""
    return Progress(
        key=DocumentKey(news.document.job_uid, news.document.attempt),
        phase=_PHASES.get(news.phase, Phase.UNKNOWN),
        accepted=news.accepted,
        acked=news.acked,
        confirmed=news.confirmed,
        uncertain_start=news.uncertain_start,
        uncertain_end=news.uncertain_end,
        level=_LEVELS.get(news.level, EvidenceLevel.NONE),
        source=_SOURCES.get(news.source),
        transport=_SOURCES.get(news.transport),
        error=error_from_pb(news.error) if news.HasField("error") else None,
        resume_offset=news.resume_offset,
        resumable=news.resumable,
        staged=news.staged,
    )


def key_to_pb(key: DocumentKey) -> ledger_pb2.DocumentKey:
    """Return a document's key for the wire."""
    return ledger_pb2.DocumentKey(job_uid=key.uid, attempt=key.attempt)


def slice_to_pb(piece: Slice, message: pb.DocumentSlice) -> None:
    """Put a slice into a message's own place for it: one that is made outside is copied there, with all its bytes."""
    message.document.job_uid, message.document.attempt = piece.key.uid, piece.key.attempt
    message.offset, message.data = piece.offset, piece.data
    if piece.start is not None:
        put_start(message.start, piece.start)
        message.start.staged = piece.staged
    if piece.end_size is not None:
        message.end.size_bytes = piece.end_size
