"""Who answers where a host is dialled. Nothing is done at a port before it has said that it is that host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chassis.errors import HostUnreachable
from printfabric.monitor.v1 import monitor_service_pb2 as pb

FabricTime = Callable[[], Awaitable[int]]  # milliseconds by the clock that dates job ids

_CALL_TIMEOUT_S = 15.0


class WrongHost(HostUnreachable):
    """Another host answers where this one is dialled. Nothing was asked of it."""

    reason = "WRONG_HOST"


class Introduction:
    """The handshake with whoever answers for one host (InitializePrintMonitor2), and which run of it was met."""

    def __init__(self, host: str, stub: Any, owner: pb.PortOwner, fabric_time: FabricTime) -> None:
        self.functions: dict[str, Sequence[pb.MonitorFunction.ValueType]] = {}  # of each monitor, by its name
        self._host = host
        self._stub = stub
        self._owner = owner
        self._fabric_time = fabric_time
        self._run = ""

    async def greet(self) -> pb.InitializeResponse:
        """Shake hands, and tell this run of the host's what time it is here.

        Raises:
            WrongHost: it is another host.
            HostUnreachable: it does not answer, or another run of it has come meanwhile.
        """
        self._run = ""
        request = pb.InitializeRequest(owner=self._owner, contract_version="1.0")
        first = await self._stub.Initialize(request, timeout=_CALL_TIMEOUT_S)
        self.check(first.host)
        # Read now, so that whatever an earlier run has begun is older.
        request.fabric_time.FromMilliseconds(await self._fabric_time())
        request.instance_id = first.instance_id
        answer: pb.InitializeResponse = await self._stub.Initialize(request, timeout=_CALL_TIMEOUT_S)
        self.check(answer.host)
        if answer.instance_id != first.instance_id:
            raise HostUnreachable(f"host {self._host} was started again meanwhile", host=self._host)
        self.functions = {one.name: one.capabilities for one in answer.monitors}
        self._run = answer.instance_id
        return answer

    def forget(self) -> None:
        """The connection has ended or leads elsewhere: whoever answers next has said nothing yet."""
        self._run = ""

    async def met(self) -> str:
        """Return which run of the host answers, after a handshake if none holds. Raises as `greet`."""
        return self._run or (await self.greet()).instance_id

    def check_still(self, run: str) -> None:
        """Check that what was asked of a run was answered by it. Raises HostUnreachable."""
        if self._run != run:
            raise HostUnreachable(f"the connection to host {self._host} broke meanwhile", host=self._host)

    def check(self, said: str) -> None:
        """Check the name that who answers has given; names compare whatever their case. Raises WrongHost."""
        if said.casefold() != self._host.casefold():
            who = f"host {said}" if said else "somebody without a name"
            text = f"{who} answers where host {self._host} is dialled: an address or a host_name is wrong"
            raise WrongHost(text, host=self._host, answered=said)
