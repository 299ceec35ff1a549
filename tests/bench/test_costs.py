"""No hot path costs more than is written down: in instructions, which no neighbour changes. And the guard bites.

Nothing is skipped: a version of Python that the figures are not of judges by lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from tests.bench.costs import (
    OTHER_PYTHON_TOLERANCE,
    PATHS,
    PYTHON,
    TOLERANCE,
    Cost,
    Kept,
    cost,
    excess,
    judged,
    kept_costs,
)
from tests.bench.hot_layers import LAYERS
from tests.bench.hot_paths import CORES, HotPath, Step, news
from tests.bench.instructions import SERVICES

pytestmark = pytest.mark.timeout(300)  # counting every instruction is slow, and slower on a busy machine
PLANTED = """
def planted(times):
    for _ in range(times):
        pass
"""


OTHER_PYTHON = "3.99"
# Where a loop is planted in each layer, and how often a step comes by.
PLACES = {
    "port monitor: a small document over TCP: connected, proven, closed": {
        "portmon.tcp.link.TcpLink.finish": 1
    },
    "the whole way: a label, from a client's call to a TCP printer and its outcome": {
        "spooler.remote_hold.slice_to_pb": 1,
        "portmon.api.document_stream.slice_from": 1,
        "portmon.tcp.link.TcpLink.finish": 1,
    },
    "the whole way: a document of 8 MiB, each MiB": {"spooler.remote_hold.slice_to_pb": 8},
    "call: SubmitJob": {"spooler.api.print_servicer.put_job": 1},
    "call: SubmitJobs, a message of 32 jobs": {"spooler.api.submit_stream.put_result": 32},
    "call: UploadJob, 8 MiB, each MiB": {"spooler.api.uploads.check_piece": 32},
    "call: Explain, a job that waits": {"spooler.api.watch_servicer.explain_job": 1},
    "call: ListJobs, a page of 100": {"spooler.api.convert_job.put_job": 100},
    "call: ListPrinters, a page of 100": {"spooler.api.look.Look.printer_to_pb": 100},
    "call: Watch, the whole picture of 100 jobs and 100 printers": {"spooler.api.watch_stream.put_job": 100},
}


@cache
def cost_now(name: str) -> Cost:
    return asyncio.run(cost(PATHS[name]))


@pytest.mark.parametrize("name", PATHS)
def test_a_hot_path_costs_no_more_than_is_written_down(name: str):
    trouble = judged(name, cost_now(name), kept_costs())

    assert not trouble, trouble


def test_what_is_written_down_is_of_these_paths_and_no_others():
    assert kept_costs().costs.keys() == PATHS.keys()


@pytest.mark.parametrize("name", CORES)
def test_a_loop_that_somebody_plants_in_a_hot_path_is_named(name: str):
    path, now = PATHS[name], cost_now(name)
    planted = planted_loop(sum(now.instructions.values()) // 8)

    @asynccontextmanager
    async def slower(folder: Path) -> AsyncIterator[Step]:
        async with path.lend(folder) as step:

            async def both() -> None:
                planted()
                await step()

            yield both

    assert_it_is_named(name, now, asyncio.run(cost(replace(path, lend=slower))))


@pytest.mark.parametrize("name", LAYERS)
def test_a_loop_that_somebody_plants_in_a_layer_is_named(name: str, monkeypatch: pytest.MonkeyPatch):
    path, now = PATHS[name], cost_now(name)
    for place, calls in PLACES[name].items():
        with monkeypatch.context() as patch:
            planted = planted_loop(sum(now.instructions.values()) * path.units // 8 // calls)
            patch.setattr(place, before(planted, resolve_name(place)))

            assert_it_is_named(name, now, asyncio.run(cost(path)))


def planted_loop(times: int) -> Callable[[], None]:
    """Return what turns so often, two instructions each, and is a service's by its file's name."""
    scope: dict[str, Any] = {}
    exec(compile(PLANTED, f"{SERVICES}spooler/planted.py", "exec"), scope)
    return partial(scope["planted"], times)


def before(planted: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any, **named: Any) -> Any:
        planted()
        return function(*arguments, **named)

    return both


def assert_it_is_named(name: str, now: Cost, more: Cost) -> None:
    for python, what in ((PYTHON, "instructions"), (OTHER_PYTHON, "lines")):
        trouble = judged(name, more, Kept(PYTHON, {name: now}), python)
        assert trouble.startswith(f"{name}: ")
        assert f" {what}, +" in trouble
        assert "spooler/planted.py 0 -> " in trouble


def test_work_that_grows_by_a_seventh_is_noticed_and_by_a_twentieth_let_pass():
    now, more, much_more = (
        asyncio.run(cost(HotPath(partial(news, watchers=watchers)))).instructions for watchers in (20, 21, 23)
    )

    assert 0 < excess(more, now) < TOLERANCE < excess(much_more, now) < 0.2


def test_a_path_that_nobody_has_written_down_fails_and_is_not_skipped():
    trouble = judged("a new path", Cost({"a.py": 1}, {"a.py": 1}), Kept(PYTHON, {}))

    assert trouble == "a new path: what it costs is not written down: make guard-baseline"


@pytest.mark.parametrize(("lines", "is_noticed"), [(76, False), (74, True)])
def test_a_path_that_costs_far_less_is_to_be_written_down_anew(lines: int, is_noticed: bool):
    before, now = Cost({"a.py": 100}, {"a.py": 100}), Cost({"a.py": lines}, {"a.py": lines})

    for python in (PYTHON, OTHER_PYTHON):
        trouble = judged("a path", now, Kept(PYTHON, {"a path": before}), python)
        assert ("-26% beside what is written down. That it stays so" in trouble) is is_noticed


@pytest.mark.parametrize(("lines", "is_noticed"), [(114, False), (116, True)])
def test_another_version_of_python_is_judged_by_lines_whatever_its_instructions(lines: int, is_noticed: bool):
    before, now = Cost({"a.py": 700}, {"a.py": 100}), Cost({"a.py": 7000}, {"a.py": lines})

    assert bool(judged("a path", now, Kept(PYTHON, {"a path": before}), OTHER_PYTHON)) is is_noticed
    assert TOLERANCE < OTHER_PYTHON_TOLERANCE < 0.2
