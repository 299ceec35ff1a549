"""Half a document that lies in a printer when the next one is to begin: what closes it, and who hears of it.

The host tells which document it was and how far it got. What closes it is found by reading that document up to there; it
goes before the next one and is no part of either. Where nobody knows, the rule for doubt of the next job's printer decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chassis.errors import DocumentLost, FabricError, JobNotFound, Verdict
from spooler.aftermath import unit_range
from spooler.flight import Flight
from spooler.job import HistoryEvent, Job, event_of
from spooler.ledger import UnitKind, UnitSpan
from spooler.port import UNFINISHED, Closing, DocumentKey
from spooler.printer import OnUncertain, PortName
from spooler.store import Changes, Store
from spooler.unit_scan import Standing, UnitScan

CLOSED, BEHIND = "half-closed", "began-behind-half"  # in the history of the half job; of the next one
MOST_BYTES = 1 << 20  # of a closing, which a host takes


class HalfInPrinter(FabricError):
    """Nobody knows what closes the half document in the printer: the next one is not begun before a person looked."""

    reason, win32, code, verdict = UNFINISHED, 170, "ABORTED", Verdict.STOP_PORT


class Half(NamedTuple):
    """What a host said of the half document: the printer has got between `start` and `end` bytes of it."""

    key: DocumentKey
    start: int
    end: int
    on_a_pipe: bool  # else over a connection of its own, which has ended

    @classmethod
    def of(cls, error: FabricError) -> Half:
        """Return what a host's refusal says."""
        said = error.metadata
        accepted, end = int(said["accepted"]), int(said["uncertain_end"])
        start = int(said["uncertain_start"]) if end else accepted
        key = DocumentKey(bytes.fromhex(said["document_uid"]), int(said["attempt"]))
        return cls(key, start, max(accepted, end), said["pipe"] == "true")

    def may_be_none_or_all(self, job: Job | None) -> bool:
        """Tell whether what is known of it does not rule out that nothing of the document came out, or all of it."""
        return not self.start or (job is not None and self.end >= job.document.size_bytes)


class Unfinished:
    """Finds closings. `rule_of` tells the rule for doubt of a job's printer."""

    def __init__(self, store: Store, rule_of: Callable[[Job], OnUncertain]) -> None:
        self._store, self._rule_of = store, rule_of
        self._units = UnitScan(store)

    async def closing(self, port: PortName, half: Half, job: Job, flight: Flight, *, left: bool) -> Closing:
        """Return what goes before a job that begins behind half of another; what is worth it is durably told to both.

        `left`: a person has looked, and wants it left as it is.

        Raises:
            HalfInPrinter: only a person can say.
        """
        other = await self._job_of(half)
        if other is not None and other.uid == job.uid and await self._continues(job, flight):
            return Closing(half.key)
        standing = await self._standing(other, half)
        if standing is not None and standing.between:
            return Closing(half.key)
        whose = f"half of {_name(other, standing)}"
        if standing is not None and standing.close is not None and len(standing.close.data) <= MOST_BYTES:
            became = "was thrown away there" if standing.close.drops else "came out as far as it got"
            lay = "lay" if half.start == half.end else "may have lain"
            words = f"{whose} {lay} in the printer on {port}; it {became} before this"
            await self._tell(port, job, words, other, f"{became} before job {job.number} on {port}")
            data = standing.close.data
            if flight.before.starts_with(data):  # what goes before a unit that is printed anew closes it too
                data = b""
            return Closing(half.key, data, words)
        if half.on_a_pipe and not left and self._rule_of(job) is OnUncertain.HOLD:
            lies = "may lie" if half.may_be_none_or_all(other) else "lies"
            text = f"{whose} {lies} in the printer on {port}, and nobody knows what closes it: clear the printer, then resume the port"
            raise HalfInPrinter(text, port=port)
        words = f"{whose} may lie in the printer on {port}: the first sheet may carry it"
        await self._tell(port, job, words, other, f"its half may be on the first sheet of job {job.number}")
        return Closing(half.key, words=words)

    async def _job_of(self, half: Half) -> Job | None:
        try:
            return await self._store.get_job_by_uid(half.key.uid)
        except JobNotFound:
            return None

    async def _standing(self, job: Job | None, half: Half) -> Standing | None:
        if job is None or not job.has_document:
            return None
        try:
            return await self._units.standing(job, half.start, half.end)
        except DocumentLost:
            return None

    async def _continues(self, job: Job, flight: Flight) -> bool:
        """Tell whether a job goes on amid a unit: somebody has named the byte, and nothing goes before it."""
        offset = flight.info.resume_offset
        return bool(offset) and not (await self._units.standing(job, offset, offset)).between

    async def _tell(self, port: PortName, job: Job, words: str, other: Job | None, became: str) -> None:
        history = [event_of(job, BEHIND, "spooler", words, at=job)]
        if other is not None and other.uid != job.uid:
            history.append(HistoryEvent(CLOSED, "spooler", became, other.number, other.printer, port=port))
        await self._store.record(Changes(history=history))


def _name(job: Job | None, standing: Standing | None) -> str:
    if job is None:
        return "a document of another fabric, or of a job that is forgotten,"
    if standing is None or standing.kind is UnitKind.DOCUMENT:
        return f"job {job.number}"
    return f"{unit_range(standing.kind, UnitSpan(standing.unit, standing.unit))} of job {job.number}"
