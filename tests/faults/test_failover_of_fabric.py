"""The database's standby takes over under a fabric that prints: every unit comes out, and none twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.postgres import PostgresServer, postgres_server
from tests.rig.postgres_standby import at, fail_over, standby_of
from tests.rig.programs import wait_until
from tests.rig.receivers import PtyReceiver
from tests.rig.replica_load import Load
from tests.rig.replicas import ReplicaFabric, replica_fabric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
LEASE_S = 60.0  # of the spoolers: their server's end is what ends them
WITHIN_S = 60.0


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[tuple[ReplicaFabric, PostgresServer]]:
    receivers = [PtyReceiver("COM1:"), PtyReceiver("COM2:")]
    with postgres_server() as server, standby_of(server) as standby:
        url = at(server, server.database(), server, standby)
        with replica_fabric(tmp_path, server, receivers, 2, url=url, takeover_s=LEASE_S) as fabric:
            fabric.wait_for_owners()
            yield fabric, standby


def test_each_document_comes_out_once_when_the_databases_standby_takes_over(
    fabric: tuple[ReplicaFabric, PostgresServer],
):
    spoolers, standby = fabric
    load = Load(spoolers)
    load.wait_for(40_000)
    fail_over(spoolers.server, standby)
    wait_until(
        lambda: not any(one.runs for one in spoolers.spoolers), WITHIN_S, "one goes on without its database"
    )
    for spooler in spoolers.spoolers:
        spooler.start()
    load.wait_for(40_000)
    load.judge()
