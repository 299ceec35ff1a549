"""Answers come in order, of many ports at once, and none waits for the next one longer than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portmon import outbox
from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, DocKey, Phase, Progress, Slice
from portmon.inbox import MANY
from portmon.journal.port_journal import Journal
from portmon.outbox import Outbox
from portmon.session import PortSession
from tests.rig.until import until
from tests.unit.portmon.test_session import BuggyMonitor

DOCUMENTS = 12


class Port:
    """An outbox, what it has said so far, and how often it woke the loop."""

    def __init__(self, said: list[str], name: str = "") -> None:
        self.said, self.name, self.flushes = said, name, 0
        self.outbox = Outbox(self._flushed)

    def _flushed(self) -> None:
        self.flushes += 1

    def put(self, what: str, *, gathers: bool = False, reply: Callable[..., None] | None = None) -> None:
        key = DocKey(bytes(16), 1)
        piece = Slice(key, reply or (lambda *_: self.said.append(self.name + what)))
        self.outbox.put(piece, Progress(key, Phase.ENDED), last=True, gathers=gathers)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the loop look again only after what no busy machine takes for a few turns."""
    monkeypatch.setattr(outbox, "_GATHER_S", 0.5)


@pytest.fixture
async def said() -> list[str]:
    return []


@pytest.fixture
async def wakes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Lend what woke the loop."""
    found: list[Any] = []
    run = Outbox.run

    def noted(box: Outbox, what: Callable[..., None], *args: object) -> None:
        found.append(what)
        run(box, what, *args)

    monkeypatch.setattr(Outbox, "run", noted)
    return found


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_the_first_answer_is_told_at_once_and_those_behind_it_together_without_a_wake_up(
    long, said, wakes
):
    port = Port(said)
    port.put("1", gathers=True)
    await turn()
    assert said == ["1"]
    port.put("2", gathers=True)
    port.put("3", gathers=True)
    await turn()
    assert said == ["1"]
    await until(lambda: said == ["1", "2", "3"])
    assert len(wakes) == 1
    assert port.flushes == 2


async def test_an_answer_that_is_waited_for_brings_those_before_it_along(long, said):
    port = Port(said)
    port.put("1", gathers=True)
    await turn()
    port.put("2", gathers=True)
    port.put("3")
    await turn()
    assert said == ["1", "2", "3"]


async def test_what_is_called_comes_behind_the_answers_put_before_it(long, said):
    port = Port(said)
    port.put("1", gathers=True)
    await turn()
    port.put("2", gathers=True)
    port.outbox.call(said.append, "called")
    await turn()
    assert said == ["1", "2", "called"]


async def test_ports_share_a_wake_up_and_keep_their_orders(said, wakes):
    ports = [Port(said, "a"), Port(said, "b")]
    for number in "12":
        for port in ports:
            port.put(number)
    await turn()
    assert len(said) == 4
    assert [one for one in said if one[0] == "a"] == ["a1", "a2"]
    assert [one for one in said if one[0] == "b"] == ["b1", "b2"]
    assert len(wakes) == 1


async def test_a_quiet_port_is_told_at_once_again(said, wakes):
    port = Port(said)
    for number in range(3):
        port.put(str(number), gathers=True)
        await turn()
        assert said == [str(one) for one in range(number + 1)]
        await until(lambda: not port.outbox._post._looks_again)  # and has found nothing
    assert len(wakes) == 3


async def test_a_reply_that_fails_costs_no_other_its_answer(said):
    port, failures = Port(said), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    port.put("", reply=fails)
    await turn()
    port.put("2", gathers=True)
    await until(lambda: said == ["2"])
    assert [type(one) for one in failures] == [ZeroDivisionError]


async def test_what_a_port_cannot_hand_out_keeps_no_answers_back_neither_its_own_nor_anothers(long, said):
    failing, other, failures = Port(said, "a"), Port(said, "b"), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    failing.put("", reply=fails)
    failing.put("2")
    other.put("1")
    await turn()
    assert sorted(said) == ["a2", "b1"]
    assert [type(one) for one in failures] == [ZeroDivisionError]


async def test_what_is_called_is_done_though_an_answer_before_it_cannot_be_handed_out(long, said):
    port = Port(said)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    port.put("1", gathers=True)
    await turn()
    port.put("", gathers=True, reply=fails)
    port.put("2", gathers=True)
    port.outbox.call(said.append, "called")
    await turn()
    assert said == ["1", "2", "called"]


async def test_what_is_called_waits_for_no_thread_that_is_about_to_wake_the_loop(said):
    port = Port(said)
    port.outbox._post._called = True  # another port's thread has said so, and has not come to do it
    port.put("1", gathers=True)
    port.outbox.call(said.append, "called")
    await turn()
    assert said == ["1", "called"]


async def test_a_port_lets_answers_wait_while_many_slices_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gathered: list[bool] = []
    put = Outbox.put

    def noted(box: Outbox, piece: Slice, progress: Progress, *, last: bool, gathers: bool = False) -> None:
        gathered.append(gathers)
        put(box, piece, progress, last=last, gathers=gathers)

    monkeypatch.setattr(Outbox, "put", noted)
    journal = Journal.open(tmp_path / "journal", "P")
    session = PortSession("P", "fabric", journal, PortCounters())
    replies: list[Progress] = []
    for number in range(DOCUMENTS):
        key = DocKey(number.to_bytes(16, "big"), 1)
        session.submit(
            Slice(
                key,
                lambda progress, _: replies.append(progress),
                start=DocInfo(),
                data=b"abc",
                end=Disposition.COMPLETE,
            )
        )
    await session.open(BuggyMonitor(None), None)  # type: ignore[arg-type]
    await until(lambda: len(replies) == DOCUMENTS)
    assert [one.phase for one in replies] == [Phase.ENDED] * DOCUMENTS
    assert gathered == [True] * (DOCUMENTS - MANY) + [False] * MANY
    await session.close()
    journal.close()
