"""What people do to printers, ports and jobs while everything else goes wrong, each at its moment."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from printfabric.spooler.v1.printer_service_pb2 import DailyWindow, Printer
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from tests.faults.campaign.plan import Act, SchedulePlan
from tests.faults.campaign.rules import closed
from tests.faults.campaign.stage import HOST, Stage
from tests.faults.campaign.tale import Tale


class Acts:
    """Does the acts of all schedules; `done` counts those that were done, by verb. A refusal is an answer as good."""

    def __init__(self, client: Client, stage: Stage, tales: Mapping[str, Tale]) -> None:
        self._client, self._stage, self._tales = client, stage, tales
        self.done: Counter[str] = Counter()

    async def run(self) -> None:
        """Do them all, each at its time from now."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for schedule in self._stage.plan.schedules:
                for act in schedule.acts:
                    group.create_task(self._at(began + act.at_s, schedule, act))

    async def _at(self, at: float, schedule: SchedulePlan, act: Act) -> None:
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        with contextlib.suppress(FabricError):
            await self._do(schedule, act)
            self.done[f"person: {act.verb}"] += 1

    async def _do(self, schedule: SchedulePlan, act: Act) -> None:
        client, queue = self._client, schedule.queue
        if act.verb == "pause":
            await self._for_a_while(
                act, client.printers.pause(queue, reason="campaign"), lambda: client.printers.resume(queue)
            )
        elif act.verb == "pause port":
            port = f"{HOST}/{self._stage.queues[queue][0].port}"
            await self._for_a_while(
                act, client.ports.pause(port, reason="campaign"), lambda: client.ports.resume(port)
            )
        elif act.verb == "close":
            await self._for_a_while(
                act, self._set_window(queue, _closed_now()), lambda: self._set_window(queue)
            )
        else:
            await self._to_job(schedule, act)

    async def _set_window(self, queue: str, window: DailyWindow | None = None) -> None:
        await self._client.printers.update(Printer(name=f"printers/{queue}", window=window), "window")

    async def _to_job(self, schedule: SchedulePlan, act: Act) -> None:
        tale = self._tales[schedule.jobs[act.job].request_id]
        number = self._stage.client.accepted().get(tale.plan.request_id)
        if number is None:  # it has not come yet
            return
        tale.decisions.append(act.verb)
        if act.verb == "hold":  # who looks after held jobs releases it
            await self._client.hold(number, reason="campaign")
        elif act.verb == "move":
            await self._client.move(number, f"{schedule.queue}s")
        else:
            tale.cancelled = True
            await self._client.cancel(number, reason="campaign")

    async def _for_a_while(
        self, act: Act, do: Awaitable[object], undo: Callable[[], Awaitable[object]]
    ) -> None:
        """Do something and undo it; a spooler that was killed may have done it and not said so."""
        try:
            await do
        finally:
            await asyncio.sleep(act.seconds)
            await _insist(undo)


def _closed_now() -> DailyWindow:
    now = datetime.now(UTC)
    return closed(now.hour * 60 + now.minute)


async def _insist(what: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await what()
        except FabricError:
            await asyncio.sleep(0.2)
        else:
            return
