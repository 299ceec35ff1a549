"""Who answers where a host is dialled. Nothing is done at a port before it has said that it is that host, and proven it where that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from chassis import logs
from chassis.errors import FabricError, HostUnreachable
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from spooler.host_proving import HostProof, NotBelieved, Proving

log = logs.get(__name__)

FabricTime = Callable[[], Awaitable[int]]  # milliseconds by the clock that dates job ids
Alive = Callable[[], bool]  # says whether a stream that was begun before still runs

_CALL_TIMEOUT_S = 15.0
_PAUSE_S = 5.0  # after a proof that did not come back; the stream tells what became of the connection


class WrongHost(NotBelieved):
    """Another host answers where this one is dialled. Nothing was asked of it."""

    reason = "WRONG_HOST"


class Line(Protocol):
    """The way to a host, below its stubs (`chassis.client.Channel`)."""

    def line(self) -> int:
        """Return which connection a call made now takes: another one after a move, or with new certificates."""

    def cut(self) -> None:
        """Part from who answers; the next call connects anew."""


class Introduction:
    """The handshake with whoever answers for one host (InitializePrintMonitor2), and which run of it was met.

    A host that has nothing to prove is met by `greet`. One that has is met by `prove`, over a connection that a stream
    holds: gRPC connects anew unasked, and whoever is met there has proven nothing.
    """

    def __init__(self, host: str, stub: Any, owner: pb.PortOwner, fabric_time: FabricTime) -> None:
        self.functions: dict[str, Sequence[pb.MonitorFunction.ValueType]] = {}  # of each monitor, by its name
        self.end_watch: Callable[[], object] = lambda: None  # the stream is to be begun anew
        self._host = host
        self._stub = stub
        self._owner = owner
        self._fabric_time = fabric_time
        self._proving = Proving(host)
        self._line: Line | None = None
        self._run = ""
        self._met_on = 0

    def demand(self, proof: HostProof | None, line: Line) -> None:
        """From now on who answers has this to prove, on each connection of `line`; None: nothing."""
        if proof is not self._proving.proof:
            self._proving.proof, self._line = proof, line
            self.forget()
            self.end_watch()

    async def greet(self) -> pb.InitializeResponse:
        """Shake hands, and tell this run of the host's what time it is here.

        Raises:
            WrongHost: it is another host.
            HostUnreachable: it does not answer, or another run of it has come meanwhile.
        """
        if self._proving.proof is None:
            self.forget()
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
        if self._proving.proof is None:
            self._run = answer.instance_id
        return answer

    async def prove(self, alive: Alive) -> None:
        """Let who answers prove to be the host, where that is asked for.

        alive: of a stream that was answered before. While it runs, calls take its connection, and so did the proof.

        Raises:
            NotBelieved: it does not prove it, or nobody can say now.
            HostUnreachable: it does not answer, or the connection broke meanwhile.
        """
        if self._proving.proof is None:
            return
        line = self._line_now()
        request = pb.InitializeRequest(
            owner=self._owner, contract_version="1.0", host_token_audience=self._proving.audience
        )
        answer = await self._stub.Initialize(request, timeout=_CALL_TIMEOUT_S)
        self.check(answer.host)
        await self._proving.check(answer.host_token, answer.monitor_handle)
        if not alive() or line != self._line_now():
            raise self._broke()
        self._run, self._met_on = answer.instance_id, line

    async def stay_proven(self, alive: Alive) -> None:
        """Ask for a proof again whenever the last has run out; part from who brings none any more. Ends when cancelled."""
        while self._proving.proof is not None:
            await asyncio.sleep(self._proving.next_look_s())
            try:
                await self.prove(alive)
            except NotBelieved as error:
                log.warning("host is proven no more", host=self._host, reason=error.reason, error=str(error))
                self.forget()
                if self._line is not None:
                    self._line.cut()
                return
            except FabricError:
                await asyncio.sleep(_PAUSE_S)

    def forget(self) -> None:
        """The connection has ended or leads elsewhere: whoever answers next has said nothing yet."""
        self._run = ""

    async def met(self) -> str:
        """Return which run of the host answers, after a handshake if none holds.

        Raises:
            HostUnreachable: it has to prove itself, and has not yet; and as `greet`.
        """
        if self._proving.proof is None:
            return self._run or (await self.greet()).instance_id
        self.check_proven()
        return self._run

    def check_proven(self, run: str = "") -> None:
        """Check that calls made now, and since `run` was met, go to who is proven, where the host has to be.

        Raises:
            HostUnreachable: the connection has ended, or a call would take another one.
        """
        if self._proving.proof is None:
            return
        if self._run and self._met_on != self._line_now():
            self.forget()
            self.end_watch()
        if not self._run:
            text = f"host {self._host} has not proven yet that it is the one that answers"
            raise HostUnreachable(text, host=self._host)
        if run:
            self.check_still(run)

    def check_still(self, run: str) -> None:
        """Check that what was asked of a run was answered by it. Raises HostUnreachable."""
        if self._run != run:
            raise self._broke()

    def check(self, said: str) -> None:
        """Check the name that who answers has given; names compare whatever their case. Raises WrongHost."""
        if said.casefold() != self._host.casefold():
            who = f"host {said}" if said else "somebody without a name"
            text = f"{who} answers where host {self._host} is dialled: an address or a host_name is wrong"
            raise WrongHost(text, host=self._host, answered=said)

    def _line_now(self) -> int:
        return self._line.line() if self._line is not None else 0

    def _broke(self) -> HostUnreachable:
        return HostUnreachable(f"the connection to host {self._host} broke meanwhile", host=self._host)
