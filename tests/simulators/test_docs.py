"""docs/simulators.md leaves nothing out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from printfabric_sim.command import main
from printfabric_sim.fault_script import When, parse_faults
from printfabric_sim.fault_table import ACTIONS
from printfabric_sim.personality import personality_names
from tests.surroundings import require_tool

SENDER = Path(__file__).with_name("careful_sender.py")
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


RECIPE = PAGE.partition("## Recipe")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", RECIPE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("language", "block"), BLOCKS, ids=range(len(BLOCKS)))
def test_every_block_of_the_recipe_works_with_printing_code_that_is_careful(tmp_path, language, block):
    shutil.copy(SENDER, tmp_path / "my_code.py")
    program = tmp_path / "my-printing-code"
    program.write_text(f"#!{sys.executable}\n{SENDER.read_text()}")
    program.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    if language == "sh":
        require_tool("jq")
        command = ["sh", "-e", "-c", block]
    else:
        (tmp_path / "test_recipe.py").write_text(block)
        how = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in block else []
        command = [sys.executable, *how, "test_recipe.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout or "def test_" not in block


def test_the_recipe_has_a_block_of_every_way():
    assert [language for language, _ in BLOCKS] == ["python", "python", "sh"]


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
    require_tool("jq")
    found = re.search(r"^jq -r .*?(?=```)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "units.jsonl").write_text("".join(json.dumps(unit) + "\n" for unit in units))
    done = subprocess.run(["sh", "-c", found[0]], cwd=tmp_path, capture_output=True, check=False, timeout=20)
    assert (done.returncode == 0) is good, done
