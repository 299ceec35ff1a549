"""One port's thread at a time has documents for a prompt device, in the order of asking, and none keeps the turn."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from portmon import monitors, turns
from portmon.counters import BackChannel, PortCounters
from portmon.device_wait import READ, DeviceWait
from portmon.document import Disposition, DocInfo, DocKey, Phase, Progress, Slice
from portmon.feed import Feed
from portmon.journal.port_journal import Journal
from portmon.monitor import Port
from portmon.monitors.raw import RawPort
from portmon.session import PortSession
from portmon.turns import Line, Turn
from tests.rig.programs import wait_until
from tests.unit.portmon.test_session import BuggyMonitor, BuggyPort

PORTS, DOCUMENTS = 6, 8


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    """Lend a line of one's own, in which somebody who is never given the turn waits until the test is over."""
    monkeypatch.setattr(turns, "_PATIENCE_S", 30.0)
    return Line()


@pytest.fixture
def run() -> Iterator[Callable[[Callable[[], None]], threading.Thread]]:
    """Lend what runs something on a thread of its own, which has ended when the test has."""
    begun: list[threading.Thread] = []

    def start(what: Callable[[], None]) -> threading.Thread:
        begun.append(threading.Thread(target=what, daemon=True))
        begun[-1].start()
        return begun[-1]

    yield start
    for thread in begun:
        thread.join(30)
        assert not thread.is_alive()


def stand_in(line: Line, count: int) -> bool:
    return len(line._waiting) == count


def test_turns_come_in_the_order_of_asking(line, run):
    had: list[int] = []
    first = Turn(line)
    first.take()

    def takes(number: int) -> Callable[[], None]:
        def work() -> None:
            turn = Turn(line)
            turn.take()
            had.append(number)
            turn.give()

        return work

    for number in range(3):
        run(takes(number))
        wait_until(partial(stand_in, line, number + 1))
    assert had == []
    first.give()
    wait_until(lambda: had == [0, 1, 2])
    assert not line._taken


def test_who_had_a_long_stretch_stands_behind_those_who_wait(line, run, monkeypatch):
    monkeypatch.setattr(turns, "_STRETCH_S", 0.0)
    had: list[str] = []
    first, other = Turn(line), Turn(line)
    first.take()

    def work() -> None:
        other.take()
        had.append("other")
        other.give()

    run(work)
    wait_until(partial(stand_in, line, 1))
    first.take()
    had.append("first")
    first.give()
    assert had == ["other", "first"]


def test_who_waited_too_long_goes_on_without_and_costs_nobody_a_turn(line, monkeypatch):
    monkeypatch.setattr(turns, "_PATIENCE_S", 0.01)
    holder, other = Turn(line), Turn(line)
    holder.take()
    other.take()
    assert not other.held
    other.give()  # nothing: it never had it
    assert line._taken
    holder.give()
    other.take()
    assert other.held


def test_a_turn_is_given_back_by_whoever_leaves_with_it(line):
    turn = Turn(line)
    turn.take()
    with pytest.raises(SystemExit), turn:
        raise SystemExit
    assert not line._taken


def test_whoever_waits_for_a_device_keeps_nobody_waiting(line, run):
    wait, (near, far) = DeviceWait(), socket.socketpair()
    wait.turn, other = Turn(line), Turn(line)
    with near, far:

        def work() -> None:
            with wait.turn:
                wait.turn.take()
                assert wait.poll(near.fileno(), READ, 30.0) == READ
                assert wait.turn.held

        run(work)
        wait_until(lambda: wait.turn.held or not line._taken)
        other.take()  # while the device says nothing
        assert other.held
        assert not wait.turn.held
        far.send(b"x")
        wait_until(partial(stand_in, line, 1))
        other.give()
        wait_until(lambda: not line._taken)
    wait.close()


def test_a_device_that_was_silent_is_not_waited_for_with_the_turn_again(line):
    wait, (near, far) = DeviceWait(), socket.socketpair()
    wait.turn = Turn(line)
    asked: list[tuple[bool, int | None]] = []

    class Poll:
        def poll(self, timeout_ms: int | None) -> list[tuple[int, int]]:
            asked.append((wait.turn.held, timeout_ms))
            time.sleep(0.002)
            return []

    with near, far, wait.turn:
        wait.turn.take()
        for _ in range(2):
            wait._poll(Poll(), 500)  # type: ignore[arg-type]
    wait.close()
    assert asked == [(True, 1), (False, 500), (False, 500)]


def test_the_shortest_wait_keeps_the_turn_too_as_long_as_the_device_is_near(line):
    wait = DeviceWait()
    wait.turn = Turn(line)
    asked: list[bool] = []

    class Poll:
        def poll(self, _timeout_ms: int | None) -> list[tuple[int, int]]:
            asked.append(wait.turn.held)
            return [(1, READ)] if len(asked) == 1 else []

    with wait.turn:
        wait.turn.take()
        for _ in range(3):
            wait._poll(Poll(), 1)  # type: ignore[arg-type]
    wait.close()
    assert asked == [True, True, False]


def test_a_printer_in_the_network_is_not_waited_for_with_the_turn(line):
    """It answers within the shortest wait each time, and others could have printed meanwhile."""
    wait = DeviceWait()
    wait.turn = Turn(line)
    asked: list[bool] = []

    class Poll:
        def poll(self, _timeout_ms: int | None) -> list[tuple[int, int]]:
            asked.append(wait.turn.held)
            time.sleep(0.0007)
            return [(1, READ)]

    with wait.turn:
        wait.turn.take()
        for _ in range(3):
            wait._poll(Poll(), 500)  # type: ignore[arg-type]
    wait.close()
    assert asked == [True, False, False]


def test_what_a_thread_stands_in_line_for_is_not_its_devices_time(line, run):
    wait, (near, far) = DeviceWait(), socket.socketpair()
    wait.turn, other, took_s = Turn(line), Turn(line), []
    with near, far:

        def work() -> None:
            with wait.turn:
                wait.turn.take()
                began = time.monotonic()
                assert wait.poll(near.fileno(), READ, 30.0) == READ
                took_s.append(time.monotonic() - began)

        run(work)
        wait_until(lambda: wait.turn.held or not line._taken)
        other.take()
        far.send(b"x")
        wait_until(partial(stand_in, line, 1))
        time.sleep(0.2)
        other.give()
        wait_until(lambda: took_s)
    wait.close()
    assert 0.2 <= wait.in_line_s <= took_s[0]


def test_a_printer_is_not_said_to_stall_while_its_thread_stands_in_line(tmp_path: Path):
    class Busy(DeviceWait):
        @override
        def wait(self, fd: int | None, events: int, timeout_s: float | None) -> int:
            began = time.monotonic()
            time.sleep(0.2)
            self.in_line_s += time.monotonic() - began
            time.sleep(0.05)
            return 0

    wait, counters, journal = Busy(), PortCounters(), Journal.open(tmp_path / "P", "P")
    feed = Feed("P", journal, counters, wait, BackChannel(counters))
    began = time.monotonic()
    feed._stall(BuggyPort(""), time.monotonic() + 30, 30, 0)
    took_s = time.monotonic() - began
    assert counters.stalls_s[BuggyPort.stall] >= 0.05
    assert counters.stalls_s[BuggyPort.stall] + wait.in_line_s <= took_s
    journal.close()
    wait.close()


class CountedPort(BuggyPort):
    """Gives the interpreter away amid its calls, as anything may, and counts how many ports are amid one."""

    amid = most = 0

    @override
    def write(self, data: memoryview) -> int:
        CountedPort.amid += 1
        CountedPort.most = max(CountedPort.most, CountedPort.amid)
        for _ in range(20):
            time.sleep(0.0001)
        CountedPort.amid -= 1
        if self.wrong == "exit":
            raise SystemExit
        self.taken += bytes(data)
        return len(data)


class PromptPort(CountedPort):
    prompt = True


class CountedMonitor(BuggyMonitor):
    def __init__(self, port: type[BuggyPort], wrong: str = "") -> None:
        self.port, self.wrong = port, wrong


async def printed(folder: Path, monitor: BuggyMonitor, name: str, size: int = 3) -> None:
    """Print some documents at a port that was full when it was opened."""
    journal = Journal.open(folder / name, name)
    session = PortSession(name, "fabric", journal, PortCounters())
    await session.open(monitor, None)
    ends: asyncio.Queue[Progress] = asyncio.Queue()

    def reply(progress: Progress, last: bool) -> None:
        if last:
            ends.put_nowait(progress)

    for number in range(DOCUMENTS):
        key = DocKey(number.to_bytes(16, "big"), 1)
        session.submit(Slice(key, reply, start=DocInfo(), data=bytes(size), end=Disposition.COMPLETE))
    for _ in range(DOCUMENTS):
        assert (await ends.get()).phase is Phase.ENDED
    await session.close()
    journal.close()


@pytest.mark.parametrize(
    ("port", "size", "alone"), [(PromptPort, 3, True), (PromptPort, 20_000, False), (CountedPort, 3, False)]
)
async def test_small_documents_at_prompt_devices_have_one_port_at_a_time(tmp_path: Path, port, size, alone):
    CountedPort.amid = CountedPort.most = 0
    monitor = CountedMonitor(port)
    await asyncio.gather(*(printed(tmp_path, monitor, f"P{number}", size) for number in range(PORTS)))
    assert (CountedPort.most == 1) is alone
    assert not turns.ALL._taken


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_dies_with_the_turn_keeps_no_other_port_waiting(tmp_path: Path):
    CountedPort.amid = CountedPort.most = 0
    dead = Journal.open(tmp_path / "dead", "P")
    session = PortSession("P", "fabric", dead, PortCounters())
    await session.open(CountedMonitor(PromptPort, "exit"), None)
    key = DocKey(bytes(16), 1)
    session.submit(Slice(key, lambda *_: None, start=DocInfo(), data=b"abc", end=Disposition.COMPLETE))
    await printed(tmp_path, CountedMonitor(PromptPort), "other")
    await asyncio.to_thread(wait_until, lambda: not turns.ALL._taken)
    session._wait.close()
    dead.close()


def test_of_the_monitors_here_only_raw_is_prompt():
    for module in pkgutil.iter_modules(monitors.__path__):
        importlib.import_module(f"{monitors.__name__}.{module.name}")
    found: list[Any] = [Port]
    for one in found:
        found.extend(one.__subclasses__())
    ours = {one for one in found if one.__module__.startswith("portmon.monitors.")}
    assert len(ours) > 5
    assert {one for one in ours if one.prompt} == {RawPort}
