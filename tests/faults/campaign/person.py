"""The people who look after the campaign's printers: they read what a held job says, look at the paper, and decide."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import UNIT_KIND_DOCUMENT, UnitRange
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError, InvalidArgument, NotSupported
from printfabric_client.jobs import awaits_decision, job_filter
from printfabric_client.names import port_name
from tests.faults.campaign.plan import SchedulePlan
from tests.faults.campaign.printers import Stand
from tests.faults.campaign.tale import Statement, Tale, statement_of

SKIP, REPRINT = pb.UNCERTAIN_DECISION_SKIP, pb.UNCERTAIN_DECISION_REPRINT
MARKED = pb.UNCERTAIN_DECISION_REPRINT_MARKED
_LOOK_S = 0.2
_STILL_S = 0.4
_MOST_WAIT_S = 30.0
TRY_NOW = "Try now"  # needs nobody: the spooler tries again by itself


class Persons:
    """One for all printers; runs until `stop`."""

    def __init__(
        self, client: Client, schedules: Iterable[SchedulePlan], queues: dict[str, list[Stand]]
    ) -> None:
        self._client = client
        # A job that was moved may have left something at the printer it came from.
        self._stands = {
            one.queue: [stand for queue in one.queues for stand in queues[queue]] for one in schedules
        }
        self._who = {schedule.queue: schedule.person for schedule in schedules}
        self.tales = {job.request_id: Tale(job) for schedule in schedules for job in schedule.jobs}
        self._busy: dict[int, asyncio.Task[None]] = {}
        self.stop = False

    async def run(self) -> None:
        """Look for held jobs, again and again."""
        held = job_filter(states=[JobState.JOB_STATE_PENDING_HELD])
        while not self.stop:
            try:
                async for job in self._client.list(held):
                    if job.number not in self._busy and job.request_id in self.tales:
                        task = asyncio.get_running_loop().create_task(self._see_to(job))
                        self._busy[job.number] = task
            except FabricError:
                pass  # the spooler is being killed: in a moment
            await asyncio.sleep(_LOOK_S)
            for number, task in list(self._busy.items()):
                if task.done():
                    del self._busy[number]
                    task.result()
        await asyncio.gather(*self._busy.values())

    async def _see_to(self, job: Job) -> None:
        stands = self._stands[self.tales[job.request_id].plan.printer]
        await still(stands)
        try:
            job = await self._client.get(job.number)
            if job.state != JobState.JOB_STATE_PENDING_HELD:
                return
            if not awaits_decision(job):
                self.tales[job.request_id].decisions.append(f"release: {job.hold_reason}")
                await self._client.release(job.number)
                return
            await self._decide(job, stands)
        except FabricError as error:
            tale = self.tales[job.request_id]
            tale.decisions.append(f"{error.reason} {error}")
            if error.reason == "WRONG_STATE" and "cannot go on" in str(error):
                await self._begin_again(tale)

    async def _begin_again(self, tale: Tale) -> None:
        """The language lets nobody begin in the middle: all of it again."""
        tale.maybe.update([*tale.units] * tale.plan.copies)
        tale.decisions.append("restart")
        with contextlib.suppress(FabricError):  # it is still held then, and seen to again
            await self._client.restart(tale.number)

    async def statement(self, job: Job) -> Statement:
        """Return what a job says now."""
        plan = self.tales[job.request_id].plan
        copy = 1
        async for attempt in self._client.attempts(job.number):
            copy = max(copy, attempt.copy)
        loss = (await self._client.explain(job.number)).loss
        return statement_of(job, loss, copy, plan, self._stands[plan.printer])

    async def _decide(self, job: Job, stands: list[Stand]) -> None:
        tale = self.tales[job.request_id]
        tale.number = job.number
        statement = await self.statement(job)
        tale.statements.append(statement)
        person = self._who[tale.plan.printer]
        if job.ledger.units.kind == UNIT_KIND_DOCUMENT:
            person = "document"
        if statement.unsure is None:
            tale.decisions.append(f"go on after {statement.proven}")
            await self._client.resolve(job.number, SKIP)
        elif person == "resumes":
            await self._resume(tale, statement)
        elif person == "looks":
            await self._look(tale, statement)
        elif person == "skips":
            tale.skipped.update(_units(statement.unsure))
            tale.decisions.append(f"skip {statement.unsure}")
            await self._client.resolve(job.number, SKIP)
        else:
            await self._again(tale, statement, marked=person == "marks")

    async def _again(self, tale: Tale, statement: Statement, *, marked: bool) -> None:
        """Print all again that is uncertain, with a mark where that is wanted and can be had."""
        assert statement.unsure is not None
        if marked:
            try:
                await self._client.resolve(tale.number, MARKED)
            except (NotSupported, InvalidArgument):
                pass
            else:
                tale.decisions.append(f"mark {statement.unsure}")
                return
        tale.maybe.update(_units(statement.unsure))
        tale.decisions.append(f"reprint {statement.unsure}")
        await self._client.resolve(tale.number, REPRINT)

    async def _resume(self, tale: Tale, statement: Statement) -> None:
        """Go on behind the last unit that is on paper; what is missing before it is let go."""
        assert statement.unsure is not None
        first, last = statement.unsure
        there = [unit for unit in _units(statement.unsure) if statement.is_out(unit)]
        k = max(there, default=first - 1) + 1
        tale.skipped.update(unit for unit in range(first, k) if not statement.is_out(unit))
        tale.decisions.append(f"resume at {k} of {first}-{last}")
        if k > statement.total:
            await self._client.resolve(tale.number, SKIP)
        else:
            await self._client.resume(tale.number, unit=k)

    async def _look(self, tale: Tale, statement: Statement) -> None:
        """Skip what is on paper, print what is not: to the unit."""
        assert statement.unsure is not None
        decisions: list[pb.UnitDecision] = []
        for unit in _units(statement.unsure):
            what = SKIP if statement.is_out(unit) else REPRINT
            if decisions and decisions[-1].decision == what:
                decisions[-1].units.last = unit
            else:
                decisions.append(pb.UnitDecision(units=UnitRange(first=unit, last=unit), decision=what))
        tale.decisions.append(
            "; ".join(f"{one.units.first}-{one.units.last} {one.decision}" for one in decisions)
        )
        await self._client.resolve_each(tale.number, decisions)


def _units(span: tuple[int, int]) -> range:
    return range(span[0], span[1] + 1)


async def still(stands: Sequence[Stand]) -> None:
    """Wait until what is on its way to these printers is on paper: no old connection, no fault, nothing moves."""
    began, since = time.monotonic(), time.monotonic()
    old = [stand.inlets() for stand in stands]
    seen: object = None
    while time.monotonic() - began < _MOST_WAIT_S:
        now = [stand.sim.core.intake.received for stand in stands]
        gone = not any(before & stand.inlets() for before, stand in zip(old, stands, strict=True))
        calm = all(stand.calm_now() for stand in stands)
        if now != seen or not calm or not gone:
            seen, since = now, time.monotonic()
        if time.monotonic() - since >= _STILL_S:
            return
        await asyncio.sleep(0.05)


async def clear(client: Client, ports: Iterable[str]) -> None:
    """Resume those ports that wait for a person, as explain says. Whatever else keeps a port has to pass by itself."""
    for port in ports:
        said = await client.explain(port_name(port))
        if any(action.method.endswith("/ResumePort") and action.title != TRY_NOW for action in said.actions):
            await client.ports.resume(port)
