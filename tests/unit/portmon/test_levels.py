"""Which supply and which tray is low: by whose mark, from when on, until when, and in which words."""

from __future__ import annotations

import pytest

from portmon.bidi.levels import Levels, without_repeats
from portmon.bidi.parts import InputTray, Supply, input_facts, supply_facts
from portmon.facts import Fact, Kind
from portmon.ipp.status import reports_of as by_reasons
from portmon.reports import Condition, Report, Severity, Source
from portmon.snmp.status import State
from portmon.snmp.status import reports_of as by_bits


def toner(level: int, kind: str = "Toner", low: int = -1) -> dict[str, Fact]:
    return supply_facts(1, Supply("Black Toner", kind, level, "Black", low))


def tray(level: int) -> dict[str, Fact]:
    return input_facts(2, InputTray("Tray 2", capacity=100, level=level))


def texts(levels: Levels, facts: dict[str, Fact], now: float = 1.0) -> list[str]:
    return [one.text for one in levels.reports(facts, now)]


def test_a_supply_at_its_mark_is_low_with_its_level_and_who_says_so():
    (found,) = Levels(10).reports(toner(10), 100.0)
    assert found == Report(
        Condition.TONER_LOW, Severity.WARNING, "Black Toner is low: 10 % left", Source.PRINTER, at=100.0
    )
    (found,) = Levels(10).reports(tray(4), 100.0)
    assert (found.condition, found.text) == (Condition.PAPER_PROBLEM, "Paper is low in Tray2: 4 % left")
    assert texts(Levels(10), toner(11) | tray(11)) == []


def test_the_emptiest_comes_first():
    assert texts(Levels(10), toner(9) | tray(3)) == [
        "Paper is low in Tray2: 3 % left",
        "Black Toner is low: 9 % left",
    ]


def test_a_level_that_wavers_about_the_mark_is_one_warning_since_its_first_and_a_filled_supply_is_none():
    levels = Levels(10)
    for now, level in ((1.0, 10), (2.0, 11), (3.0, 9), (4.0, 11)):
        (found,) = levels.reports(toner(level), now)
        assert (found.at, found.text) == (1.0, f"Black Toner is low: {level} % left")
    assert levels.reports(toner(12), 5.0) == []
    assert levels.reports(toner(11), 6.0) == [], "it is not low again before it is at its mark"
    (found,) = levels.reports(toner(10), 7.0)
    assert found.at == 7.0


@pytest.mark.parametrize(
    ("own", "level", "is_low"), [(25, 25, True), (3, 4, False), (80, 40, False), (0, 9, True)]
)
def test_a_printers_own_mark_counts_before_the_ports_unless_it_is_none(own: int, level: int, is_low: bool):
    assert bool(texts(Levels(10), toner(level, low=own))) is is_low


def test_without_a_mark_only_a_printers_own_counts():
    assert texts(Levels(0), toner(0) | tray(1)) == []
    assert texts(Levels(0), toner(20, low=20))


def test_what_nobody_knows_and_waste_boxes_are_not_low():
    levels = Levels(10)
    assert texts(levels, toner(-1) | tray(-3)) == []
    assert texts(levels, toner(2, "WasteToner")) == []
    assert texts(levels, toner(5))
    assert texts(levels, toner(-1)) == [], "it tells no level any more"


def test_a_tray_that_nobody_fills_is_not_low_but_one_that_has_run_empty_is():
    levels = Levels(10)
    assert texts(levels, tray(0)) == []
    assert texts(levels, tray(6))
    assert texts(levels, tray(0)) == ["Paper is low in Tray2: 0 % left"]


def test_the_mark_that_counts_is_told_with_whose_it_is():
    mark = r"\Printer.Extension.LowLevel.Consumables:BlackToner"
    assert Levels(10).marks(toner(50))[mark] == Fact(Kind.INT, 10, Source.HOST)
    assert Levels(10).marks(toner(50, low=25)) == {}
    assert toner(50, low=25)[mark].value == 25
    assert Levels(0).marks(toner(50)) == {}


def test_a_printers_own_word_for_low_is_not_repeated_and_its_other_words_are_kept():
    low = Levels(10).reports(toner(4) | tray(3), 1.0)
    bits = State(2, 3, bytes([0b1010_1000, 0b1000_0000]))  # paper and toner low, a door open; a tray missing
    assert [one.text for one in without_repeats(by_bits(bits), low)] == [
        "a door is open",
        "an input tray is missing",
    ]
    reasons = ["toner-low-warning", "media-low", "marker-supply-low", "cover-open"]
    assert [one.text for one in without_repeats(by_reasons(3, reasons), low)] == ["cover open"]
    assert without_repeats(by_bits(bits), []) == by_bits(bits)
