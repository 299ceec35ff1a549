"""Tests that run side by side: one marked `alone` has no neighbour, all have more time; tried with test processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INNER = """
import os, time
from pathlib import Path
import pytest

def say(word):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write(f"{word}\\n")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(4))
def test_alone(number):
    say("alone")
    time.sleep(0.1)
    say("done")

@pytest.mark.parametrize("number", range(40))
def test_beside_others(number):
    say(f"beside {os.environ['PYTEST_XDIST_WORKER']}")
    time.sleep(0.01)
    say("out")

@pytest.mark.timeout(45)
def test_its_own_limit_is_twice_as_long(request):
    assert request.node.get_closest_marker("timeout").args == (90,)

def test_the_limit_of_all_is_twice_as_long(request):
    assert request.node.get_closest_marker("timeout").args == (120,)
"""


def test_a_test_that_measures_the_machine_has_no_neighbour_and_limits_are_twice_as_long(tmp_path: Path):
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout = 60\nmarkers =\n  alone: has no neighbour\n")
    (tmp_path / "test_inner.py").write_text(INNER)
    diary = tmp_path / "diary"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    plugins = ["-p", "tests.alone", "-p", "no:cacheprovider"]
    said = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-n", "2", "--dist", "load", "."],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "DIARY": str(diary)},
        capture_output=True,
        text=True,
    ).stdout

    assert "46 passed" in said, said
    lines = diary.read_text().splitlines()
    assert {"beside gw0", "beside gw1"} < set(lines)
    inside = 0
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line == "alone":
            assert following == "done"
            assert inside == 0
        inside += line.startswith("beside")
        inside -= line == "out"
