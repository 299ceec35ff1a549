"""The rules of CONTRIBUTING.md that no linter knows: sizes, and names that say nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("services", "client", "simulators", "tools", "tests")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_TESTS = 500  # sentences about one thing, read one at a time
MOST_LINES_OF_A_FUNCTION = 40
# Drawers, not things: whatever fits nowhere ends up in them.
DRAWERS = {"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Return the lines from `def` to the end, without the docstring: a contract may be as long as it needs."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_a_module_can_be_read_in_one_sitting(path: Path):
    lines = path.read_bytes().count(b"\n")
    assert lines <= (MOST_LINES_OF_TESTS if path.is_relative_to(ROOT / "tests") else MOST_LINES_OF_A_FILE)
    long = {
        found.name: length(found) for found in functions(path) if length(found) > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_no_module_and_no_folder_is_a_drawer():
    names = {part for path in MODULES for part in (*path.relative_to(ROOT).parts[:-1], path.stem)}

    assert {name for name in names if DRAWERS & set(name.lower().split("_"))} == set()


def test_each_module_says_in_its_first_line_which_idea_it_holds():
    silent = [
        module_id(path)
        for path in MODULES
        if path.name != "__init__.py"
        and not path.is_relative_to(ROOT / "tests")
        and ast.get_docstring(ast.parse(path.read_bytes())) is None
    ]

    assert silent == []
