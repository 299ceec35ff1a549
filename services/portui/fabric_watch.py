"""The wall: the one Watch of this process, as plain changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from chassis.client import Channels
from portui import fabric_convert as convert
from portui import fabric_printers
from portui.model import Host, Job, Port, Printer
from printfabric.spooler.v1 import watch_service_pb2 as pb
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: things as they are now, names of what is gone; `begins` says that all of before is void."""

    begins: bool = False
    complete: bool = True
    ports: tuple[Port, ...] = ()
    printers: tuple[Printer, ...] = ()
    jobs: tuple[Job, ...] = ()
    hosts: tuple[Host, ...] = ()
    deleted: tuple[str, ...] = ()


class FabricWatch:
    """Watches everything at the spooler."""

    def __init__(self, channels: Channels, address: str) -> None:
        self._stub: Any = WatchServiceStub(channels.get(address))

    async def changes(self) -> AsyncIterator[Change]:
        """Yield a snapshot, then changes, until the stream breaks.

        Raises:
            FabricError: it broke, or could not begin.
        """
        in_snapshot = False
        # A filter that everything fits: without one the snapshot has no jobs that have ended.
        request = pb.WatchRequest()
        request.jobs.created_after.FromSeconds(1)
        async with aclosing(aiter(self._stub.Watch(request, wait_for_ready=True))) as messages:
            async for message in messages:
                begins = message.snapshot and not in_snapshot
                in_snapshot = message.snapshot and not message.snapshot_complete
                if not message.gap:
                    yield _change(message, begins=begins, complete=not in_snapshot)


def _change(message: pb.WatchResponse, *, begins: bool, complete: bool) -> Change:
    return Change(
        begins,
        complete,
        tuple(convert.port(one) for one in message.ports),
        tuple(fabric_printers.printer(one) for one in message.printers),
        tuple(convert.job(one) for one in message.jobs),
        tuple(convert.host(one) for one in message.hosts),
        tuple(message.deleted),
    )
