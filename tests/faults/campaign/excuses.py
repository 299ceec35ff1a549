"""What a printer lost by itself, where nobody could be told: for so many sheets of a unit a job is not to blame.

Two things must come together. The host could not have known: by its journal, an attempt that it took for ended well
had carried the unit, and the printer's record shows a loss behind that. And the printer did destroy this very unit: its
record names the bytes; or they lay unread in its transport's buffers, of which each loss holds no more than they do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from portmon.document import SAID_BY_PRINTER
from printfabric.types.v1.job_pb2 import Job
from printfabric.types.v1.ledger_pb2 import EvidenceLevel
from tests.faults.campaign.journals import Try
from tests.faults.campaign.papers import serial
from tests.faults.campaign.printers import Loss, Stand
from tests.faults.campaign.tale import Tale

NOTHING_LOST = "Nothing is lost."
TCP_ACK, TCP_NO_CLOSE = 2, 16  # portmon.document.Evidence
# With these a printer closes a connection as if it had taken all of it.
POLITE = ("fin", "accepted and closed")
SLACK_S = 0.1  # between the printer's clock for a fault and the moment the host could have seen it


class Excuses:
    """The losses of a queue's printers, up to a moment; what lay unread is excused once."""

    def __init__(
        self, stands: Sequence[Stand], tries: Mapping[bytes, Sequence[Try]], before: float = math.inf
    ) -> None:
        self._stands = {stand.port.casefold(): stand for stand in stands}
        self._tries, self._before = tries, before
        self._losses: dict[str, list[Loss]] = {port: one.losses() for port, one in self._stands.items()}
        self._gone = [gone for stand in stands for gone in stand.gone() if gone.at <= before]
        self._noisy = Counter(gone.name for gone in self._gone if gone.damaged)
        self._unread = {
            port: sum(loss.unread for loss in losses if loss.at <= before)
            for port, losses in self._losses.items()
        }

    def until(self, moment: float) -> Excuses:
        """Return those that held at a moment."""
        return Excuses(list(self._stands.values()), self._tries, moment)

    def covers(self, job: Job, tale: Tale, unit: int, missing: int) -> bool:
        """Whether so many sheets of a unit were lost by printers, and nobody could be told.

        Never what the printer itself has confirmed, but for what its line had damaged before.
        """
        name, copies = serial(tale.plan.number, unit), tale.plan.copies
        if self.damaged(tale, unit, missing):
            return True
        confirmed = job.ledger.level == EvidenceLevel.EVIDENCE_LEVEL_CONFIRMED
        if self._before == math.inf and copies == 1 and confirmed:
            return False
        blind = [
            one
            for one in self._carriers(job, tale, unit)
            if one.port.casefold() in self._stands
            and self._lost_silently(one)
            and (copies == 1 or one.evidence not in SAID_BY_PRINTER)
        ]
        if len(blind) < missing:
            return False
        since = min(one.started for one in blind) - SLACK_S
        known = sum(gone.name == name and gone.at >= since for gone in self._gone)
        return known >= missing or self._lay_unread(blind, tale, unit, missing - known)

    def damaged(self, tale: Tale, unit: int, missing: int) -> bool:
        """Whether a line had damaged so many sheets of a unit before they came to their printer."""
        return self._noisy[serial(tale.plan.number, unit)] >= missing

    def denied(self, tale: Tale, unit: int, missing: int, loss: str) -> bool:
        """Whether explain's `loss` was that nothing is lost while a unit was missing: a printer's loss is no excuse."""
        return loss == NOTHING_LOST and missing > 0 and not self.damaged(tale, unit, missing)

    def went_between_documents(self, port: str, at: float) -> bool:
        """Whether a line that may hold bytes unread went when all attempts that it had carried had ended well."""
        gone = any(loss.unread and abs(loss.at - at) < SLACK_S for loss in self._losses[port.casefold()])
        tries = [
            one for each in self._tries.values() for one in each if one.port.casefold() == port.casefold()
        ]
        before = [one for one in tries if one.started < at]
        over = [one.ended is not None and not one.win32 and one.ended <= at + SLACK_S for one in before]
        return gone and bool(before) and all(over)

    def _carriers(self, job: Job, tale: Tale, unit: int) -> list[Try]:
        """Return the attempts that carried a unit to its end."""
        paper = tale.plan.paper()
        start, end = paper.ends[unit - 2] if unit > 1 else 0, paper.ends[unit - 1]
        tries = [one for one in self._tries.get(job.uid, ()) if one.started < self._before]
        # A pipe goes on in the middle of a unit; of a connection one attempt must have carried all of it.
        carried = [
            one
            for one in tries
            if (
                one.base < end and one.accepted > start
                if one.pipe
                else one.base <= start and one.accepted >= end
            )
        ]
        last_alone = tale.plan.copies == 1 and not (carried and carried[-1].pipe)
        return carried[-1:] if last_alone else carried

    def _lost_silently(self, one: Try) -> bool:
        losses = self._losses.get(one.port.casefold(), [])
        if one.pipe:  # a line has no way to tell of anything but that it is gone itself
            since = {loss: self._since(one, loss) for loss in losses}
            return any(loss.at >= at - SLACK_S for loss, at in since.items())
        if one.win32 or one.ended is None:
            return False
        # A connection that the printer closed itself proves more than one it only acknowledged.
        open_end = one.evidence in (TCP_ACK, TCP_NO_CLOSE)
        silent = {loss for loss in losses if loss.silent and (open_end or loss.what in POLITE)}
        return any(
            loss.at >= one.ended - SLACK_S or (loss in silent and loss.at >= one.started - SLACK_S)
            for loss in losses
        )

    def _gone_behind(self, one: Try) -> bool:
        """Tell whether the line itself went behind the end of an attempt."""
        losses = self._losses.get(one.port.casefold(), [])
        return any(loss.unread and loss.at >= self._since(one, loss) - SLACK_S for loss in losses)

    @staticmethod
    def _since(one: Try, loss: Loss) -> float:
        """Return from when on a loss at a line could not be told: a device that goes in a document is seen to."""
        if loss.what != "device-gone":
            return one.started
        return math.inf if one.ended is None or one.win32 else one.ended

    def _lay_unread(self, blind: Sequence[Try], tale: Tale, unit: int, missing: int) -> bool:
        """Take what is missing from the bytes that lay unread at one of the attempts' ports."""
        size = missing * len(tale.plan.paper().cores[unit - 1])
        for port in {one.port.casefold() for one in blind if not one.pipe or self._gone_behind(one)}:
            attempts = sum(one.port.casefold() == port for one in blind)
            stopped = self._stands[port].arrivals.stopped_before(tale.plan.number, unit, attempts)
            if stopped and self._unread[port] >= size:
                self._unread[port] -= size
                return True
        return False
