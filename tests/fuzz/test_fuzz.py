"""Every decoder for a third of a second; longer by hand: `make fuzz SECONDS=60`."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.fuzz.fuzzing import LEAST, WARM, fuzz
from tests.fuzz.targets import Target, targets

SECONDS = 0.3
SEED = int(os.environ.get("PRINTFABRIC_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1 << 31)


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_no_input_breaks_a_decoder(target: Target):
    report = fuzz(target, SECONDS, SEED)
    assert not report.bugs, f"PRINTFABRIC_FUZZ_SEED={SEED}: {report.bugs}"
    assert report.inputs >= LEAST


@pytest.mark.parametrize("trouble", ["raises", "hangs", "grows"])
def test_what_is_looked_for_is_found(trouble: str):
    kept: list[bytearray] = []

    def run(data: bytes, _chance: random.Random) -> None:
        if trouble == "raises" and b"\xff" in data:
            raise ValueError("no")
        if trouble == "hangs":
            while time.process_time() >= 0:
                pass
        if trouble == "grows":
            kept.append(bytearray(1 << 20) + data)

    # Growth is looked for behind the inputs that warm up.
    least = WARM + 100 if trouble == "grows" else LEAST
    report = fuzz(Target(trouble, run, (b"seed",)), {"hangs": 0.1}.get(trouble, 0.5), SEED, least=least)
    assert report.bugs
