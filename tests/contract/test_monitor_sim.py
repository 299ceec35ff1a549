"""The simulated port: what its settings promise, through a session and its journal."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import DeviceOffline
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.monitor_rigs import SimRig

DATA = bytes(range(256)) * 400


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SimRig]:
    rig = SimRig(tmp_path)
    yield rig
    rig.stop()


async def test_what_it_takes_is_in_its_record_and_acked_when_it_is_printed(rig: SimRig) -> None:
    bench = Bench(rig)
    await bench.open()
    done = await bench.print(DATA)
    assert (done.accepted, done.acked, done.error) == (len(DATA), len(DATA), None)
    assert rig.received() == DATA
    await bench.close()


async def test_it_is_as_slow_as_it_is_told(rig: SimRig) -> None:
    bench = Bench(rig, bytesPerSecond=200_000, bufferBytes=4096)
    await bench.open()
    started = time.monotonic()
    assert (await bench.print(DATA)).error is None
    assert time.monotonic() - started > 0.9 * len(DATA) / 200_000
    await bench.close()


async def test_offline_it_does_not_open(rig: SimRig) -> None:
    with pytest.raises(DeviceOffline):
        await Bench(rig, offline=True).open()


async def test_it_breaks_at_its_byte_and_the_rest_goes_on_there(rig: SimRig) -> None:
    bench = Bench(rig, breakAt=1000)
    await bench.open()
    key = new_key()
    await bench.start(key)
    broken = await bench.slice(key, offset=0, data=DATA)
    assert broken.error is not None
    assert (broken.accepted, broken.resumable) == (1000, True)
    assert rig.received() == DATA[:1000]
    await bench.close()
    bench = Bench(rig)
    await bench.open()
    key = new_key(2)
    await bench.start(key, resume_offset=1000)
    await bench.slice(key, offset=1000, data=DATA[1000:])
    assert (await bench.end(key, len(DATA))).error is None
    assert rig.received() == DATA
    await bench.close()


async def test_a_stall_is_a_time_out_and_no_byte_too_many(rig: SimRig) -> None:
    bench = Bench(rig, stallAt=5000, writeTimeoutS=0.3)
    await bench.open()
    key = new_key()
    await bench.start(key)
    stuck = await bench.slice(key, offset=0, data=DATA)
    assert stuck.error is not None
    assert stuck.error.win32 == 1460
    assert rig.received() == DATA[:5000]
    await bench.close()
