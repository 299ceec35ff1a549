"""Port monitors of many hosts in one process, for spoolers that shall have many: every host has the same ports.

python -m tests.bench.many_hosts --hosts 1000 --ports 10 --ready-file FILE

Each host has an address of its own on loopback and so a connection of its own. Documents are taken and forgotten.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc.aio

from chassis.settings import KeepaliveSettings
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import (
    MonitorServiceServicer,
    add_MonitorServiceServicer_to_server,
)
from printfabric.types.v1 import ledger_pb2, port_pb2


def port_name(number: int) -> str:
    """Return the name of a port; the same on every host."""
    return f"P{number}:"


def addresses(hosts: int) -> list[str]:
    """Return where so many hosts are: all of 127.0.0.0/8 is loopback."""
    return [f"127.{1 + number // 40_000}.{number // 200 % 200}.{1 + number % 200}" for number in range(hosts)]


def host_name(number: int) -> str:
    """Return the name of a host."""
    return f"host-{number}"


def _ports(count: int) -> list[port_pb2.Port]:
    return [
        port_pb2.Port(
            port=port_pb2.PortName(port=port_name(number)),
            monitor="Standard TCP/IP Port",
            state=port_pb2.PORT_STATE_READY,
            device=f"10.0.0.{number}:9100",
        )
        for number in range(count)
    ]


class OneHost(MonitorServiceServicer):
    """One of the hosts."""

    def __init__(self, name: str, ports: Sequence[port_pb2.Port]) -> None:
        self._name = name
        self._ports = ports

    async def Initialize(self, _request: pb.InitializeRequest, _context: Any) -> pb.InitializeResponse:
        """See the contract."""
        return pb.InitializeResponse(host=self._name, instance_id="1", boot_id="1", contract_version="1.0")

    async def WatchPorts(
        self, _request: pb.WatchPortsRequest, _context: Any
    ) -> AsyncIterator[pb.WatchPortsResponse]:
        """See the contract. Nothing ever changes."""
        yield pb.WatchPortsResponse(sequence=1, ports=self._ports)
        await asyncio.Event().wait()

    async def NotifyUsedPorts(
        self, _request: pb.NotifyUsedPortsRequest, _context: Any
    ) -> pb.NotifyUsedPortsResponse:
        """See the contract."""
        return pb.NotifyUsedPortsResponse()

    async def OpenPort(self, request: pb.OpenPortRequest, _context: Any) -> pb.OpenPortResponse:
        """See the contract."""
        handle = pb.PortHandle(token=os.urandom(16), fence=request.fence)
        return pb.OpenPortResponse(handle=handle, lease=request.lease)

    async def ClosePort(self, _request: pb.ClosePortRequest, _context: Any) -> pb.ClosePortResponse:
        """See the contract."""
        return pb.ClosePortResponse()

    async def StreamDocuments(
        self, requests: AsyncIterator[pb.StreamDocumentsRequest], _context: Any
    ) -> AsyncIterator[pb.StreamDocumentsResponse]:
        """See the contract. A document has come out when its last byte is here."""
        async for request in requests:
            ended = [_ended(piece) for piece in request.slices if piece.HasField("end")]
            yield pb.StreamDocumentsResponse(progress=ended)


def _ended(piece: pb.DocumentSlice) -> pb.DocumentProgress:
    return pb.DocumentProgress(
        document=piece.document,
        phase=pb.DOCUMENT_PHASE_ENDED,
        accepted=piece.end.size_bytes,
        acked=piece.end.size_bytes,
        level=ledger_pb2.EVIDENCE_LEVEL_ACKED,
        source=ledger_pb2.EVIDENCE_SOURCE_TCP_ACK,
    )


async def _serve(hosts: int, ports: int, ready: Callable[[Sequence[str]], object]) -> None:
    theirs, found, servers = _ports(ports), [], []
    for number, place in enumerate(addresses(hosts)):
        server = grpc.aio.server(
            options=KeepaliveSettings().server_options()
        )  # it stands the spooler's pings
        # What no spooler asks of them stays unimplemented.
        add_MonitorServiceServicer_to_server(OneHost(host_name(number), theirs), server)  # type: ignore[abstract]
        found.append(f"{place}:{server.add_insecure_port(f'{place}:0')}")
        await server.start()
        servers.append(server)
    ready(found)
    await servers[0].wait_for_termination()


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.many_hosts")
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--ports", type=int, required=True, help="of each host")
    parser.add_argument("--ready-file", type=Path, required=True, help="where the addresses go, as JSON")
    given = parser.parse_args()

    def ready(found: Sequence[str]) -> None:
        beside = given.ready_file.with_suffix(".new")
        beside.write_text(json.dumps({"addresses": found}))
        beside.rename(given.ready_file)

    asyncio.run(_serve(given.hosts, given.ports, ready))


if __name__ == "__main__":
    main()
