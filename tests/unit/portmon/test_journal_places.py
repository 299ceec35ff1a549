"""A journal that openings of one port use at the same time: each document has a slot to itself."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portmon.document import DocKey, Phase
from portmon.journal.port_journal import Journal
from tests.unit.portmon.test_journal import key

THREADS, EACH = 8, 8
SLOTS = THREADS * EACH


@pytest.fixture(autouse=True)
def _threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=range(5))
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal.open(tmp_path / "journal", "FILE:", slots=SLOTS)
    yield found
    found.close()


def at_once(what: Callable[[int], None]) -> None:
    """Do something with a number on as many threads as there are, all beginning together."""
    line_up = threading.Barrier(THREADS)

    def run(number: int) -> None:
        line_up.wait()
        what(number)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


def print_each(journal: Journal, documents: Sequence[DocKey], number: int) -> None:
    """Print a thread's share of the documents; each ends at another offset."""
    for place in range(number * EACH, (number + 1) * EACH):
        at = journal.begin(documents[place], "ours", 0, pipe=True)
        journal.intend(at, place + 1)
        journal.accept(at, place + 1)
        journal.end(at, 0)


def test_slots_of_a_fabric_that_went_away_are_taken_by_one_document_each(journal: Journal) -> None:
    for number in range(SLOTS):
        journal.end(journal.begin(key(10_000 + number), "gone", 0, pipe=True), 0)
    documents = [key(number) for number in range(SLOTS)]
    at_once(lambda number: print_each(journal, documents, number))
    found = [journal.outcome(one, "ours") for one in documents]
    ends = [(Phase.ENDED, place + 1) for place in range(SLOTS)]
    assert [(one.phase, one.accepted) for one in found] == ends


def test_what_several_settle_at_once_is_settled_once_and_its_slot_given_once(journal: Journal) -> None:
    first, second = ([key(start + number) for number in range(SLOTS)] for start in (0, SLOTS))
    at_once(lambda number: print_each(journal, first, number))
    counts = list[int]()
    at_once(lambda _: counts.append(journal.settle(first, "ours")))
    assert sum(counts) == SLOTS
    assert journal.fill == 0
    at_once(lambda number: print_each(journal, second, number))
    assert len(journal.unsettled("ours")) == SLOTS


def test_fences_of_openings_that_begin_at_once_are_all_remembered(journal: Journal) -> None:
    def opens(number: int) -> None:
        for fence in range(1, 6):
            journal.store_fence(f"fabric-{number}", fence)
            journal.note.store_line([number, fence])

    at_once(opens)
    assert [journal.note.fence(f"fabric-{number}") for number in range(THREADS)] == [5] * THREADS
    assert journal.note.line[1] == 5
