"""No hot path costs more than is written down: in instructions, which no neighbour changes. And the guard bites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.bench.costs import PYTHON, TOLERANCE, cost, excess, judged, kept_costs
from tests.bench.hot_paths import PATHS, HotPath, Step, news
from tests.bench.instructions import SERVICES

pytestmark = pytest.mark.timeout(300)  # counting every instruction is slow, and slower on a busy machine
PLANTED = """
def planted(times):
    for _ in range(times):
        pass
"""


@pytest.mark.parametrize("name", PATHS)
def test_a_hot_path_costs_no_more_than_is_written_down(name: str):
    kept = kept_costs().get(PYTHON, {})
    if name not in kept:
        pytest.skip(f"what this costs in Python {PYTHON} is not written down: make guard-baseline")
    trouble = judged(name, asyncio.run(cost(PATHS[name])), kept[name])

    assert not trouble, trouble


@pytest.mark.parametrize("name", PATHS)
def test_a_loop_that_somebody_plants_in_a_hot_path_is_named(name: str):
    path, now = PATHS[name], asyncio.run(cost(PATHS[name]))
    scope: dict[str, object] = {}
    exec(compile(PLANTED, f"{SERVICES}spooler/planted.py", "exec"), scope)
    planted, times = scope["planted"], sum(now.values()) // 10  # of two instructions each
    assert callable(planted)

    @asynccontextmanager
    async def slower(folder: Path) -> AsyncIterator[Step]:
        async with path.lend(folder) as step:

            async def both() -> None:
                planted(times)
                await step()

            yield both

    trouble = judged(name, asyncio.run(cost(replace(path, lend=slower))), now)
    assert trouble.startswith(f"{name}: ")
    assert "spooler/planted.py 0 -> " in trouble


def test_work_that_grows_by_a_seventh_is_noticed_and_by_a_twentieth_let_pass():
    now, more, much_more = (
        asyncio.run(cost(HotPath(partial(news, watchers=watchers)))) for watchers in (20, 21, 23)
    )

    assert 0 < excess(more, now) < TOLERANCE < excess(much_more, now) < 0.2
