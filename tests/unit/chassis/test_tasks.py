from __future__ import annotations

import asyncio
import gc
import io
import json

import pytest

from chassis import logs
from chassis.metrics import REGISTRY
from chassis.tasks import Backoff, Tasks, supervise
from tests.rig.until import until

QUICK = Backoff(first_s=0.001, most_s=0.004, calm_s=60)


async def test_a_loop_that_fails_is_started_again_logged_and_counted():
    out = io.StringIO()
    logs.configure("test", log_format="json", stream=out)
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise OSError(f"try {runs}")

    await asyncio.wait_for(supervise("pump", loop, QUICK), 30)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert runs == 4
    assert [(line["task"], line["failures"], line["error"]) for line in lines] == [
        ("pump", n, f"OSError('try {n}')") for n in (1, 2, 3)
    ]
    assert REGISTRY.get_sample_value("printfabric_task_restarts_total", {"task": "pump"}) == 3


async def test_what_no_restart_cures_comes_through():
    async def loop() -> None:
        raise PermissionError("device")

    with pytest.raises(PermissionError):
        await supervise("pump", loop, QUICK, fatal=(PermissionError,))


async def test_cancelling_a_supervised_loop_ends_it_even_while_it_waits():
    async def loop() -> None:
        raise OSError("broken")

    task = asyncio.ensure_future(supervise("pump", loop, Backoff(first_s=60, most_s=60)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_waits_grow_to_their_limit_and_differ():
    backoff = Backoff(first_s=0.1, most_s=3.0)
    assert 0.075 <= backoff.wait_s(1) <= 0.1
    assert 0.3 <= backoff.wait_s(3) <= 0.4
    assert 2.25 <= backoff.wait_s(10_000) <= 3.0
    assert len({backoff.wait_s(5) for _ in range(10)}) > 1


async def test_one_failing_task_is_logged_and_leaves_its_siblings_alone():
    out = io.StringIO()
    logs.configure("test", log_format="json", stream=out)
    done = asyncio.Event()

    async def failing() -> None:
        raise ValueError("mine")

    async with Tasks("ports") as tasks:
        tasks.spawn("COM1:", failing())
        tasks.spawn("COM2:", asyncio.sleep(0.02))
        tasks.spawn("COM3:", done.wait())
        await until(lambda: len(tasks) == 1)
        done.set()
        await tasks.join()
    line = json.loads(out.getvalue().splitlines()[0])
    assert (line["event"], line["task"]) == ("task failed", "ports: COM1:")


async def test_closing_waits_for_the_cleanup_of_all_and_takes_no_more():
    cleaned = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(name)

    tasks = Tasks("ports")
    for name in "abc":
        tasks.spawn(name, work(name))
    await asyncio.sleep(0)
    await tasks.close()
    assert sorted(cleaned) == ["a", "b", "c"]
    with pytest.raises(RuntimeError, match="ports is closed"):
        tasks.spawn("late", work("late"))


async def test_a_running_task_is_not_garbage():
    finished = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0.02)
        finished.set()

    tasks = Tasks("ports")
    tasks.spawn("w", work())
    gc.collect()
    await asyncio.wait_for(finished.wait(), 30)
    await tasks.close()
