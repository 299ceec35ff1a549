"""Faults of one name that overlap last as long as the longest, and one cause does not end another's condition."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printfabric_sim import Condition, SimulatedPrinter
from printfabric_sim.connections.serial_pty import PtyConnection
from tests.simulators.test_zpl import label, plug
from tests.simulators.virtual_time import printer_of, run


class Strike(NamedTuple):
    """A fault that begins at `at` and is said to last `lasts`; 0: without end. Times are eighths of a second."""

    at: int
    name: str
    lasts: int


def strikes(*names: str) -> st.SearchStrategy[list[Strike]]:
    one = st.builds(Strike, st.integers(0, 40), st.sampled_from(names), st.integers(0, 16))
    return st.lists(one, min_size=1, max_size=12).map(sorted)


def lasting(name: str, struck: Iterable[Strike], at: float) -> bool:
    """Say whether one of the faults of that name lasts at this moment, by itself."""
    return any(s.name == name and s.at < at < (s.at + s.lasts if s.lasts else math.inf) for s in struck)


@asynccontextmanager
async def struck_by(struck: list[Strike], **how):
    """A printer to which the faults happen in virtual time."""
    faults = "; ".join(f"{s.name}{f'={s.lasts / 8:g}' if s.lasts else ''}@time:{s.at / 8:g}s" for s in struck)
    async with printer_of(faults=faults, **how) as printer:
        yield printer


@given(strikes("jam", "media-out", "cover-open", "pause"))
@settings(max_examples=40, deadline=None)
def test_a_condition_holds_while_any_of_its_faults_would_have_held_alone(struck):
    async def life() -> None:
        async with struck_by(struck) as printer:
            for moment in range(60):  # always between two possible ends
                await asyncio.sleep(1 / 16 if moment == 0 else 1 / 8)
                now = {str(condition).replace("paused", "pause") for condition in printer.core.conditions}
                at = moment + 0.5
                assert now == {s.name for s in struck if lasting(s.name, struck, at)}, f"at {at} eighths"

    run(life())


@given(strikes("power-cut", "freeze", "refuse", "zero-window", "slow=9,"))
@settings(max_examples=20, deadline=None)
def test_every_other_lasting_fault_keeps_the_same_rule(struck):
    struck = [s._replace(lasts=s.lasts or 1) for s in struck]

    async def life() -> None:
        faults = "; ".join(
            f"{s.name}{'' if s.name[-1] == ',' else '='}{s.lasts / 8:g}@time:{s.at / 8:g}s" for s in struck
        )
        async with printer_of(faults=faults) as printer:
            for moment in range(60):
                await asyncio.sleep(1 / 16 if moment == 0 else 1 / 8)
                now = set(printer.actions.lasting())
                assert now == {
                    s.name.partition("=")[0] for s in struck if lasting(s.name, struck, moment + 0.5)
                }
                assert printer.status()["power"] == ("power-cut" not in now)
                assert (printer.core.drain.bytes_per_s > 0) == ("slow" in now)

    run(life())


@pytest.mark.parametrize(
    ("first", "second", "event", "end_s"),
    [
        ("media-out=1", "media-out=2", "fault prolonged", 2.3),
        ("jam", "jam=0.5", "fault without effect", math.inf),
        ("jam=0.5", "jam", "fault prolonged", math.inf),
        ("jam=3", "jam=1", "fault without effect", 3),
        ("power-cut=1", "power-cut=3", "fault prolonged", 3.3),
        ("power-cut=3", "reboot=1", "fault without effect", 3),
    ],
)
def test_a_repeated_fault_ends_with_the_later_and_the_record_says_so(first, second, event, end_s):
    async def life() -> None:
        async with printer_of(faults=f"{first}; {second}@time:0.3s") as printer:
            await asyncio.sleep(0.4)
            names = [e["event"] for e in printer.record.events if e["event"].startswith("fault ")]
            assert names == [event]
            await asyncio.sleep(min(end_s, 99) - 0.5)
            assert printer.core.conditions
            await asyncio.sleep(0.2)
            assert bool(printer.core.conditions) == (end_s == math.inf)

    run(life())


def test_the_end_of_a_fault_does_not_refill_an_empty_roll():
    async def life() -> None:
        async with printer_of(media=3, units_per_second=100) as printer:
            inlet, _ = plug(printer)
            printer.core.feed(inlet, b"".join(label(n) for n in range(6)))
            await asyncio.sleep(1)
            printer.fault("media-out=0.3")
            await asyncio.sleep(5)
            assert printer.record.printed == 3
            assert printer.core.conditions == {Condition.MEDIA_OUT}
            assert printer.record.events[-1]["why"] == "media-out already, for another reason"
            printer.clear("media-out")  # somebody sees to it
            await asyncio.sleep(1)
            assert printer.record.printed == 6

    run(life())


def test_a_roll_that_ends_while_a_fault_takes_the_media_away_is_still_empty_afterwards():
    async def life() -> None:
        async with printer_of(media=3, faults="media-out=0.3@unit:3") as printer:
            inlet, _ = plug(printer)
            printer.core.feed(inlet, b"".join(label(n) for n in range(6)))
            await asyncio.sleep(1)
            assert (printer.record.printed, printer.core.conditions) == (3, {Condition.MEDIA_OUT})

    run(life())


def test_a_fault_that_was_dealt_with_by_a_command_counts_no_more():
    async def life() -> None:
        async with printer_of(faults="pause") as printer:
            inlet, _ = plug(printer)
            printer.core.feed(inlet, b"~PS")
            printer.fault("pause=0.5")
            assert printer.core.conditions == {Condition.PAUSED}
            await asyncio.sleep(1)
            assert printer.core.conditions == set()
            printer.core.feed(inlet, b"~PP")
            printer.fault("pause=0.5")
            await asyncio.sleep(1)
            assert printer.core.conditions == {Condition.PAUSED}

    run(life())


def there(link: Path) -> bool:
    return os.path.lexists(link)


def test_a_device_that_goes_twice_comes_back_once_at_the_later_end(tmp_path):
    async def life() -> None:
        printer = SimulatedPrinter("plain", faults="device-gone=1,same@time:1s; device-gone=2,same@time:1.5s")
        printer.connect(lambda core: PtyConnection(core, tmp_path / "tty"))
        async with printer:
            await asyncio.sleep(3.4)
            assert not there(tmp_path / "tty")
            await asyncio.sleep(0.2)
            assert there(tmp_path / "tty")
            assert printer.record.counts["event.device back"] == 1

    run(life())


@pytest.mark.parametrize("off_again_s", [0.2, 2.9, 3.5])
def test_warming_up_takes_its_whole_time_after_every_power_cut(off_again_s):
    async def life() -> None:
        async with printer_of(warm_up_s=3, faults=f"power-cut=1@time:{off_again_s}s") as printer:
            await asyncio.sleep(off_again_s + 0.5)
            assert printer.core.conditions == {Condition.POWER_OFF}
            await asyncio.sleep(3.4)
            assert printer.core.conditions == {Condition.WARMING_UP}
            await asyncio.sleep(0.2)
            assert printer.core.conditions == set()

    run(life())
