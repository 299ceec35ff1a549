"""Runs batches of schedules, one after the other, each on a fabric of its own, and sums up."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from printfabric.spooler.v1.port_service_pb2 import HostState
from printfabric.types.v1.job_pb2 import JOB_STATE_CANCELED, Job
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.retry import Retry
from tests.faults.campaign.acts import Acts
from tests.faults.campaign.contents import traits
from tests.faults.campaign.journals import read_tries
from tests.faults.campaign.person import Persons, clear, still
from tests.faults.campaign.plan import BATCH, BatchPlan, SchedulePlan, batch_plans
from tests.faults.campaign.rules import FIELDS
from tests.faults.campaign.stage import HOST, Stage
from tests.faults.campaign.verdict import Findings, Judge
from tests.rig.memory import memory_folder

BY_RULE = "spooler"
_END_S = 120.0  # what a batch may take once the last fault is over
_ASKED_AT_ONCE = 20  # a spooler refuses the hundred and first who looks


@dataclass
class Result:
    """What a campaign found."""

    seed: int
    schedules: int = 0
    findings: Findings = field(default_factory=Findings)
    faults: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    batches: Counter[str] = field(default_factory=Counter)  # that had this
    brought: Counter[str] = field(
        default_factory=Counter
    )  # jobs whose documents lay at the host whole, by prefetch
    duration_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the form of build/faults.json."""
        found = dict(vars(self.findings))
        spans, complaints = found.pop("unknown_spans"), found.pop("complaints")
        return {
            "schedules": self.schedules,
            **found,
            "unknown_span_median": statistics.median(spans) if spans else 0,
            "unknown_span_most": max(spans, default=0),
            "seed": self.seed,
            "duration_s": round(self.duration_s, 1),
            "batches": dict(sorted(self.batches.items())),
            "brought_whole": dict(sorted(self.brought.items())),
            "restarts": dict(sorted(self.restarts.items())),
            "faults": dict(sorted(self.faults.items())),
            "complaints": complaints,
        }


def run_campaign(
    seed: int,
    schedules: int,
    *,
    first: int = 0,
    batch: int = BATCH,
    at_once: int = 1,
    keep: Path | None = None,
    output: Path | None = None,
) -> Result:
    """Run `schedules` schedules of the campaign `seed`, in batches of `batch`, of which `at_once` run at the same time.

    Logs and state of the batches stay below `keep`; the result so far is written to `output` when some have ended.
    """
    result, began = Result(seed), time.monotonic()
    plans = list(batch_plans(seed, schedules, first=first, batch=batch))
    for start in range(0, len(plans), at_once):
        asyncio.run(_run_batches(plans[start : start + at_once], keep, result))
        result.duration_s = time.monotonic() - began
        if output is not None:
            write(result, output)
    return result


async def _run_batches(plans: Sequence[BatchPlan], keep: Path | None, result: Result) -> None:
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=memory_folder()) as temporary:
        async with asyncio.TaskGroup() as group:
            for plan in plans:
                folder = (keep or Path(temporary)) / f"batch-{plan.number}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                group.create_task(_run_batch(plan, folder, result))


async def _run_batch(plan: BatchPlan, folder: Path, result: Result) -> None:
    stage = Stage(plan, folder)
    jobs: dict[str, Job] = {}
    try:
        await stage.start()
        async with Client(stage.spooler.address, timeout_s=10, retry=Retry(total_s=5.0, cap_s=0.5)) as client:
            await _host_is_here(client)
            await asyncio.gather(*(_set_rules(client, stage, schedule) for schedule in plan.schedules))
            persons = Persons(client, plan.schedules, stage.queues)
            acts = Acts(client, stage, persons.tales)
            looking = asyncio.get_running_loop().create_task(persons.run())
            await asyncio.gather(stage.run(), acts.run())
            jobs = await _until_ended(stage, client, len(persons.tales))
            await asyncio.gather(*(still(stands) for stands in stage.queues.values()))
            if plan.console:
                await stage.looker.sees_all()
            persons.stop = True
            await looking
            turns = asyncio.Semaphore(_ASKED_AT_ONCE)
            await asyncio.gather(*(_last_word(client, persons, job, turns) for job in jobs.values()))
        accepted = stage.client.accepted()
    finally:
        await stage.stop()
    result.schedules += len(plan.schedules)
    result.findings.add(_judge(stage, persons, jobs, accepted))
    result.faults.update(stage.befalling.faults + acts.done)
    result.restarts.update(stage.befalling.restarts)
    result.batches.update(traits(plan))
    asked = {job.request_id: one.rules.prefetch for one in plan.schedules for job in one.jobs}
    result.brought.update(asked[job.request_id] for job in jobs.values() if job.uid.hex() in stage.brought)
    for stand in stage.stands:
        result.faults.update(stand.struck())


async def _host_is_here(client: Client) -> None:
    """Wait for a host that dials in as for one that is called."""
    deadline = time.monotonic() + _END_S
    while [host.state async for host in client.hosts.list()] != [HostState.HOST_STATE_ONLINE]:
        assert time.monotonic() < deadline, "the host never comes"
        await asyncio.sleep(0.1)


async def _set_rules(client: Client, stage: Stage, schedule: SchedulePlan) -> None:
    for queue in schedule.queues:
        ports = [stand.port for stand in stage.queues[queue]]
        await client.printers.update(schedule.rules.printer(queue, HOST, ports), *FIELDS)


async def _last_word(client: Client, persons: Persons, job: Job, turns: asyncio.Semaphore) -> None:
    """Take down what the printer's rule decided about a job, and what it and explain say of it in the end."""
    tale = persons.tales[job.request_id]
    async with turns:
        tale.loss = (await client.explain(job.number)).loss
        async for event in client.events(job.number):
            if event.kind == "decided" and event.actor == BY_RULE:
                tale.take_rule(event.text)
        if (
            job.state == JOB_STATE_CANCELED and tale.plan.copies == 1
        ):  # of others it speaks of the present copy
            tale.last_word = await persons.statement(job)


async def _until_ended(stage: Stage, client: Client, wanted: int) -> dict[str, Job]:
    """Wait until every job has ended; clear on the way those ports that wait for a person."""
    deadline, jobs = time.monotonic() + _END_S, {}
    while time.monotonic() < deadline:
        try:
            jobs = {job.request_id: job async for job in client.list()}
            if len(jobs) == wanted and all(job.HasField("end_time") for job in jobs.values()):
                return jobs
            busy = {
                job.printer.removeprefix("printers/") for job in jobs.values() if not job.HasField("end_time")
            }
            stands = [stand for queue in busy for stand in stage.queues[queue]]
            await clear(client, (f"{HOST}/{stand.port}" for stand in stands))
        except FabricError:
            pass
        await asyncio.sleep(0.5)
    for stand in stage.stands:
        stand.last_state = stand.state()
    return jobs


def _judge(stage: Stage, persons: Persons, jobs: dict[str, Job], accepted: dict[str, int]) -> Findings:
    found = Findings()
    tries = read_tries(stage.folder / "pm")
    for schedule in stage.plan.schedules:
        judge = Judge([stand for queue in schedule.queues for stand in stage.queues[queue]], tries)
        known = []
        for plan in schedule.jobs:
            job, tale = jobs.get(plan.request_id), persons.tales[plan.request_id]
            if plan.request_id not in accepted:
                found.stuck += 1
                found.complaints.append(f"{plan.request_id} was never accepted")
                continue
            if job is not None and job.number != accepted[plan.request_id]:
                found.complaints.append(
                    f"{plan.request_id} is two jobs: {job.number}, {accepted[plan.request_id]}"
                )
                found.doubled_unmarked += plan.units
            judge.judge(job, tale, found)
            known += [(job, tale)] if job is not None else []
        judge.judge_sheets(known, found)
    return found


def write(result: Result, path: Path) -> None:
    """Write the result where it is looked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result.as_dict(), indent=2) + "\n", "utf-8")
