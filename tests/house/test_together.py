"""Which files of tests run in one process."""

from __future__ import annotations

from pathlib import Path

from tests.together import APART, TOGETHER, scope

ROOT = Path(__file__).resolve().parents[2]


def test_files_that_share_something_are_given_out_as_one_and_each_other_by_itself():
    assert scope("tests/console/test_acts.py") == scope("tests/console/test_wall.py") == "tests/console/"
    for alone in ("tests/console/test_budgets.py", "tests/house/test_together.py"):
        assert scope(alone) == alone


def test_what_is_said_of_files_is_said_of_files_that_are_there():
    assert all((ROOT / name).exists() for name in (*TOGETHER, *APART))
    measuring = [one for one in (ROOT / TOGETHER[0]).glob("test_*.py") if "mark.alone" in one.read_text()]
    assert [f"{one.relative_to(ROOT)}" for one in measuring] == list(APART)
