"""The part of MonitorService that is about the machine's sleep: documents end or are parked, devices are let go."""

from __future__ import annotations

import asyncio
from typing import Any

from chassis import logs
from chassis.errors import InvalidArgument
from portmon.api import convert
from portmon.api.calls import Calls
from portmon.device_access import Rest
from portmon.monitor import Power
from printfabric.monitor.v1 import monitor_service_pb2 as pb

_GRACE_S = 10.0  # systemd gives a machine that is to sleep 5 s to minutes
log = logs.get(__name__)


class PowerCalls(Calls):
    """PowerEvent."""

    async def PowerEvent(self, request: pb.PowerEventRequest, context: Any) -> pb.PowerEventResponse:
        """Prepare for sleep, sleep, come back; each may be told again, and sleep without its warning."""
        if request.event == pb.POWER_EVENT_KIND_SUSPEND_PENDING:
            asked = request.grace.ToTimedelta().total_seconds() if request.HasField("grace") else _GRACE_S
            return await self._suspend(Power.SUSPEND_PENDING, max(0.0, asked))
        if request.event == pb.POWER_EVENT_KIND_SUSPEND:
            return await self._suspend(Power.SUSPEND, 0.0)
        if request.event == pb.POWER_EVENT_KIND_RESUME:
            await self._resume()
            return pb.PowerEventResponse()
        raise InvalidArgument(
            f"power event {request.event} does not exist", fields=[("event", "is unknown or not set")]
        )

    async def _suspend(self, event: Power, grace_s: float) -> pb.PowerEventResponse:
        """Let documents end within the grace time; park the others at their offset, release all devices."""
        self._ports.access.withhold(Rest.SLEEPS)
        parked, _ = await asyncio.gather(
            self._handles.shutdown(None, grace_s), self._ports.access.quiet(grace_s)
        )
        found = [one for hold in parked for one in hold.left_over()]
        await self._ports.own.power_event(event)
        log.info("host suspends", grace_s=grace_s, parked=len(found))
        return pb.PowerEventResponse(parked=map(convert.progress_to_pb, found))

    async def _resume(self) -> None:
        """Let monitors wake up what they have; open ports again when they are asked for, which looks for the devices and sets them up anew.

        Whoever watches is let go, registers again and so knows at once that the host is back.
        """
        await self._ports.own.power_event(Power.RESUME)
        self._ports.access.grant(Rest.SLEEPS)
        log.info("host resumes")
        self._ports.changes.refresh()
