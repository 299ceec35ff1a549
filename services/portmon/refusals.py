"""Answers for what does nothing: slices of documents that are not in progress, handles that are dead."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import errors
from chassis.errors import FabricError, InvalidHandle, StaleFence
from portmon.document import Disposition, DocKey, Phase, Progress, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import Port

# Errors after which the next document would fare no better.
HOPELESS = (
    errors.ConnectionRefused, errors.DeviceFault, errors.DeviceNotConnected, errors.DeviceOffline,
    errors.Internal, errors.PortBusy, errors.SpoolFull,
)  # fmt: skip


def in_document(port: str, key: DocKey) -> FabricError:
    """Say that another document is in progress."""
    text = f"port {port} is in document {key}"
    return errors.PortInUse(text, verdict=errors.Verdict.RETRY, port=port, document=key)


def answers_amid(piece: Slice, key: DocKey | None, begun: bool) -> bool:
    """Tell whether a call is answered at once: it is not about the document in progress (`key`), or lets that go on.

    About one that is only being started nothing can be said yet.
    """
    return piece.key != key or (begun and piece.end is Disposition.WITHDRAW)


def not_begun(journal: Journal, key: DocKey) -> Progress:
    """Answer for a document that was taken back while it waited."""
    found = journal.known(key)
    if found.phase is Phase.NEVER_SEEN:
        found.error = errors.JobCanceled(f"document {key} was canceled", document=key)
    return found


def given_back(port: str, piece: Slice, failed: Progress) -> Progress:
    """Answer for what waited behind a failure: else a device that is away costs each a connect time-out."""
    if piece.key == failed.key:
        return failed
    error = failed.error
    if failed.phase is Phase.ENDED:
        text = f"document {piece.key} was not begun, since {failed.key} before it broke off"
        error = errors.PortBusy(text, verdict=errors.Verdict.RETRY, port=port, broken=failed.key)
    return Progress(piece.key, Phase.NEVER_SEEN, error=error)


def not_current(journal: Journal, port: str, piece: Slice) -> Progress:
    """Answer for a document that is not in progress: EndDocPort is harmless, WritePort is code 6.

    Bytes that the document has already are an overlap, which every restart brings. Of a document that broke off the
    answer is what broke it.
    """
    found = journal.known(piece.key)
    unseen = found.phase is Phase.NEVER_SEEN and (piece.end is None or piece.data)
    if unseen or (not found.win32 and found.phase is Phase.ENDED and is_past(found, piece)):
        found.error = not_in_progress(port, piece.key)
    return found


def not_in_progress(port: str, key: DocKey) -> FabricError:
    """Return the error of bytes for a document that is not in progress."""
    text = f"document {key} is not in progress at port {port}"
    return errors.WrongState(text, win32=6, verdict=errors.Verdict.RETRY, port=port, document=key)


def is_past(found: Progress, piece: Slice) -> bool:
    """Tell whether a slice has bytes that its document has not."""
    return bool(piece.data) and piece.offset + len(piece.data) > found.accepted


def left(journal: Journal, piece: Slice, error: FabricError, *, parks: bool) -> Progress:
    """Answer for a document that is not in progress: what the journal says, or that the next run goes on with it."""
    found, source = journal.known(piece.key, error), piece.source
    waits = found.phase in (Phase.NEVER_SEEN, Phase.INTERRUPTED)
    if parks and waits and source is not None and source.finishes:
        return Progress(piece.key, Phase.QUEUED, found.accepted, error=error, staged=True)
    return found


def goes_on_at(journal: Journal, port: Port, name: str, piece: Slice, at: int) -> int:
    """Return the payload byte at which a document goes on that another run of this process left in the middle.

    Raises:
        WrongState: nobody can prove it. WrongOffset: its sender would go on elsewhere.
    """
    known, exact = journal.progress(at), None
    if journal.recoverable(at):
        exact = port.recover(piece.key, known.accepted, max(known.accepted, known.uncertain_end))
    if exact is None:
        raise errors.WrongState(
            f"document {piece.key} was interrupted and cannot go on at port {name}",
            verdict=errors.Verdict.HOLD,
            port=name,
            document=piece.key,
            accepted=known.accepted,
            uncertain_end=known.uncertain_end,
        )
    if piece.resume_offset not in (exact, known.resume_offset):
        raise errors.WrongOffset(
            f"document {piece.key} goes on at {exact}", expected=exact, document=piece.key
        )
    return exact


class Canceled:
    """Documents that are not begun any more: the latest, since nobody says when one may be forgotten."""

    _KEPT = 4096

    def __init__(self) -> None:
        self._keys: dict[DocKey, bool] = {}  # whether it is stopped, too, should it have begun

    def __contains__(self, key: DocKey) -> bool:
        return key in self._keys

    def check(self, key: DocKey, *, begun: bool) -> None:
        """Raise JobCanceled if a document is not to go on: one that its device is only made ready for has not begun."""
        if self._keys.get(key, False) or (key in self._keys and not begun):
            raise errors.JobCanceled(f"document {key} was canceled", document=key)

    def add(self, key: DocKey, *, stops: bool) -> None:
        """Add one, and forget the oldest."""
        while len(self._keys) >= self._KEPT:
            self._keys.pop(next(iter(self._keys)))
        self._keys[key] = stops or self._keys.get(key, False)


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
