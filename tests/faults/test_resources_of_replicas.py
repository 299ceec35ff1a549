"""Resources of a cluster, followed by one of the spoolers that share a store, and by the next when that one is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from printfabric_client.errors import FabricError
from tests.fabric.test_discovery import KUBECONFIG
from tests.fabric.test_resources import PRINTERS, api_with_definitions, declare, says, until
from tests.kubeapi.server import KubeApi
from tests.rig.postgres import postgres_server
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, printed
from tests.rig.receivers import TcpReceiver
from tests.rig.replicas import ReplicaFabric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LEASE_S = 60.0  # only who is killed shall be put out, and that is seen by its connection
WITHIN_S = 90.0  # three programs start, two of them with the cluster's library, and one is taken over from
NAMES = {"a1": "IP_A", "a2": "IP_A", "b1": "IP_B", "b2": "IP_B"}


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with api_with_definitions() as api:
        yield api


@pytest.fixture
async def fabric(api: KubeApi, tmp_path: Path) -> AsyncIterator[ReplicaFabric]:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(url=api.url))
    section = f'\n[resources]\nenabled = true\nnamespace = "print"\nkubeconfig = "{kubeconfig}"\n'
    with postgres_server() as server:
        receivers = [TcpReceiver("IP_A"), TcpReceiver("IP_B")]
        fabric = ReplicaFabric(tmp_path, server, receivers, 2, takeover_s=LEASE_S)
        for number in (1, 2):
            with (tmp_path / f"spooler-{number}" / "spooler.toml").open("a") as settings:
                settings.write(section)
        try:
            await asyncio.to_thread(fabric.start)
            yield fabric
        finally:
            await asyncio.to_thread(fabric.close)


def first(fabric: ReplicaFabric) -> int:
    """Return which spooler does what one of them has to do, as a place in `spoolers`."""
    [(name,)] = fabric.server.ask(fabric.url, "SELECT name FROM replicas ORDER BY epoch LIMIT 1")
    return int(name.rpartition(" s")[2]) - 1


async def declare_all(api: KubeApi, location: str) -> None:
    for name, port in NAMES.items():
        spec = {"ports": [{"host": HOST, "port": port}], "location": location}
        await declare(api, PRINTERS, name, spec)


async def test_the_next_spooler_follows_resources_when_the_one_that_did_is_killed(api, fabric):
    await declare_all(api, "Hall 1")
    for name in NAMES:
        await until(says(api, f"{PRINTERS}/{name}", "Ready", "True"), WITHIN_S)
    killed = await asyncio.to_thread(first, fabric)
    await asyncio.to_thread(fabric.spoolers[killed].kill)
    await declare_all(api, "Hall 2")

    def is_so() -> bool:
        with suppress(FabricError), fabric.client(1 - killed) as client:
            return all(client.printers.get(name).location == "Hall 2" for name in NAMES)
        return False  # it is slow to answer

    await asyncio.to_thread(wait_until, is_so, WITHIN_S)
    for name in NAMES:
        await until(says(api, f"{PRINTERS}/{name}", "Accepted", "True"), WITHIN_S)

    def prints() -> str:
        with fabric.client(1 - killed) as client:
            jobs = [client.submit(name.encode(), printer=name).number for name in NAMES]
            wait_until(lambda: all(printed(client.get(number)) for number in jobs), WITHIN_S)
            return str(client.printers.get("a1").managed_by)

    assert await asyncio.to_thread(prints) == "kubernetes:print/a1"
