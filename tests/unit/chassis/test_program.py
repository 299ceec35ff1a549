"""What every program does before it runs, and at its end."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chassis.program import calm_collector


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_a_collection_does_not_walk_what_was_imported(collector: None):
    imported = len(gc.get_objects())

    calm_collector()

    assert gc.get_freeze_count() > imported / 2
    assert len(gc.get_objects()) < imported / 2


def test_cycles_are_still_found(collector: None):
    calm_collector()
    before = gc.get_stats()[0]["collections"]

    keep: list[list[int]] = [[] for _ in range(100_000)]

    assert gc.get_stats()[0]["collections"] > before
    del keep


_PIECES_AND_FAULTS = """
import resource
from chassis.program import keep_pages
def faults_of_pieces():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        pieces = [bytes(256 * 1024) for _ in range(8)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
keep_pages()
faults_of_pieces()
print(faults_of_pieces())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has another malloc")
def test_pieces_of_a_large_document_do_not_take_fresh_pages_each_time():
    # In a process of its own: what malloc is told holds for good.
    command = [sys.executable, "-c", _PIECES_AND_FAULTS]
    faults = subprocess.run(command, capture_output=True, check=True).stdout

    assert int(faults) < 2_000  # of 51,200 pages


ENDS = """
import atexit
from chassis.program import main
from chassis.settings import Settings

class Demo(Settings):
    service = "demo"

async def run(settings):
    atexit.register(print, "Python is taken down")
    print("last words", end="")

main(Demo, run, [])
"""


def test_a_program_ends_with_its_last_words_and_before_python_is_taken_down():
    ended = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, "last words")
