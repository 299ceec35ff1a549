"""The flight recorder: bounded, cheap, and true to what a port did."""

from __future__ import annotations

import time

import pytest

from portmon.document import DocKey
from portmon.recorder import PIECE_BYTES, Direction, Moment, Recorder, Tap

KEY = DocKey(b"k" * 16, 1)


def sizes(moments: list[Moment]) -> int:
    return sum(len(one.data) + one.skipped for one in moments)


def test_the_ring_keeps_the_newest_and_says_how_much_went_before() -> None:
    recorder = Recorder(ring_bytes=1000)
    for n in range(100):
        recorder.out(memoryview(b"%04d" % n * 5))
    kept = recorder.recorded()
    assert len(kept) < 20
    assert kept[-1].data == b"0099" * 5
    assert sizes(kept) == 100 * 20


def test_of_a_long_piece_its_beginning_and_end_are_kept() -> None:
    recorder = Recorder()
    data = bytes(range(256)) * 256
    recorder.out(memoryview(data), KEY)
    first, last = recorder.recorded()
    assert data.startswith(first.data)
    assert data.endswith(last.data)
    assert len(first.data) + last.skipped + len(last.data) == len(data)
    assert len(first.data) + len(last.data) <= PIECE_BYTES
    assert first.document == last.document == KEY


def test_who_looks_on_sees_everything_in_order_and_both_ways() -> None:
    recorder, woken = Recorder(), []
    recorder.out(memoryview(b"before"))
    tap = Tap(lambda: woken.append(1))
    recorder.attach(tap)
    recorder.event("StartDocPort", ("RTS", "CTS"))
    recorder.out(memoryview(b"x" * 10_000))
    recorder.came(b"\x13")
    found = tap.take()
    assert [(one.direction, len(one.data)) for one in found] == [
        (Direction.EVENT, 0), (Direction.OUT, 10_000), (Direction.IN, 1),
    ]  # fmt: skip
    assert (found[0].text, found[0].signals) == ("StartDocPort", ("RTS", "CTS"))
    assert woken
    recorder.detach(tap)
    recorder.out(memoryview(b"after"))
    assert tap.take() == []


def test_a_slow_looker_costs_no_more_than_its_bound_and_hears_how_much_it_missed() -> None:
    recorder = Recorder()
    tap = Tap(lambda: None)
    recorder.attach(tap)
    for _ in range(100):
        recorder.out(memoryview(bytes(65536)))
    seen = tap.take()
    recorder.out(memoryview(b"again"))
    after = tap.take()
    assert sizes(seen) <= (1 << 20) + 65536
    assert sizes(seen) + sizes(after) == 100 * 65536 + 5


@pytest.mark.alone
def test_it_costs_next_to_nothing_while_nobody_looks() -> None:
    recorder, piece = Recorder(), memoryview(bytes(400))  # a small label
    times = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(10_000):
            recorder.out(piece)
        times.append((time.perf_counter() - began) / 10_000)
    # About 1.5 us on the machine this was written on; a write to a device takes ten times that and more.
    assert min(times) < 50e-6
