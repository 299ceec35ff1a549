"""A day in the life of a fleet: many printers, many small jobs, faults that come round, programs that are killed.

python -m tests.faults.campaign.fleet --jobs 100000: writes build/fleet.json. The day is as long as the jobs take at
`--rate`; what goes wrong in it is a function of the seed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric.types.v1.job_pb2 import Job
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.jobs import job_filter
from printfabric_client.retry import Retry
from tests.faults.campaign.befalling import until_moment
from tests.faults.campaign.flatness import MOST_GROWTH, Measure, growth, measure, not_flat
from tests.faults.campaign.person import Persons, clear, still
from tests.faults.campaign.plan import LANGUAGES, PERSONALITIES, BatchPlan, JobPlan, PrinterPlan, SchedulePlan
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.rules import Rules
from tests.faults.campaign.stage import HOST, Stage
from tests.faults.campaign.tale import Tale
from tests.faults.campaign.verdict import MUST_BE_ZERO, Findings, Judge
from tests.rig.memory import memory_folder
from tests.rig.until import until

_END_S = 120.0
_QUIET_FROM = 0.3  # of the day: from here on no program is killed, so that all are warm for its last half
_MEASURED = ("spooler", "portmon")
_ALL_ENDED = 2.0  # in place of a share of the day: everything has ended
_TOLD = (0.5, 0.75, 1.0, _ALL_ENDED)
_SPEAKS_EVERY = 3  # so many printers of a kind, one has its language monitor
_BACK = ("media-out", "ribbon-out", "cover-open", "jam", "head-hot", "pause", "zero-window", "slow=2000")


def fleet_plan(seed: int, printers: int, jobs: int, rate: float) -> BatchPlan:
    """Return the day: `jobs` jobs at `rate` a second over `printers` printers."""
    dice, day_s = random.Random(f"fleet/{seed}"), jobs / rate
    schedules = []
    for number in range(printers):
        queue, personality = f"f{number}", PERSONALITIES[number % len(PERSONALITIES)]
        mine = tuple(
            JobPlan(
                number=place,
                printer=queue,
                personality=personality,
                at_s=day_s * place / jobs,
                units=dice.choice((1, 1, 1, 2, 5)),
                unit_bytes=dice.randrange(40, 300),
                setup=False,
            )
            for place in range(number, jobs, printers)
        )
        speaks = number // len(PERSONALITIES) % _SPEAKS_EVERY == 0
        rules = Rules(language=LANGUAGES.get(personality, "") if speaks else "")
        stand = (_printer(dice, queue, personality),)
        schedules.append(SchedulePlan(number, queue, stand, mine, "looks", rules))
    kills = [
        (dice.uniform(0.05, _QUIET_FROM) * day_s, f"kill {who}", 0.1) for who in ("spooler", "portmon") * 2
    ]
    cuts = [(dice.uniform(0.05, 0.95) * day_s, "cut line", 0.0) for _ in range(3)]
    return BatchPlan(0, tuple(schedules), tuple(sorted(kills + cuts)))


def _printer(dice: random.Random, queue: str, personality: str) -> PrinterPlan:
    plug = dice.choice(("tcp", "tcp", "pty"))
    names = list(dice.sample(_BACK, 2)) + (["reset=drop"] if plug == "tcp" else ["xoff"])
    faults = "; ".join(
        f"{name if '=' in name and not name.startswith('slow') else _lasting(name, dice)}@time:5..40*"
        for name in names
    )
    return PrinterPlan(
        name=f"{queue}a",
        personality=personality,
        plug=plug,
        flow="stall",
        units_per_second=dice.choice((0.0, 300.0)),
        buffer_bytes=8192,
        rcvbuf_bytes=8192,
        unit_bytes=300,
        faults=faults,
        box_faults=(),
        seed=dice.randrange(1 << 32),
        end_timeout_s=10.0,  # nothing here outlasts it: an end without the printer's own close would be a finding
    )


def _lasting(name: str, dice: random.Random) -> str:
    seconds = round(dice.uniform(0.1, 1.0), 2)
    return f"{name},{seconds}" if "=" in name else f"{name}={seconds}"


async def run_fleet(seed: int, printers: int, jobs: int, rate: float) -> dict[str, Any]:
    """Live through the day; return what build/fleet.json holds."""
    began, found, seen = time.monotonic(), Findings(), list[Measure]()
    plan = fleet_plan(seed, printers, jobs, rate)
    with tempfile.TemporaryDirectory(prefix="fleet-", dir=memory_folder()) as folder:
        stage = Stage(plan, Path(folder))
        try:
            await stage.start()
            retry = Retry(total_s=5.0, cap_s=0.5)
            async with Client(stage.spooler.address, timeout_s=20, retry=retry) as client:
                await asyncio.gather(*(_speaks(client, one) for one in plan.schedules if one.rules.language))
                persons = Persons(client, plan.schedules, stage.queues)
                looking = asyncio.get_running_loop().create_task(persons.run())
                watching = asyncio.ensure_future(_watch(stage, time.monotonic(), jobs / rate, seen))
                await stage.run()
                await watching
                left = await _until_quiet(stage, client, jobs)
                await asyncio.gather(*(still(stands) for stands in stage.queues.values()))
                _measure(stage, _ALL_ENDED, seen)
                persons.stop = True
                await looking
                await judge_all(stage.queues, stage.client.accepted(), client, persons, found)
        finally:
            await stage.stop()
    found.stuck += left
    return {
        "printers": printers,
        "seed": seed,
        "duration_s": round(time.monotonic() - began, 1),
        "jobs_per_s": rate,
        **{name: value for name, value in vars(found).items() if name not in ("unknown_spans", "complaints")},
        "faults": dict(stage.befalling.faults),
        "printer_faults": sum(stand.sim.record.counts["event.fault"] for stand in stage.stands),
        "memory": [one._asdict() for one in seen if one.at in _TOLD],
        "growth": (grown := growth([one for one in seen if one.at <= 1])),
        "most_growth": MOST_GROWTH,
        "not_flat": not_flat(grown, _MEASURED),
        "complaints": found.complaints[:20],
    }


async def _speaks(client: Client, schedule: SchedulePlan) -> None:
    """Have a printer asked for its own word."""
    printer = Printer(name=f"printers/{schedule.queue}", language_monitor=schedule.rules.language)
    await client.printers.update(printer, "language_monitor")


async def _watch(stage: Stage, began: float, day_s: float, seen: list[Measure]) -> None:
    """Measure the programs again and again over the last half of the day, once the last was killed."""
    for percent in range(50, 101):
        await until_moment(began + day_s * percent / 100)
        # A slow machine kills late.
        await until(lambda: stage.spooler.serves and stage.portmon.serves, timeout_s=_END_S)
        _measure(stage, percent / 100, seen)


def _measure(stage: Stage, at: float, seen: list[Measure]) -> None:
    for program in (stage.spooler, stage.portmon):
        with contextlib.suppress(OSError):  # it is killed just now
            seen.append(measure(at, program.module, program.pid))


async def _until_quiet(stage: Stage, client: Client, jobs: int) -> int:
    """Wait until no job is active; return how many still are when the time is over."""
    deadline, left = time.monotonic() + _END_S, jobs
    while time.monotonic() < deadline:
        try:
            active = [job async for job in client.list(job_filter(active_only=True))]
            left = len(active)
            if not left and len(stage.client.accepted()) == jobs:
                return 0
            busy = {job.printer.removeprefix("printers/") for job in active}
            await clear(client, (f"{HOST}/{stage.queues[queue][0].port}" for queue in busy))
        except FabricError:
            pass
        await asyncio.sleep(0.5)
    return left


async def judge_all(
    queues: Mapping[str, Sequence[Stand]],
    accepted: Mapping[str, int],
    client: Client,
    persons: Persons,
    found: Findings,
) -> None:
    """Hold every job's last word against its printer's record; nothing is excused."""
    judges = {queue: Judge(stands, {}) for queue, stands in queues.items()}
    known: dict[str, list[tuple[Job, Tale]]] = {queue: [] for queue in judges}
    seen = set[str]()
    async for job in client.list():
        seen.add(job.request_id)
        queue, tale = job.printer.removeprefix("printers/"), persons.tales[job.request_id]
        judges[queue].judge(job, tale, found)
        known[queue].append((job, tale))
        if job.number != accepted.get(job.request_id):
            found.doubled_unmarked += 1
            found.complaints.append(f"{job.request_id} is another job than was answered")
    for request_id in accepted.keys() - seen:
        judges[persons.tales[request_id].plan.printer].judge(None, persons.tales[request_id], found)
    for queue, judge in judges.items():
        judge.judge_sheets(known[queue], found)


def main() -> int:
    """Run a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--printers", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=150.0, help="jobs a second")
    parser.add_argument("--output", type=Path, default=Path("build/fleet.json"))
    options = parser.parse_args()
    told = asyncio.run(run_fleet(options.seed, options.printers, options.jobs, options.rate))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    print(json.dumps(told, indent=2))
    return 1 if any(told[name] for name in (*MUST_BE_ZERO, "not_flat")) else 0


if __name__ == "__main__":
    raise SystemExit(main())
