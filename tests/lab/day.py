"""A day in the laboratory: jobs come in at all spoolers, one thing after the other goes wrong, everything is counted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.jobs import job_filter
from printfabric_client.retry import Retry
from tests.faults.campaign.fleet import judge_all
from tests.faults.campaign.papers import FORMATS
from tests.faults.campaign.person import Persons, still
from tests.faults.campaign.plan import BatchPlan, JobPlan, PrinterPlan, SchedulePlan
from tests.faults.campaign.verdict import MUST_BE_ZERO, Findings
from tests.lab.stage import LabStage
from tests.lab.strikes import Strikes
from tests.rig.memory import memory_folder

_NO_NAMESPACES = "NONE: relays on loopback, for namespaces are not allowed"
_END_S = 120.0  # what may pass after the last strike
_PERSONALITIES = ("zpl", "escpos", "plain")


def day_plan(seed: int, printers: int, jobs: int) -> BatchPlan:
    """Return the printers and their jobs; when a job is sent is the load's affair."""
    dice, schedules = random.Random(f"lab/{seed}"), []
    for number in range(printers):
        queue, personality = f"q{number}", _PERSONALITIES[number % len(_PERSONALITIES)]
        mine = tuple(
            JobPlan(
                place,
                queue,
                personality,
                0.0,
                dice.choice((1, 1, 2, 5)),
                dice.randrange(40, 300),
                setup=False,
            )
            for place in range(number, jobs, printers)
        )
        printer = PrinterPlan(
            name=f"com{number}",
            personality=personality,
            plug="pty",
            flow="stall",
            units_per_second=0.0,
            buffer_bytes=8192,
            rcvbuf_bytes=8192,
            unit_bytes=300,
            faults="",
            box_faults=(),
            seed=dice.randrange(1 << 32),
        )
        schedules.append(SchedulePlan(number, queue, (printer,), mine, "looks"))
    return BatchPlan(0, tuple(schedules), ())


class Load:
    """Jobs in turn over all printers, each sent to any spooler, and to another when that one fails.

    There are more than a day takes: what was struck shall always have something to print.
    """

    def __init__(self, clients: Sequence[Client], jobs: Sequence[JobPlan]) -> None:
        self.accepted: dict[str, int] = {}
        self.refused = 0
        self._jobs = sorted(jobs, key=lambda job: job.number)
        self._clients = itertools.cycle(clients)

    async def run(self, until: asyncio.Event, rate: float) -> None:
        """Send a job at each stroke until the day is over, and be content when all that were sent are accepted."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                if until.is_set():
                    return
                group.create_task(self._send(job))
                await asyncio.sleep(1 / rate)

    async def _send(self, job: JobPlan) -> None:
        data = job.paper().data
        while job.request_id not in self.accepted:
            try:
                made = await next(self._clients).submit(
                    data, printer=job.printer, request_id=job.request_id, format=FORMATS[job.personality]
                )
                self.accepted[job.request_id] = made.number
            except FabricError:
                self.refused += 1
                await asyncio.sleep(0.2)


class Day(NamedTuple):
    """What a day is made of: how many printers, jobs a second, what is struck, and the pause after each strike."""

    seed: int
    printers: int
    jobs: int  # at most
    rate: float
    strikes: Sequence[str]
    hosts: int = 5
    pause_s: float = 2.0
    namespaces: bool = True  # where they are allowed


async def run_day(day: Day) -> dict[str, Any]:
    """Live through a day; return what build/lab.json holds."""
    began, found = time.monotonic(), Findings()
    plan = day_plan(day.seed, day.printers, day.jobs)
    with tempfile.TemporaryDirectory(prefix="lab-", dir=memory_folder()) as folder:
        stage = LabStage(plan, Path(folder), spoolers=3, hosts=day.hosts, namespaces=day.namespaces)
        try:
            await stage.start()
            load, struck = await _live(day, plan, stage, found)
        finally:
            await stage.stop()
    hidden = ("unknown_spans", "complaints")
    return {
        "network": "namespaces" if stage.machines.real else _NO_NAMESPACES,
        "spoolers": 3,
        "hosts": day.hosts,
        "printers": day.printers,
        "seed": day.seed,
        "duration_s": round(time.monotonic() - began, 1),
        "jobs_per_s": day.rate,
        "submissions_sent_again": load.refused,
        "spoolers_started_again": struck.started_again,
        **{name: value for name, value in vars(found).items() if name not in hidden},
        "strikes": [vars(one) for one in struck.taken],
        "complaints": found.complaints[:20],
    }


async def _live(day: Day, plan: BatchPlan, stage: LabStage, found: Findings) -> tuple[Load, Strikes]:
    """Send and strike, then wait until all have ended, and judge."""
    struck, over, loop = Strikes(stage, day.seed), asyncio.Event(), asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as opened:
        patient = Client(stage.address("s1"), timeout_s=20, retry=Retry(total_s=5.0, cap_s=0.5))
        client = await opened.enter_async_context(patient)
        hasty = [
            Client(stage.address(name), timeout_s=3, retry=Retry(total_s=0.5)) for name in stage.spooler_names
        ]
        clients = [await opened.enter_async_context(one) for one in hasty]
        load = Load(clients, [job for schedule in plan.schedules for job in schedule.jobs])
        persons = Persons(client, plan.schedules, stage.queues)
        looking = loop.create_task(persons.run())
        sending = loop.create_task(load.run(over, day.rate))
        await struck.run(day.strikes, day.pause_s)
        over.set()
        await sending
        found.stuck += await _until_quiet(client)
        await asyncio.gather(*(still(stands) for stands in stage.queues.values()))
        persons.stop = True
        await looking
        await judge_all(stage.queues, load.accepted, client, persons, found)
    return load, struck


async def _until_quiet(client: Client) -> int:
    """Wait until no job is active; return how many still are when the time is over."""
    deadline, left = time.monotonic() + _END_S, 1
    while left and time.monotonic() < deadline:
        with contextlib.suppress(FabricError):
            left = len([job async for job in client.list(job_filter(active_only=True))])
        await asyncio.sleep(0.2)
    return left


def failures(result: dict[str, Any]) -> list[str]:
    """Return what must not be: findings that are not zero, and printers that did not print again."""
    wrong = [f"{name}: {result[name]}" for name in MUST_BE_ZERO if result[name]]
    return wrong + [
        f"{one['what']} ({one['whom']}): nothing was printed again"
        for one in result["strikes"]
        if one["printing_s"] is None
    ]
