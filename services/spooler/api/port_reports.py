"""SetPort: what somebody reports about a port, and what follows: ERROR keeps jobs away until it is cleared or expires."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from chassis import logs
from chassis.errors import InvalidArgument
from printfabric.types.v1 import port_pb2
from spooler.api import rights
from spooler.api.inside import Dispatch, PrinterSteers
from spooler.printer import PortName

_MARK = "reported: "  # begins the reason of a pause that a report made; a person's own pause is left alone
log = logs.get(__name__)


class PortReports:
    """Reports of severity ERROR, as pauses that end with their report."""

    def __init__(self, dispatch: Dispatch, steering: PrinterSteers) -> None:
        self._dispatch, self._steering = dispatch, steering
        self._expiries: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def set(self, port: PortName, status: port_pb2.PortStatus) -> None:
        """Take a report; one of less than ERROR, and CLEAR, end what an earlier one began.

        Raises:
            InvalidArgument: 87; a severity that does not exist, or it has run out already.
        """
        if status.severity not in port_pb2.Severity.values():
            raise InvalidArgument(
                f"severity {status.severity} does not exist", fields=[("status.severity", "is unknown")]
            )
        left_s = None
        if status.HasField("expire_time"):
            left_s = (status.expire_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()
            if left_s <= 0:
                raise InvalidArgument("the report has run out", fields=[("status.expire_time", "is past")])
        if (timer := self._expiries.pop(port.key, None)) is not None:
            timer.cancel()
        clear = status.condition == port_pb2.PORT_CONDITION_CLEAR
        if status.severity != port_pb2.SEVERITY_ERROR or clear:
            await self._end(port)
            return
        present = self._dispatch.paused_ports.get(port.key)
        if present is None or present.reason.startswith(_MARK):
            await self._steering.pause_port(port, rights.caller(), _MARK + _words(status))
        if left_s is not None:
            loop = asyncio.get_running_loop()
            self._expiries[port.key] = loop.call_later(left_s, self._expire, port)

    async def _end(self, port: PortName) -> None:
        present = self._dispatch.paused_ports.get(port.key)
        if present is not None and present.reason.startswith(_MARK):
            await self._steering.resume_port(port, rights.caller())

    def _expire(self, port: PortName) -> None:
        self._expiries.pop(port.key, None)
        log.info("a report about a port has run out", port=str(port))
        task = asyncio.ensure_future(self._end(port))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _words(status: port_pb2.PortStatus) -> str:
    name = port_pb2.PortCondition.Name(status.condition).removeprefix("PORT_CONDITION_")
    text = status.text if status.text.isprintable() else ""
    return (text or name.lower().replace("_", " "))[:200]
