"""No job starves behind urgent ones, no printer behind the urgent one it shares a port with."""

from __future__ import annotations

from pathlib import Path

from spooler.job_state import JobState
from spooler.printer import PoolOrder
from spooler.waiting import MOST_OVERTAKINGS
from tests.fabric.dispatch_rig import running
from tests.fakes.host import FakeHost


async def test_urgent_jobs_overtake_but_not_without_end(tmp_path: Path) -> None:
    host = FakeHost("edge", "P1:", "P2:")
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        await rig.printers.pause_printer("labels", "ann")
        low = [await rig.submit("labels", b"low", priority=1) for _ in range(2)]
        high = [await rig.submit("labels", b"high", priority=90) for _ in range(MOST_OVERTAKINGS + 4)]
        await rig.printers.resume_printer("labels", "ann")
        await rig.until(low[1].number, JobState.COMPLETED)
    numbers = [job.number for job in high]
    assert host.ports["P1:"].order == [
        *numbers[:MOST_OVERTAKINGS],
        low[0].number,
        *numbers[MOST_OVERTAKINGS:],
        low[1].number,
    ]


async def test_a_printer_of_low_priority_gets_its_turn_at_a_port_that_it_shares(tmp_path: Path) -> None:
    host = FakeHost("edge", "P1:", "P2:")
    host.ports["P2:"].paused.clear()  # one document lies there for as long as this lasts
    async with running(tmp_path, host) as rig:
        await rig.printer(
            "urgent", "P1:", "P2:", priority=99
        )  # a pool: one document at a time through each port
        await rig.printer("patient", "P1:", priority=1)
        for name in ("urgent", "patient"):
            await rig.printers.pause_printer(name, "ann")
        urgent = [await rig.submit("urgent", b"urgent") for _ in range(3 * MOST_OVERTAKINGS)]
        low = await rig.submit("patient", b"low")
        for name in ("urgent", "patient"):
            await rig.printers.resume_printer(name, "ann")
        await rig.until(low.number, JobState.COMPLETED)
        host.ports["P2:"].paused.set()
        for job in urgent:
            await rig.until(job.number, JobState.COMPLETED)
    place = host.ports["P1:"].order.index(low.number)
    assert MOST_OVERTAKINGS - 2 <= place <= MOST_OVERTAKINGS + 2


async def test_the_least_loaded_port_is_the_one_for_which_the_fewest_bytes_wait(tmp_path: Path) -> None:
    host = FakeHost("edge", "P1:", "P2:")
    async with running(tmp_path, host) as rig:
        await rig.printer("alone", "P1:")
        await rig.printer("least", "P1:", "P2:", pool_order=PoolOrder.LEAST_LOADED)
        used = await rig.submit("least", b"x" * 100)
        await rig.until(used.number, JobState.COMPLETED)
        assert host.ports["P1:"].order == [used.number]
        await rig.printers.pause_printer("alone", "ann")
        other = await rig.submit("least", b"x" * 10)
        await rig.until(other.number, JobState.COMPLETED)
        assert host.ports["P2:"].order == [other.number], "P1: had more bytes"
        await rig.submit("least", b"x" * 200)
        await rig.until(other.number + 1, JobState.COMPLETED)
        assert host.ports["P2:"].order[-1] == other.number + 1, "P2: had fewer"
        await rig.submit("alone", b"x" * 10_000)  # P1: had fewer now, but this waits for it
        last = await rig.submit("least", b"x")
        await rig.until(last.number, JobState.COMPLETED)
        assert host.ports["P2:"].order[-1] == last.number
