"""The hygiene plugin is tried on tests that leave things behind, each run by a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LEAVES_A_THREAD = """
import threading
def test_it():
    threading.Thread(target=gate.wait, name="left-behind").start()
def test_next():
    gate.set()
gate = threading.Event()
"""

LEAVES_A_CHILD = """
import subprocess
def test_it():
    global child
    child = subprocess.Popen(["sleep", "30"])
def test_next():
    child.kill()
    child.wait()
"""

LEAVES_A_TASK = """
import asyncio
async def test_it():
    global task
    task = asyncio.get_running_loop().create_task(asyncio.sleep(30), name="left-behind")
"""

TIDY = """
import asyncio, subprocess, threading
import pytest
gate = threading.Event()

@pytest.fixture(scope="module")
def server():
    thread = threading.Thread(target=gate.wait)
    thread.start()
    yield
    gate.set()
    thread.join()

async def test_own_things_are_gone(server):
    assert await asyncio.to_thread(lambda: 7) == 7
    await asyncio.create_task(asyncio.sleep(0))
    subprocess.run(["true"], check=True)
"""


def run(folder: Path, source: str) -> str:
    (folder / "conftest.py").write_text("import tests.leftovers\ntests.leftovers.GRACE_S = 0.2\n")
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (folder / "test_inner.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.leftovers", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(LEAVES_A_THREAD, "left threads behind: left-behind", id="thread"),
        pytest.param(LEAVES_A_CHILD, "left child processes behind: ", id="child process"),
        pytest.param(LEAVES_A_TASK, "left tasks behind: left-behind", id="task"),
    ],
)
def test_a_test_that_leaves_something_running_fails(tmp_path: Path, source: str, message: str):
    said = run(tmp_path, source)

    assert message in said
    assert f"{source.count('def test_')} passed, 1 error" in said


def test_a_tidy_test_and_a_module_wide_server_pass(tmp_path: Path):
    assert "1 passed in" in run(tmp_path, TIDY)
