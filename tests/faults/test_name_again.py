"""A spooler is started again while its last run stands still, as a machine does whose network is gone: nothing waits long, nothing is doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.postgres import postgres_server
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import printer_of, spooler_settings
from tests.rig.receivers import PtyReceiver
from tests.rig.replica_load import Load
from tests.rig.replicas import ReplicaFabric, replica_fabric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
LEASE_S = 120.0  # whoever waited for it would not be ready in time
PORTS = ("COM1:", "COM2:")
WITHIN_S = 60.0


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[ReplicaFabric]:
    """A spooler that runs, and another of its name that does not."""
    receivers = [PtyReceiver(port) for port in PORTS]
    with (
        postgres_server(durable=True) as server,
        replica_fabric(tmp_path, server, receivers, 1, takeover_s=LEASE_S) as fabric,
    ):
        fabric.wait_for_owners()
        own = tmp_path / "again"
        own.mkdir()
        printers = {printer_of(one): [one.port] for one in receivers}
        more = f'database = "{fabric.url}"\nspooler_id = "s1"\ntakeover_s = {LEASE_S}'
        settings = spooler_settings(own / "sp", fabric.portmon.address, printers, more)
        fabric.spoolers.append(Program("spooler", own, settings))
        yield fabric


def test_a_spooler_of_the_same_name_prints_on_at_once_and_the_old_one_does_nothing_more(
    fabric: ReplicaFabric,
):
    load = Load(fabric)
    load.wait_for(20_000)
    old, new = fabric.spoolers
    before = _epoch(fabric)
    stopped = old.pid
    os.kill(stopped, signal.SIGSTOP)
    try:
        new.start()
        wait_until(lambda: _epoch(fabric) > before, WITHIN_S, "it waits for the lease of its last run")
        fabric.wait_for_owners()
        load.wait_for(3_000)  # every other call waits in vain for the one that stands still
    finally:
        os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: not old.runs, why="it goes on although another of its name has its printers")
    load.wait_for(40_000)
    assert new.runs
    fabric.spoolers.reverse()  # who is asked what became of the jobs
    load.judge()


def _epoch(fabric: ReplicaFabric) -> int:
    """Return the epoch of the youngest member."""
    return max(int(epoch) for (epoch,) in fabric.server.ask(fabric.url, "SELECT epoch FROM replicas"))
