"""The journal knows the last document that the device had bytes of, over kills and settling."""

from __future__ import annotations

from pathlib import Path

import pytest

from portmon.document import DocKey, Evidence, Progress
from portmon.journal import slot
from portmon.journal.port_journal import Journal

FABRIC = "fabric"
ONE, TWO = DocKey(bytes(15) + b"\x01", 1), DocKey(bytes(15) + b"\x02", 1)


def opened(folder: Path) -> Journal:
    """Open it as the next process would, after one that just vanished."""
    return Journal.open(folder / "com1.journal", "COM1:")


def unfinished(journal: Journal) -> Progress | None:
    return journal.last.unfinished(journal.generation, journal.device)


def taken(journal: Journal, key: DocKey, offset: int, *, closes: bool = False) -> int:
    at = journal.begin(key, FABRIC, 0, pipe=True, keeps=True, prefix=closes, closes=closes)
    if offset:
        journal.intend(at, offset)
        journal.accept(at, offset)
    return at


def test_a_document_that_was_cancelled_in_its_middle_lies_there_also_when_it_is_settled(tmp_path: Path):
    journal = opened(tmp_path)
    journal.end(taken(journal, ONE, 100), 63, Evidence.NONE)
    journal.settle([ONE], FABRIC)
    found = unfinished(opened(tmp_path))
    assert found is not None
    assert (found.key, found.accepted, found.uncertain_end) == (ONE, 100, 0)


def test_a_document_that_a_kill_ended_lies_there_with_the_span_that_is_in_doubt(tmp_path: Path):
    journal = opened(tmp_path)
    journal.intend(taken(journal, ONE, 100), 180)
    journal = opened(tmp_path)
    journal.settle([ONE], FABRIC)
    found = unfinished(opened(tmp_path))
    assert found is not None
    assert (found.accepted, found.uncertain_start, found.uncertain_end) == (100, 100, 180)


def test_nothing_lies_there_after_a_whole_document_or_before_the_first_byte_of_one(tmp_path: Path):
    journal = opened(tmp_path)
    assert unfinished(journal) is None
    journal.end(taken(journal, ONE, 100), 0, Evidence.OUTPUT_QUEUE)
    assert unfinished(journal) is None
    journal.end(taken(journal, TWO, 0), 63, Evidence.NONE)
    assert unfinished(journal) is None


@pytest.mark.parametrize("settled", [False, True])
def test_one_word_tells_that_a_document_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled):
    journal = opened(tmp_path)
    journal.end(taken(journal, ONE, 100), 0, Evidence.TCP_CLOSE)
    if settled:
        journal.settle([ONE], FABRIC)
    monkeypatch.setattr(slot, "read", lambda *_: pytest.fail("its whole slot was read"))
    assert unfinished(journal) is None


def test_half_a_document_lies_there_until_the_device_takes_a_byte_behind_its_close(tmp_path: Path):
    journal = opened(tmp_path)
    journal.end(taken(journal, ONE, 100), 63, Evidence.NONE)
    at = taken(journal, TWO, 0, closes=True)
    again = unfinished(opened(tmp_path))
    assert again is not None
    assert again.key == ONE
    journal.intend(at, 7)
    journal.accept(at, 7)
    journal.end(at, 0, Evidence.OUTPUT_QUEUE)
    assert unfinished(opened(tmp_path)) is None
