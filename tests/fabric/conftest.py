"""A host by hand with three ports and a dispatcher for it, for every test that needs no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fabric.dispatch_rig import Rig, edge, running
from tests.fakes.host import FakeHost


@pytest.fixture
async def host() -> AsyncIterator[FakeHost]:
    async with edge("P1:", "P2:", "P3:") as host:
        yield host


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host) as rig:
        yield rig
