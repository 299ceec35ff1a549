"""An alert has the first words of the sentence that command and console show: the same as long as the answer is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spooler.daily_window import Window
from spooler.explain.facts import (
    Failure,
    Holder,
    JobFacts,
    NotWritten,
    Patience,
    PortFacts,
    Report,
    Source,
    UploadFacts,
    Verdict,
)
from spooler.explain.jobs import explain_job, explain_printer, explain_upload
from spooler.explain.reported import LINE_ERRORS
from spooler.job import Document, Job, Sender
from spooler.job_state import JobState
from spooler.ledger import Ledger, Offsets, Outcome
from spooler.printer import Paused, PortName, Printer

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PORT = PortName("edge-7", "COM1:")
JOB = Job(4711, bytes(16), Document("doc", size_bytes=100), Sender("ann"), NOW, printer="labels")
PRINTER = Printer("labels", (PORT,), revision=1)
PRINTING = replace(JOB, state=JobState.PROCESSING, port=PORT, ledger=Ledger(Offsets(100, 40, 0, 0)))
SENT = replace(PRINTING, ledger=Ledger(Offsets(100, 100, 0, 0)))
UNKNOWN = replace(JOB, state=JobState.PENDING_HELD, outcome=Outcome.UNKNOWN)


class Moment:
    """The same trouble at some time, with other numbers, other people and other words of theirs."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.now = NOW + timedelta(minutes=number)

    def port(self, **what):
        return PortFacts(PORT, device="10.0.0.7:9100", **what)

    def failed(self, reason, win32=0, **what):
        error = Failure(reason, win32, f"failure {self.number}", self.now)
        retry_at = self.now + timedelta(seconds=self.number)
        return replace(self.port(lane="waiting", error=error, retry_at=retry_at), **what)

    def reported(self, condition, severity=1, **what):
        report = Report(condition, severity, f"said {self.number} times", Source.PRINTER, self.now, **what)
        return self.port(reports=(report,))

    def job(self, *ports, job=JOB, printer=PRINTER, **what):
        known = JobFacts(self.now, job, printer, ports or (self.port(),), **what)
        return explain_job(known)

    def paused(self):
        return Paused(f"person {self.number}", self.now, f"reason {self.number}")

    def moved(self):
        return self.port(lane="open", moved=self.now - timedelta(seconds=self.number * 10))


ROWS = [
    (Verdict.HELD, lambda at: at.job(job=replace(JOB, state=JobState.PENDING_HELD, hold_reason=f"held by {at.number}"))),
    (Verdict.HELD, lambda at: at.job(job=replace(JOB, not_before=at.now + timedelta(hours=1)))),
    (Verdict.HELD, lambda at: at.job(printer=replace(PRINTER, window=Window(60, 120)), opens=at.now)),
    (Verdict.PRINTER_PAUSED, lambda at: at.job(printer=replace(PRINTER, paused=at.paused()))),
    (Verdict.NO_PORT, lambda at: at.job(at.port(paused=at.paused()))),
    (Verdict.NO_PORT, lambda at: at.job(at.failed("CONNECTION_REFUSED"), at.failed("DEVICE_FAULT"))),
    (Verdict.JOBS_AHEAD, lambda at: at.job(jobs_ahead=at.number, wait_s=60.0 * at.number)),
    (Verdict.UPLOAD_INCOMPLETE, lambda at: explain_upload(UploadFacts("r", at.number, NOW, at.now))),
    (Verdict.HOST_SILENT, lambda at: at.job(at.port(host_state="silent", host_seen=NOW))),
    (Verdict.PORT_HELD, lambda at: at.job(at.port(holder=Holder(False, "fabric f2", "x", at.now)))),
    (Verdict.DEVICE_MISSING, lambda at: at.job(at.failed("DEVICE_NOT_CONNECTED", 1167, device="/dev/lp0"))),
    (Verdict.DEVICE_REFUSED, lambda at: at.job(at.failed("ACCESS_DENIED", 5))),
    (Verdict.NO_CONNECTION, lambda at: at.job(at.failed("CONNECTION_REFUSED", 1225))),
    (Verdict.LINE_ERRORS, lambda at: at.job(at.reported(8, 2, cause=LINE_ERRORS), job=PRINTING)),
    (Verdict.PRINTER_SAYS, lambda at: at.job(at.reported(3))),
    (Verdict.PRINTER_SAYS, lambda at: at.job(at.failed("UNFINISHED_DOCUMENT", 170))),
    (Verdict.STALLED, lambda at: at.job(at.moved(), job=PRINTING)),
    (Verdict.STALLED, lambda at: at.job(at.failed("WRITE_TIMEOUT", 1460))),
    (Verdict.RETRY, lambda at: at.job(at.failed("DEVICE_FAULT", 29))),
    (Verdict.RETRY, lambda at: at.job(leaves_in_s=at.number)),
    (Verdict.RETRY, lambda at: at.job(job=SENT, unwritten=NotWritten(f"failure {at.number}", NOW, at.now))),
    (Verdict.AWAITING_PROOF, lambda at: at.job(job=SENT)),
    (Verdict.UNKNOWN, lambda at: at.job(at.moved(), job=SENT, patience=Patience(1, 1))),
    (Verdict.UNKNOWN, lambda at: at.job(job=UNKNOWN)),
    (Verdict.UNKNOWN, lambda at: explain_printer(PRINTER, (at.port(),), 9, [UNKNOWN] * at.number, None, at.now)),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "explained"), ROWS, ids=[f"{n} {row[0]}" for n, row in enumerate(ROWS)])
def test_the_sentence_begins_with_words_that_neither_times_nor_counts_nor_people_change(verdict, explained):
    first, later = explained(Moment(2)), explained(Moment(3))
    assert first.verdict is later.verdict is verdict
    assert first.headline.says == later.headline.says
    assert not {"ann", "person", "reason", "said", "failure", "4711"} & set(first.headline.says.split())
    assert str(later.headline).startswith(later.headline.says)
    assert str(later.headline).endswith(".")
    assert not later.headline.says.endswith((".", ":", ","))


def test_that_holds_for_each_of_the_sixteen():
    assert {verdict for verdict, _ in ROWS} == set(Verdict) - {Verdict.FINE, Verdict.ENDED}
