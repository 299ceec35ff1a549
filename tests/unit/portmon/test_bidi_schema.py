"""Every value of the bidi schema stands in the documented table of who tells it, and what nothing tells is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portmon.bidi.answers import Action, Answer, Known, Question, answered
from portmon.bidi.schema import UNTOLD, VALUES, is_told
from portmon.facts import Fact, Kind

PAGE = Path(__file__).parents[3] / "docs" / "bidi.md"
ROW = re.compile(r"^\| `([\w.*]+:\w+)` \|(.*)\|$", re.MULTILINE)
PART = r"\Printer.Status.Detailed.Event7.Component:Name"


def test_the_table_of_who_tells_what_has_every_value_of_the_schema() -> None:
    sources = {
        f"\\Printer.{path}": cells.replace("|", "").strip() for path, cells in ROW.findall(PAGE.read_text())
    }
    assert sources.keys() == VALUES.keys()
    assert {path for path, told in sources.items() if not told} == UNTOLD


@pytest.mark.parametrize("path", [r"\Printer.Configuration.Memory:PS", PART])
def test_what_nothing_can_tell_is_not_supported_unless_somebody_tells_it_all_the_same(path: str) -> None:
    assert not is_told(path)
    assert answered(Action.GET, Question(1, path), Known({})) == [Answer(1, 13005, path)]
    fact = Fact(Kind.STRING, "Tray 2")
    assert answered(Action.GET, Question(1, path), Known({path: fact})) == [Answer(1, 0, path, fact)]


def test_what_something_can_tell_and_nothing_has_told_is_null() -> None:
    path = r"\Printer.Layout.InputBins.Tray9:Level"
    assert answered(Action.GET, Question(1, path), Known({})) == [Answer(1, 0, path)]
