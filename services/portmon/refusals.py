"""Answers for slices that do nothing: their document was taken back, or is not the one in progress."""

from __future__ import annotations

from chassis import errors
from portmon.document import Phase, Progress, Slice
from portmon.journal import Journal


def not_begun(journal: Journal, piece: Slice) -> Progress:
    """Answer for a document that was taken back while it waited."""
    found = journal.known(piece.key)
    if found.phase is Phase.NEVER_SEEN:
        found.error = errors.JobCanceled(f"document {piece.key} was canceled", document=piece.key)
    return found


def not_current(journal: Journal, port: str, piece: Slice) -> Progress:
    """Answer for a document that is not in progress: EndDocPort is harmless, WritePort is code 6."""
    found = journal.known(piece.key)
    if found.phase is Phase.NEVER_SEEN and (piece.end is None or piece.data):
        text = f"document {piece.key} is not in progress at port {port}"
        found.error = errors.WrongState(
            text, win32=6, verdict=errors.Verdict.RETRY, port=port, document=piece.key
        )
    return found
