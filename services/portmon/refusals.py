"""Answers for what does nothing: slices of documents that are not in progress, handles that are dead."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import errors
from chassis.errors import FabricError, InvalidHandle, StaleFence
from portmon.document import Phase, Progress, Slice
from portmon.journal import Journal

# Errors after which the next document would fare no better.
HOPELESS = (
    errors.ConnectionRefused, errors.DeviceFault, errors.DeviceNotConnected, errors.DeviceOffline,
    errors.Internal, errors.PortBusy, errors.SpoolFull,
)  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Says to the bearer of a handle that somebody newer has the port."""

    port: str
    fence: int

    def __call__(self) -> FabricError:
        """Return the error to raise."""
        return StaleFence(f"port {self.port} was taken over", port=self.port, fence=self.fence)


def never_given_out() -> FabricError:
    """Say that a handle is none."""
    return InvalidHandle("this handle was never given out, or long ago")
