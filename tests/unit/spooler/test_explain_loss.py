"""Whether anything is lost is said as far as it is proven, and no further."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spooler.explain.facts import JobFacts, PortFacts
from spooler.explain.jobs import explain_printer
from spooler.explain.loss import loss_of
from spooler.explain.ports import explain_port
from spooler.job import Document, Job, Sender
from spooler.job_state import JobState
from spooler.ledger import (
    Evidence,
    EvidenceLevel,
    EvidenceSource,
    Ledger,
    Offsets,
    Outcome,
    Span,
    UnitKind,
    Units,
    UnitSpan,
)
from spooler.printer import Paused, PortName, Printer

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PORT = PortName("edge-7", "COM1:")
JOB = Job(4711, bytes(16), Document("doc", size_bytes=100), Sender("ann"), NOW, printer="labels")
PRINTER = Printer("labels", (PORT,), revision=1)
KEPT = "Nothing is lost so far: the document is kept here until its job has ended."


def printing(*proven, copies=None):
    ledger = Ledger(Offsets(100, *proven), copies=copies)
    return replace(JOB, state=JobState.PROCESSING, port=PORT, ledger=ledger)


def completed(*proven, source=EvidenceSource.TCP_ACK):
    proof = Evidence(EvidenceLevel.ACKED, source, 100, NOW, "said")
    ledger = Ledger(Offsets(100, *proven), evidence=(proof,))
    return replace(JOB, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=NOW, ledger=ledger)


@pytest.mark.parametrize(
    ("job", "loss"),
    [
        (JOB, "Nothing is lost."),
        (replace(JOB, ledger=Ledger(uncertain=Span(10, 20))), "Bytes 10 to 20 of 100 may or may not have come out."),
        (replace(JOB, ledger=Ledger(uncertain=Span(0, 100))), "All of its 100 bytes may or may not have come out."),
        (
            replace(JOB, ledger=Ledger(units=Units(UnitKind.LABEL, 9), uncertain=Span(0, 9), uncertain_units=UnitSpan(3, 5))),
            "Labels 3 to 5 may or may not have come out.",
        ),
        (replace(JOB, redirected=True), "It was sent to another port after bytes had been taken: some of it may come twice."),
        (replace(JOB, state=JobState.CANCELED), "Nothing of it was printed."),
        (
            replace(JOB, state=JobState.CANCELED, ledger=Ledger(Offsets(100, 60, 0, 0))),
            "The device had taken 60 of 100 bytes by then.",
        ),
        (
            replace(JOB, state=JobState.CANCELED, copies=3, copies_printed=1),
            "The device had taken 1 of 3 copies, and 0 of 100 bytes of the next, by then.",
        ),
        (
            replace(JOB, outcome=Outcome.PARTIAL, ledger=Ledger(Offsets(100, 60, 60, 0))),
            "The device took 60 of 100 bytes; the rest is kept here.",
        ),
        (replace(JOB, outcome=Outcome.UNKNOWN), "What of it came out is not known: only the paper tells."),
        (printing(0), KEPT),
        (printing(60, 10), KEPT),
        (replace(JOB, ledger=Ledger(Offsets(100, 60, 60, 0))), KEPT),
        (
            printing(100, 100),
            "Nothing is lost so far: all 100 bytes reached the printer's side; the printer has not said that it printed them.",
        ),
        (printing(100, 100, 100), "Nothing is lost so far: the printer confirmed all 100 bytes."),
        (printing(0, copies=Offsets(100, 100, 100, 0)), KEPT),
        (completed(100, 100, 100), "Nothing is lost."),
        (completed(100, 100), "All of it reached the printer's side; the printer has not said that it printed it."),
        (completed(100), "The device took all of it; what the printer made of it is not known."),
        (completed(0), "What of it came out is not known: only the paper tells."),
        (
            completed(100, 100, source=EvidenceSource.TIMEOUT),
            "All of it reached the printer's side; the printer did not answer in time, and what it made of it is not known.",
        ),
        (
            completed(100, 100, source=EvidenceSource.ESCPOS),
            "All of it reached the printer, which answered; a restart before that would not show.",
        ),
        (
            completed(100, 100, 100, source=EvidenceSource.OPERATOR),
            "What was decided about without a proof may be missing, or be there: only the paper tells.",
        ),
    ],
)  # fmt: skip
def test_the_loss_is_said_and_never_guessed(job, loss):
    assert loss_of(job) == loss


def test_a_port_says_of_the_documents_on_their_way_whether_anything_is_lost():
    silent = PortFacts(PORT, host_state="silent", host_seen=NOW)
    assert explain_port(silent, NOW).loss == "Nothing is lost: nothing is being sent now."
    one_waits = explain_port(silent, NOW, waiting=1).loss
    assert one_waits == "Nothing is lost: nothing is being sent now; 1 job waits."
    assert explain_port(silent, NOW, waiting=31).loss.endswith("; 31 jobs wait.")
    one, two = printing(60, 10), printing(100, 100)
    assert explain_port(replace(silent, flights=(one,)), NOW).loss == loss_of(one)
    both = explain_port(replace(silent, flights=(one, two)), NOW).loss
    assert both == "Nothing is lost so far: 2 documents are kept here until their jobs have ended."
    there = explain_port(replace(silent, flights=(two, two)), NOW).loss
    assert there == "Nothing is lost so far: all of 2 documents reached the printer's side."
    broken = explain_port(PortFacts(PORT), NOW, undecided=1).loss
    assert broken == "Some of it may be missing, or come twice: look at the paper."


def test_a_printer_that_stands_still_says_what_is_on_its_way():
    one, others = printing(60, 10), replace(printing(0), printer="other")
    halted = replace(PRINTER, paused=Paused("ben", NOW))
    assert explain_printer(
        halted, (PortFacts(PORT, flights=(one, others)),), 1, [], None, NOW
    ).loss == loss_of(one)
    ports = (PortFacts(PORT, flights=(one, one)),)
    both = explain_printer(PRINTER, ports, 2, [], JobFacts(NOW, one, PRINTER), NOW).loss
    assert both == "Nothing is lost so far: 2 documents are kept here until their jobs have ended."
