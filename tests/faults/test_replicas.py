"""Several spoolers on one store: each unit comes out once, whoever of them is killed, stopped or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from printfabric.types.v1.job_pb2 import JobState
from tests.rig.postgres import postgres_server
from tests.rig.programs import wait_until
from tests.rig.real_fabric import printed
from tests.rig.receivers import PtyReceiver
from tests.rig.replica_load import Load
from tests.rig.replicas import ReplicaFabric, replica_fabric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PORTS = ("COM1:", "COM2:", "COM3:")


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[ReplicaFabric]:
    receivers = [PtyReceiver(port) for port in PORTS]
    with postgres_server(durable=True) as server, replica_fabric(tmp_path, server, receivers) as fabric:
        fabric.wait_for_owners()
        yield fabric


def test_each_document_comes_out_once_whatever_becomes_of_the_spoolers(fabric: ReplicaFabric):
    load = Load(fabric)
    for strike in (_kill, _stop_beyond_the_lease, _replace):
        load.wait_for(20_000)
        owner = fabric.wait_for_owners()[load.printer(0)]
        strike(fabric, owner, load)
        fabric.spoolers[owner].start()
    load.judge()


def _kill(fabric: ReplicaFabric, owner: int, load: Load) -> None:
    fabric.spoolers[owner].kill()
    _wait_for_others(fabric, owner)
    load.wait_for(10_000)


def _stop_beyond_the_lease(fabric: ReplicaFabric, owner: int, load: Load) -> None:
    """It is put out while it stands still, and ends when it finds out."""
    with fabric.stopped(owner):
        _wait_for_others(fabric, owner)
        load.wait_for(10_000)
    wait_until(lambda: not fabric.spoolers[owner].runs, why="it goes on although it was put out")


def _replace(fabric: ReplicaFabric, owner: int, load: Load) -> None:
    fabric.spoolers[owner].end()
    _wait_for_others(fabric, owner)


def _wait_for_others(fabric: ReplicaFabric, gone: int) -> None:
    wait_until(lambda: gone not in fabric.members(), why="nobody put it out")
    wait_until(lambda: gone not in fabric.wait_for_owners().values(), why="nobody took its printers over")


def test_what_is_steered_at_one_happens_at_the_owner(fabric: ReplicaFabric):
    owner = fabric.wait_for_owners()["com1"]
    others = [number for number in range(len(fabric.spoolers)) if number != owner]
    with fabric.client(others[0]) as here, fabric.client(others[1]) as there:
        here.printers.pause("com1", reason="paper is changed")
        job = there.submit(b"x" * 100, printer="com1")
        assert "paper is changed" in here.explain(job.name).headline
        assert here.hold(job.name).state == JobState.JOB_STATE_PENDING_HELD
        wait_until(lambda: there.get(job.name).state == JobState.JOB_STATE_PENDING_HELD)
        there.printers.resume("com1")
        assert here.move(job.name, "com2").printer == "printers/com2"
        there.release(job.name)
        assert printed(here.wait(job.name, timeout_s=60))
        assert fabric.receivers["com2"].settled().endswith(b"x" * 100)
