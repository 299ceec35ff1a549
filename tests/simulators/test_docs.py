"""docs/simulators.md leaves nothing out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from printfabric_sim.command import main
from printfabric_sim.fault_script import When, parse_faults
from printfabric_sim.fault_table import ACTIONS
from printfabric_sim.personality import personality_names

PAGE = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text()


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_fault_has_a_row_with_its_own_words(action):
    assert f"| `{action}` |" in PAGE
    assert ACTIONS[action].text in PAGE


@pytest.mark.parametrize("name", personality_names())
def test_every_personality_has_a_row(name):
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("when", [when for when in When if when is not When.NOW])
def test_every_moment_is_explained(when):
    assert f"`@{when}:" in PAGE


def test_every_plug_and_property_of_the_command_is_on_the_page():
    text = CliRunner().invoke(main, ["zpl", "--help"]).output
    options = set(re.findall(r"--[a-z][a-z0-9-]+", text)) - {
        "--help", "--name", "--host", "--paced", "--queue-others", "--back-channel", "--option",
    }  # fmt: skip
    assert {option for option in options if option not in PAGE} == set()


def test_the_faults_in_the_examples_can_be_read():
    examples = re.findall(r"--fault '([^']+)'|fault(?:s)?[\"=]+:? ?\"([^\"]+)\"", PAGE)
    assert len(examples) >= 5
    for one, other in examples:
        assert parse_faults(one or other)


def _units(numbers, outcome="printed"):
    return [{"serial": f"{n:05d}", "outcome": outcome} for n in numbers]


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
@pytest.mark.parametrize(
    ("units", "good"),
    [
        (_units(range(100)), True),
        (_units([17], "truncated") + _units(range(100)), True),
        ([], False),
        (_units(range(99)), False),
        (_units([*range(100), 5]), False),
        (_units(range(99)) + _units([99], "garbled"), False),
        ([*_units(range(100)), {"serial": None, "outcome": "printed"}], False),
    ],
)
def test_the_shell_recipe_fails_when_labels_are_lost_doubled_or_garbled(tmp_path, units, good):
    found = re.search(r"^jq .*?(?=```)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "units.jsonl").write_text("".join(json.dumps(unit) + "\n" for unit in units))
    done = subprocess.run(["sh", "-c", found[0]], cwd=tmp_path, capture_output=True, check=False, timeout=20)
    assert (done.returncode == 0) is good, done
