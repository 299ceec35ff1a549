"""However many look, whoever prints is left alone: no spooler is taken for silent because it has much to show."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chassis.client import Channels
from chassis.errors import Overloaded
from chassis.settings import ChannelSettings
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric_client import new_job
from tests.rig.postgres import postgres_server
from tests.rig.receivers import PtyReceiver
from tests.rig.replicas import replica_fabric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
VIEWERS = 600  # at once; one after the other they take several times the lease


def test_a_flood_of_viewers_puts_no_spooler_out(tmp_path: Path):
    with (
        postgres_server() as server,
        replica_fabric(tmp_path, server, [PtyReceiver("COM1:")], spoolers=2, takeover_s=5.0) as fabric,
    ):
        owner = fabric.wait_for_owners()["com1"]
        members = server.ask(fabric.url, "SELECT name, epoch FROM replicas ORDER BY name")
        with fabric.client(owner) as client:
            client.printers.pause("com1", reason="they are looked at")
            jobs = [new_job(b"x" * 40, printer="com1") for _ in range(2000)]
            assert len(list(client.submit_many(jobs, in_flight=50))) == len(jobs)
        shown, refused = asyncio.run(_flood(fabric.spoolers[owner].address))
        assert shown + refused == VIEWERS
        assert shown >= 100
        assert refused > 0
        assert server.ask(fabric.url, "SELECT name, epoch FROM replicas ORDER BY name") == members
        assert all(spooler.runs for spooler in fabric.spoolers)


async def _flood(address: str) -> tuple[int, int]:
    """Return how many of those who look at once see a page of a thousand jobs, and how many are told to ask again."""
    async with Channels(ChannelSettings(deadline_s=120)) as channels:
        stub = PrintServiceStub(channels.get(address))

        async def look() -> bool:
            try:
                page = await stub.ListJobs(pb.ListJobsRequest(page_size=1000))
            except Overloaded:
                return False
            assert len(page.jobs) == 1000
            return True

        seen = await asyncio.gather(*(look() for _ in range(VIEWERS)))
        return sum(seen), len(seen) - sum(seen)
