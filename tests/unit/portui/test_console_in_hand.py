"""What somebody has in hand: below the rest, not meant for what began later, asked for once for all who look."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from chassis.errors import HostUnreachable
from portui.acknowledging import Acknowledging
from portui.attention import Attention
from portui.fabric_watch import Change
from portui.model import Acknowledged, PortState
from portui.web.problems import problems
from tests.unit.portui.test_console_words import NOW, live, port

COM1 = "hosts/edge/ports/COM1:"


class Spooler:
    """Keeps what it is told; away while it is."""

    def __init__(self) -> None:
        self.kept: dict[str, Acknowledged] = {}
        self.away = False
        self.asked = asyncio.Event()

    async def acknowledged(self) -> Mapping[str, Acknowledged]:
        self.asked.set()
        if self.away:
            raise HostUnreachable("gone")
        return dict(self.kept)

    async def acknowledge(self, name: str, until: datetime, reason: str) -> None:
        self.kept[name.casefold()] = Acknowledged("mia", NOW, until, reason)

    async def withdraw(self, name: str) -> None:
        self.kept.pop(name.casefold())


async def asked_again(spooler: Spooler) -> None:
    """Return when a question that began after this was answered: the next one has begun."""
    async with asyncio.timeout(30):
        for _question in range(2):
            spooler.asked.clear()
            await spooler.asked.wait()


def word(at: datetime) -> Acknowledged:
    return Acknowledged("mia", at, at + timedelta(hours=1), "a ribbon")


def test_what_somebody_has_in_hand_comes_behind_what_nobody_has():
    found = live(*(port(name, PortState.ERROR, text="paper out") for name in ("COM1:", "COM2:")))
    found.acknowledged = {COM1.casefold(): word(NOW)}

    assert [(one.alert, one.in_hand) for one in problems(found)] == [
        ("hosts/edge/ports/COM2:", None),
        (COM1, word(NOW)),
    ]


def test_a_word_is_not_meant_for_what_began_after_it_but_clocks_may_differ_by_a_minute():
    found = live(port("COM1:", PortState.ERROR, text="paper out"))
    (problem,) = problems(found)
    assert problem.since == NOW
    for before, meant in ((timedelta(seconds=50), True), (timedelta(seconds=70), False)):
        found.acknowledged = {COM1.casefold(): word(NOW - before)}
        (problem,) = problems(found)
        assert (problem.in_hand is not None) is meant


async def test_pages_are_drawn_anew_when_somebody_said_something_and_not_while_nobody_does():
    now, spooler = live(port("COM1:", PortState.ERROR)), Spooler()
    acknowledging = Acknowledging(now, spooler)
    before = now.structure
    await acknowledging.acknowledge(COM1, datetime.now(UTC), "")
    assert now.structure == before + 1
    assert list(now.acknowledged) == [COM1.casefold()]
    await acknowledging.withdraw(COM1)
    assert (now.structure, now.acknowledged) == (before + 2, {})


async def test_another_ones_word_is_heard_of_and_what_was_known_stays_while_the_spooler_is_away():
    now, spooler = live(port("COM1:", PortState.ERROR)), Spooler()
    now.apply(Change(begins=True))
    attention = Attention()
    following = asyncio.create_task(Acknowledging(now, spooler, attention, every_s=0.01).follow())
    try:
        async with attention.visit():
            await spooler.acknowledge(COM1, NOW, "mine")
            await asked_again(spooler)
            assert now.acknowledged
            spooler.away = True
            await asked_again(spooler)
            assert now.acknowledged
    finally:
        following.cancel()
