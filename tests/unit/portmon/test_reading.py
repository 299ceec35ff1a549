import asyncio
import time

import pytest

from chassis.errors import DeviceNotConnected, InvalidHandle
from portmon.counters import BackChannel, PortCounters
from portmon.port_state import PortState
from portmon.reading import Reading

_LONG_S = 30.0


class Bench:
    """A reading on a back channel that this loop fills itself."""

    def __init__(self) -> None:
        self.back, self.closed, self.state = BackChannel(PortCounters()), False, PortState.OPEN
        self.reading = Reading("COM1:", self.back, lambda call: call(), self._check, lambda: self.state)

    def _check(self) -> None:
        if self.closed:
            raise InvalidHandle("this port was closed")


def test_time_outs_are_those_of_windows_local_monitor_at_first() -> None:
    limits = Bench().reading.time_outs
    assert (limits.total_s, limits.interval_s) == (5.0, 0.2)


async def test_a_pause_of_the_interval_ends_a_read() -> None:
    bench = Bench()
    bench.reading.time_outs.interval_s = 0.05
    bench.back.put(b"ab")
    began = time.monotonic()
    assert await bench.reading.read(10, _LONG_S) == b"ab"
    assert time.monotonic() - began < _LONG_S / 2


async def test_bytes_within_the_interval_are_one_read() -> None:
    bench = Bench()
    bench.reading.time_outs.interval_s = _LONG_S
    bench.back.put(b"ab")
    reading = asyncio.ensure_future(bench.reading.read(4, _LONG_S))
    await asyncio.sleep(0)
    bench.back.put(b"cd")
    assert await reading == b"abcd"


async def test_an_interval_of_0_leaves_a_read_its_whole_time() -> None:
    bench = Bench()
    bench.reading.time_outs.interval_s = 0
    bench.back.put(b"ab")
    began = time.monotonic()
    assert await bench.reading.read(10, 0.3) == b"ab"
    assert time.monotonic() - began >= 0.3


async def test_the_interval_counts_from_the_first_byte_only() -> None:
    bench = Bench()
    bench.reading.time_outs.interval_s = 0.01
    began = time.monotonic()
    assert await bench.reading.read(10, 0.3) == b""
    assert time.monotonic() - began >= 0.3


async def test_a_read_of_a_port_that_is_closed_ends_with_the_reason() -> None:
    bench = Bench()
    reading = asyncio.ensure_future(bench.reading.read(10, _LONG_S))
    await asyncio.sleep(0)
    bench.closed = True
    bench.reading.end()
    with pytest.raises(InvalidHandle):
        await reading


async def test_a_read_of_a_port_that_lost_its_device_gives_what_came_before_and_then_says_so() -> None:
    bench = Bench()
    bench.back.put(b"ab")
    bench.state = PortState.FAILED
    assert await bench.reading.read(10, _LONG_S) == b"ab"
    with pytest.raises(DeviceNotConnected, match="COM1: lost its device"):
        await bench.reading.read(10, _LONG_S)


async def test_what_a_read_had_gathered_when_its_reader_hung_up_is_there_for_the_next() -> None:
    bench = Bench()
    bench.reading.time_outs.interval_s = _LONG_S
    bench.back.put(b"ab")
    gone = asyncio.ensure_future(bench.reading.read(10, _LONG_S))
    await asyncio.sleep(0)  # it has both, and waits for more
    assert bench.back.take(10) == b""
    waiting = asyncio.ensure_future(bench.reading.read(4, _LONG_S))
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    bench.back.put(b"cd")
    assert await waiting == b"abcd"


def test_what_is_given_back_is_the_oldest_and_goes_first_when_there_is_too_much() -> None:
    counters = PortCounters()
    back = BackChannel(counters)
    back.put(bytes(65536))
    taken = back.take(2)
    back.put(b"!")
    back.give_back(taken)
    assert (counters.lost_read_bytes, len(back.take(70000))) == (1, 65536)
