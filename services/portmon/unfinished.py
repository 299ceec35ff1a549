"""Half a document that lies in a device: nothing is printed behind it before it is closed, if the sender asks for that.

The host knows no units. It says which document it was and how far it got; who has the document knows what closes it.
"""

from __future__ import annotations

from chassis.errors import FabricError, PortBusy, Verdict
from portmon.document import DocKey, Progress, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import Port


class UnfinishedDocument(FabricError):
    """The device has half of another document: what is sent now would be printed behind it, or in the middle of it."""

    reason, win32, code, verdict = "UNFINISHED_DOCUMENT", 170, "ABORTED", Verdict.STOP_PORT


def refuse_behind(journal: Journal, broken: DocKey | None, name: str, piece: Slice) -> None:
    """See that a document that broke off is its spooler's business before another one begins. Raises PortBusy."""
    if broken and broken.uid != piece.key.uid and journal.awaits_settling(broken):
        text = f"document {piece.key} was not begun: {broken} broke off and is not settled"
        raise PortBusy(text, verdict=Verdict.RETRY, port=name, broken=broken)


def closing_of(journal: Journal, port: Port, name: str, piece: Slice) -> bytes:
    """Return what goes before a document that begins, so that the half one before it is closed; nothing was touched yet.

    Raises:
        UnfinishedDocument: there is one, and the sender wants to know, or goes on with it where it is in doubt by now.
    """
    half = journal.last.unfinished(journal.generation, journal.device) if port.runs_on else None
    if half is None or _goes_on(half, piece):
        return b""
    if piece.closing is not None and piece.closing.document == half.key:
        return piece.closing.data
    if not (piece.guarded or _claims_rest(half, piece)):
        return b""
    raise UnfinishedDocument(
        f"document {piece.key} was not begun: {half.key} lies unfinished in the device of port {name}",
        port=name,
        document_uid=half.key.uid.hex(),
        attempt=half.key.attempt,
        accepted=half.accepted,
        uncertain_start=half.uncertain_start,
        uncertain_end=half.uncertain_end,
        pipe=str(journal.last.is_on_a_pipe()).lower(),
    )


def _goes_on(half: Progress, piece: Slice) -> bool:
    """Tell whether a document is the rest of the half one."""
    return _claims_rest(half, piece) and not half.uncertain_end


def _claims_rest(half: Progress, piece: Slice) -> bool:
    """Tell whether a document begins where the half one was accepted to, as its sender was told while that was certain."""
    rest = piece.key.uid == half.key.uid and piece.resume_offset == half.accepted
    return rest and not piece.resume_prefix
