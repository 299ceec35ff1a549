"""docs/statements.md has every sentence once, and names the files whose tests prove it; no more and no less."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "contract" / "statements"
_ROW = re.compile(r"^\| S(\d+) \| [^|]+ \| ([^|]+) \|", re.MULTILINE)
_TEST = re.compile(r"^(?:async )?def test_s(\d\d)_", re.MULTILINE)


def test_every_sentence_has_its_row_and_the_row_its_tests() -> None:
    rows = _ROW.findall((ROOT / "docs" / "statements.md").read_text("utf-8"))
    assert [int(number) for number, _ in rows] == list(range(1, 49))
    proven = defaultdict(set)
    for path in TESTS.glob("test_statements_*.py"):
        for number in _TEST.findall(path.read_text("utf-8")):
            proven[int(number)].add(path.stem.removeprefix("test_statements_"))
    assert {int(number): set(re.findall(r"`(\w+)`", where)) for number, where in rows} == proven
