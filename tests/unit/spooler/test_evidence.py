"""Every proof of an attempt has a name and a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from spooler.evidence import NO_END_HEARD, Reached, note, proofs_of
from spooler.explain.proving import proof_facts, proven
from spooler.job import Document, Job, Sender
from spooler.ledger import Evidence, EvidenceLevel, EvidenceSource, Ledger, Offsets
from spooler.port import DocumentKey, Phase, Progress

KEY = DocumentKey(bytes(16), 1)
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def after(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_confirmed_document_names_its_host_its_transport_and_its_printer_each_with_its_time():
    reached: Reached = {}
    note(reached, Progress(KEY, Phase.IN_PROGRESS, accepted=50), after(1))
    note(reached, Progress(KEY, Phase.IN_PROGRESS, accepted=100, acked=60), after(2))
    note(reached, Progress(KEY, Phase.IN_PROGRESS, accepted=100, acked=100), after(3))
    last = Progress(
        KEY, Phase.ENDED, 100, 100, 100,
        level=EvidenceLevel.CONFIRMED, source=EvidenceSource.PJL, transport=EvidenceSource.TCP_ACK,
    )  # fmt: skip
    assert list(proofs_of(last, reached, after(9))) == [
        Evidence(EvidenceLevel.ACCEPTED, EvidenceSource.JOURNAL, 100, after(2)),
        Evidence(EvidenceLevel.ACKED, EvidenceSource.TCP_ACK, 100, after(3)),
        Evidence(EvidenceLevel.CONFIRMED, EvidenceSource.PJL, 100, after(9)),
    ]


def test_a_time_out_stands_beside_what_its_level_rests_on():
    last = Progress(
        KEY, Phase.ENDED, 100, 100,
        level=EvidenceLevel.ACKED, source=EvidenceSource.TIMEOUT, transport=EvidenceSource.TCP_ACK,
    )  # fmt: skip
    assert list(proofs_of(last, {}, START))[1:] == [
        Evidence(EvidenceLevel.ACKED, EvidenceSource.TCP_ACK, 100, START),
        Evidence(EvidenceLevel.ACKED, EvidenceSource.TIMEOUT, 100, START, NO_END_HEARD),
    ]


def test_of_a_document_that_broke_off_the_hosts_journal_says_how_far_it_was():
    last = Progress(KEY, Phase.ENDED, accepted=40, acked=30)
    assert [(one.source, one.offset) for one in proofs_of(last, {}, START)] == [
        (EvidenceSource.JOURNAL, 40),
        (EvidenceSource.JOURNAL, 30),
    ]


def test_a_document_of_which_nothing_left_has_no_proof():
    assert not list(proofs_of(Progress(KEY, Phase.ENDED), {}, START))


def test_an_end_that_the_printer_answered_where_a_restart_may_hide_is_not_told_as_a_confirmation():
    last = Progress(
        KEY, Phase.ENDED, 100, 100,
        level=EvidenceLevel.ACKED, source=EvidenceSource.ESCPOS, transport=EvidenceSource.OUTPUT_QUEUE,
    )  # fmt: skip
    proofs = tuple(proofs_of(last, {}, START))
    assert proofs[-1] == Evidence(EvidenceLevel.ACKED, EvidenceSource.ESCPOS, 100, START)
    ledger = Ledger(Offsets(100, 100, 100, 0), evidence=proofs)
    job = Job(7, bytes(16), Document(size_bytes=100), Sender("till"), START, ledger=ledger)
    assert proven(job) == (
        "The printer answered behind the last byte (a restart in between cannot be seen on this line)"
    )
    assert "had it been off and on before, nobody would know" in proof_facts(job)[0].text
