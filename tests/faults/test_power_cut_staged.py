"""The power of a host goes at a random moment: of the documents that lie there, what was said is what is found."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from portmon.staging.area import Staging
from portmon.staging.state import StagedState
from tests.faults.power_cut import MARK, Disk, compile_shim, environment, read_log
from tests.faults.staging_child import document, facts
from tests.rig.memory import memory_folder
from tests.surroundings import missing

MOMENTS = 100
_CHILD_S = 1.0
_CHILD = "import sys; from pathlib import Path; from tests.faults import staging_child; staging_child.run(Path(sys.argv[1]), int(sys.argv[2]))"
_ORDERED = {
    0: {"ordered", "staged"},
    1: {"ordered", "begun"},
    2: {"ordered"},
}  # and what follows, by the child's rule


def _recorded(folder: Path) -> tuple[Path, Path]:
    root, log = folder / "host", folder / "operations"
    root.mkdir()
    shim = compile_shim(folder)
    if shim is None:
        missing("no C compiler")
    assert shim is not None
    hearing, saying = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(root), str(saying)],
        env=environment(shim, root, log, saying),
        pass_fds=[saying],
    )
    os.close(saying)
    heard = os.read(hearing, 65536)
    assert heard, "nothing was brought"
    ends = time.monotonic() + _CHILD_S
    while time.monotonic() < ends or heard.count(b"\n") < 300:
        piece = os.read(hearing, 65536)
        assert piece, "it ended by itself"
        heard += piece
    child.kill()
    child.wait()
    os.close(hearing)
    return root, log


def _possible(said: str, number: int) -> set[str]:
    """Return the states that may be found after a word: what it says, and what came next."""
    if said == "ordered":
        return _ORDERED[number % 3]
    return {"staged": {"staged", "ordered"}, "back": {"staged"}, "begun": {"begun", "gone"}}[said]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_order_is_lost_and_none_that_was_taken_back_comes_again(
    tmp_path: Path, chance: random.Random
) -> None:
    root, log = _recorded(tmp_path)
    operations = list(read_log(log))
    disk, done, said = Disk(root, root / "nothing"), 0, dict[int, str]()
    for place, moment in enumerate(sorted(chance.randrange(len(operations)) for _ in range(MOMENTS))):
        for op in operations[done:moment]:
            if op.kind != MARK:
                disk.do(op)
                continue
            for line in op.data.decode().splitlines():
                word, _, which = line.partition(" ")
                said[int(which)] = word
        done = moment
        with tempfile.TemporaryDirectory(dir=memory_folder()) as after:
            disk.lose_power(Path(after), chance if place % 2 else None)
            found = Staging(Path(after) / "staged")
            for number in sorted(said)[-30:]:
                one = found.find(facts(number).key)
                state = StagedState.GONE if one is None else one.state
                assert state in _possible(said[number], number), f"document {number}: {said[number]}, {state}"
                if one is not None:
                    assert one.read(0, 1 << 20) == document(number)
    assert len(said) > 20
