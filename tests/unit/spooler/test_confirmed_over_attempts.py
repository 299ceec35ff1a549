"""What a printer confirms of one attempt proves nothing of the attempts before it."""

from __future__ import annotations

from spooler.aftermath import ledger_of
from spooler.ledger import EvidenceLevel, Ledger, Offsets
from spooler.port import DocumentKey, Phase, Progress

SIZE = 1000
CONFIRMED = Progress(DocumentKey(bytes(16), 2), Phase.ENDED, accepted=SIZE, acked=SIZE, confirmed=SIZE)


def test_bytes_of_an_attempt_that_broke_off_are_not_confirmed_by_the_next():
    known = Ledger(Offsets(SIZE, 600, 600))
    ledger = ledger_of(known, CONFIRMED, SIZE, began_at=600)
    assert ledger.offsets == Offsets(SIZE, SIZE, SIZE, 0)
    assert ledger.level is EvidenceLevel.ACKED


def test_what_follows_on_confirmed_bytes_is_confirmed_with_them():
    known = Ledger(Offsets(SIZE, 600, 600, 600))
    assert ledger_of(known, CONFIRMED, SIZE, began_at=600).level is EvidenceLevel.CONFIRMED
    assert ledger_of(Ledger(), CONFIRMED, SIZE).level is EvidenceLevel.CONFIRMED
