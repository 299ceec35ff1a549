"""The one word of a port: which source counts, and what each of them says."""

from __future__ import annotations

import pytest

from portmon.port_state import PortState
from portmon.port_status import Seen, Word, complete, standings, word_of
from portmon.reports import Condition, Report, Severity, Source

OPEN = Seen(PortState.OPEN, 100.0, device_at=101.0, printer_at=102.0)


def report(condition: Condition, severity: Severity, source: Source, text: str = "") -> Report:
    return Report(condition, severity, text, source, at=200.0)


def test_a_port_that_is_well_says_so_from_three_sources_with_their_times() -> None:
    said = standings(OPEN, [])
    assert [(one.source, one.word, one.at) for one in said] == [
        (Source.HOST, Word.READY, 101.0), (Source.TRANSPORT, Word.READY, 100.0), (Source.PRINTER, Word.READY, 102.0),
    ]  # fmt: skip
    assert word_of(said) is Word.READY


def test_a_source_that_says_nothing_counts_for_nothing() -> None:
    said = standings(Seen(PortState.IN_DOCUMENT, 100.0), [])
    assert [one.word for one in said] == [Word.UNKNOWN, Word.PRINTING, Word.UNKNOWN]
    assert word_of(said) is Word.PRINTING


@pytest.mark.parametrize(
    ("condition", "severity", "word"),
    [
        (Condition.OFFLINE, Severity.ERROR, Word.OFFLINE),
        (Condition.PAPER_OUT, Severity.ERROR, Word.ERROR),
        (Condition.TONER_LOW, Severity.WARNING, Word.ATTENTION),
        (Condition.WARMING_UP, Severity.INFO, Word.READY),
    ],
)
def test_a_report_is_its_sources_word_by_its_severity(
    condition: Condition, severity: Severity, word: Word
) -> None:
    said = standings(OPEN, [report(condition, severity, Source.PRINTER)])
    assert said[2].word is word
    assert word_of(said) is word


def test_of_several_reports_of_a_source_the_worst_is_its_word() -> None:
    said = standings(
        OPEN,
        [
            report(Condition.TONER_LOW, Severity.WARNING, Source.PRINTER),
            report(Condition.DOOR_OPEN, Severity.ERROR, Source.PRINTER, "close the cover"),
        ],
    )
    assert (said[2].word, said[2].text, said[2].at) == (Word.ERROR, "close the cover", 200.0)


def test_an_operator_has_a_word_only_when_there_is_one() -> None:
    said = standings(OPEN, [report(Condition.USER_INTERVENTION, Severity.ERROR, Source.OPERATOR)])
    assert [one.source for one in said] == [Source.HOST, Source.TRANSPORT, Source.PRINTER, Source.OPERATOR]
    assert (said[3].text, word_of(said)) == ("user intervention", Word.ERROR)


@pytest.mark.parametrize("state", list(PortState))
def test_every_state_of_a_port_has_a_word(state: PortState) -> None:
    assert word_of(standings(Seen(state, 0.0), [])) in (Word.READY, Word.PRINTING, Word.OFFLINE)


def test_a_lost_device_has_a_sentence_also_when_nobody_reports_it() -> None:
    lost = Seen(PortState.FAILED, 100.0)
    (sentence,) = complete(lost, [])
    assert (sentence.condition, sentence.text) == (Condition.OFFLINE, "the way to the device is lost")
    assert word_of(standings(lost, [sentence])) is Word.OFFLINE
    away = report(Condition.OFFLINE, Severity.ERROR, Source.HOST, "unplugged")
    assert complete(lost, [away]) == [away]
    assert complete(OPEN, []) == []
