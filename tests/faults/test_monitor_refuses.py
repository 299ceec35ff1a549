"""What a port monitor refuses, with a typed error, and that nothing happens to the paper."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import portmon_settings
from tests.rig.receivers import FifoReceiver
from tests.rig.wire import Holder, channel_to, new_key, refusal

PORT = "LPT1:"


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[FifoReceiver]:
    receiver = FifoReceiver(PORT, tmp_path / "fifo")
    receiver.begin()
    yield receiver
    receiver.end()


@pytest.fixture
def portmon(tmp_path: Path, paper: FifoReceiver) -> Iterator[Program]:
    program = Program("portmon", tmp_path, portmon_settings(tmp_path / "pm", [paper]))
    try:
        program.start()
        yield program
    finally:
        program.stop()


@pytest.fixture
def holder(portmon: Program) -> Iterator[Holder]:
    with channel_to(portmon.address) as channel:
        yield Holder(channel)


def test_a_gap_is_refused_and_named_and_an_overlap_is_dropped(holder: Holder, paper: FifoReceiver):
    handle, key = holder.open(PORT, 1), new_key()
    holder.start(handle, key)
    assert holder.write(handle, key, 0, b"0123456789") == 10
    gap = refusal(lambda: holder.write(handle, key, 12, b"cd"))
    assert (gap.reason, gap.metadata["expected"]) == ("WRONG_OFFSET", "10")
    assert holder.write(handle, key, 4, b"456789ab") == 12
    assert holder.write(handle, key, 0, b"0123") == 12
    assert holder.end(handle, key).accepted == 12
    assert paper.settled() == b"0123456789ab"


def test_a_closed_handle_and_one_never_given_out_do_nothing(holder: Holder, paper: FifoReceiver):
    handle, key = holder.open(PORT, 1), new_key()
    holder.close(handle)
    again = holder.open(PORT, 2)
    forged = type(again)(token=b"x" * len(again.token), fence=again.fence)
    for stale in (handle, forged, type(again)()):
        assert refusal(partial(holder.start, stale, key)).reason == "INVALID_HANDLE"
        error = refusal(partial(holder.write, stale, key, 0, b"x"))
        assert (error.reason, error.win32) == ("INVALID_HANDLE", 6)
    assert paper.settled() == b""


def test_a_lower_fence_is_refused_and_a_higher_one_takes_the_document_over(
    holder: Holder, paper: FifoReceiver
):
    old, key = holder.open(PORT, 7), new_key()
    holder.start(old, key)
    holder.write(old, key, 0, b"first ")
    lower = refusal(lambda: holder.open(PORT, 6))
    assert (lower.reason, lower.win32) == ("STALE_FENCE", 6)
    new = holder.open(PORT, 8)
    assert refusal(lambda: holder.write(old, key, 6, b"old ")).reason == "STALE_FENCE"
    assert holder.write(new, key, 6, b"second") == 12
    assert not holder.end(new, key).HasField("error")
    assert paper.settled() == b"first second"


def test_fences_are_remembered_through_a_kill(portmon: Program, holder: Holder):
    holder.close(holder.open(PORT, 9))
    portmon.kill()
    portmon.start()
    with channel_to(portmon.address) as channel:
        assert refusal(lambda: Holder(channel).open(PORT, 9)).reason == "STALE_FENCE"
        Holder(channel).open(PORT, 10)


def test_an_expired_lease_closes_the_port_and_the_handle_is_dead(holder: Holder, paper: FifoReceiver):
    handle, key = holder.open(PORT, 1, lease_s=1), new_key()
    holder.start(handle, key)
    holder.write(handle, key, 0, b"begun")
    time.sleep(1.6)
    error = refusal(lambda: holder.write(handle, key, 5, b" and gone on with"))
    assert (error.reason, error.win32) == ("LEASE_EXPIRED", 6)
    assert paper.settled() == b"begun"
    holder.open(PORT, 2)


def test_a_port_of_one_fabric_is_busy_for_another_until_it_is_closed(holder: Holder, portmon: Program):
    handle = holder.open(PORT, 1)
    with channel_to(portmon.address) as channel:
        other = Holder(channel, "fabric-b")
        busy = refusal(lambda: other.open(PORT, 1))
        assert (busy.reason, busy.win32, busy.code) == ("PORT_BUSY", 170, "ABORTED")
        holder.close(handle)
        other.open(PORT, 2)  # fences rise on the port, whoever opens it


def test_a_message_above_the_limit_and_a_port_nobody_has_are_refused(holder: Holder, paper: FifoReceiver):
    assert refusal(lambda: holder.open("LPT9:", 1)).reason == "PORT_NOT_FOUND"
    handle, key = holder.open(PORT, 1), new_key()
    holder.start(handle, key)
    error = refusal(lambda: holder.write(handle, key, 0, bytes(5 << 20)))
    assert (error.reason, error.code) == ("TOO_LARGE", "INVALID_ARGUMENT")
    too_much = refusal(lambda: holder.write(handle, key, 0, bytes((1 << 20) + 1)))
    assert too_much.reason == "TOO_LARGE"
    assert holder.write(handle, key, 0, b"small") == 5
    holder.end(handle, key)
    wait_until(lambda: paper.count == 5)
    assert paper.settled() == b"small"
