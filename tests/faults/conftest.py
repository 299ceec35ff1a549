"""Random points that can be had again: the seed is printed, and PRINTFABRIC_FAULT_SEED sets it."""

from __future__ import annotations

import os
import random

import pytest


@pytest.fixture
def chance() -> random.Random:
    """Lend the test's source of random points."""
    seed = int(os.environ.get("PRINTFABRIC_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"PRINTFABRIC_FAULT_SEED={seed}")
    return random.Random(seed)
