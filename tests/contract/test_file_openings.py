"""`FILE:` opened by many who print at once: files and outcomes are those of each document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.tasks import Tasks
from portmon.document import Disposition, DocInfo, DocKey, Phase, Slice
from portmon.handles import Handles
from portmon.hold import Owner
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from tests.contract.monitor_contract import new_key

OURS = Owner("fabric-a", "spooler-1")
OPENINGS, EACH = 16, 8
SLOTS = OPENINGS * EACH


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[tuple[Ports, Handles]]:
    registry = Registry(MonitorInit("edge-7", tmp_path / "files"), [])
    ports = Ports(registry, LocalPortStore(tmp_path / "ports.json"), tmp_path, slots=SLOTS)
    await ports.add("FILE:", "Local Port", {})
    async with Tasks("test") as tasks:
        handles = Handles(ports, tasks)
        yield ports, handles
        await handles.shutdown(None, 0)
    ports.close()


async def test_openings_that_print_at_once_into_a_full_journal_take_no_slot_from_each_other(
    host: tuple[Ports, Handles], tmp_path: Path
) -> None:
    ports, handles = host
    port = ports.get("FILE:")
    for _ in range(SLOTS):  # a fabric that went away for good has all of them
        port.journal.end(port.journal.begin(new_key(), "fabric-b", 0, pipe=True), 0)

    printed = dict[DocKey, int]()

    async def opening(number: int) -> None:
        hold = await handles.open("FILE:", OURS, number + 1, "labels", None)
        for document in range(EACH):
            key, size = new_key(), number * EACH + document + 1
            start = DocInfo(output_file=f"{number}-{document}.prn")
            piece = Slice(
                key, lambda _progress, _last: None, start=start, data=b"x" * size, end=Disposition.COMPLETE
            )
            end = await hold.session.call(piece)
            assert (end.error, end.accepted) == (None, size)
            assert (tmp_path / "files" / start.output_file).stat().st_size == size
            printed[key] = size

    await asyncio.gather(*(opening(number) for number in range(OPENINGS)))
    outcomes = [(port.journal.outcome(key, OURS.fabric), size) for key, size in printed.items()]
    assert all((one.phase, one.accepted) == (Phase.ENDED, size) for one, size in outcomes)
    assert len(port.journal.unsettled(OURS.fabric)) == SLOTS
    assert port.journal.settle(list(printed), OURS.fabric) == SLOTS
