"""What one attempt proves says nothing of the attempts before it."""

from __future__ import annotations

from spooler.aftermath import ledger_of
from spooler.flight import Flight
from spooler.ledger import EvidenceLevel, Ledger, Offsets
from spooler.port import DocumentInfo, DocumentKey, Phase, Progress

SIZE = 1000
CONFIRMED = Progress(DocumentKey(bytes(16), 2), Phase.ENDED, accepted=SIZE, acked=SIZE, confirmed=SIZE)


def flight(began_at: int = 0, *, pinned: bool = False) -> Flight:
    info = DocumentInfo("labels", 1, resume_offset=began_at)
    return Flight(CONFIRMED.key, 1, SIZE, info, pinned=pinned)


def test_bytes_of_an_attempt_that_broke_off_are_not_confirmed_by_the_next():
    known = Ledger(Offsets(SIZE, 600, 600))
    ledger = ledger_of(known, CONFIRMED, flight(600), SIZE)
    assert ledger.offsets == Offsets(SIZE, SIZE, SIZE, 0)
    assert ledger.level is EvidenceLevel.ACKED


def test_bytes_that_only_a_driver_took_are_not_acknowledged_by_the_port_that_prints_the_rest():
    known = Ledger(Offsets(SIZE, 600, 500))
    ledger = ledger_of(known, CONFIRMED, flight(600), SIZE)
    assert ledger.offsets == Offsets(SIZE, SIZE, 500, 0)
    assert ledger.level is EvidenceLevel.ACCEPTED


def test_the_same_pipe_gives_its_bytes_on_in_order():
    known = Ledger(Offsets(SIZE, 600, 500))
    assert ledger_of(known, CONFIRMED, flight(600, pinned=True), SIZE).level is EvidenceLevel.ACKED


def test_what_follows_on_confirmed_bytes_is_confirmed_with_them():
    known = Ledger(Offsets(SIZE, 600, 600, 600))
    assert ledger_of(known, CONFIRMED, flight(600), SIZE).level is EvidenceLevel.CONFIRMED
    assert ledger_of(Ledger(), CONFIRMED, flight(), SIZE).level is EvidenceLevel.CONFIRMED
