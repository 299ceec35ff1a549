"""Lists of printers say what runs out first: asked once for all who look, and no page waits for a slow printer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from chassis.errors import HostUnreachable
from portui.model import Port, PortState, Printer
from portui.standing import Standing, Supply
from portui.web import levels
from portui.web.levels import Levels, lowest
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_words import live, port

RIBBON = Supply("Ribbon", "Ink", 8, 10, "printer", datetime.now(UTC))
ROLL = Supply("Roll", "InputBin", 5, None, "printer", datetime.now(UTC))


class Printers:
    """Ports that answer with their supplies, or do not, after a while; in place of the spooler."""

    def __init__(self, *supplies: Supply) -> None:
        self.supplies, self.asked = supplies, list[str]()
        self.delay_s, self.away = 0.0, False

    async def of(self, name: str) -> Standing:
        self.asked.append(name)
        await asyncio.sleep(self.delay_s)
        if self.away:
            raise HostUnreachable("gone")
        return Standing(supplies=self.supplies)


def asks(printers: Any, *ports: Port) -> tuple[Levels, list[float]]:
    now = [0.0]
    return Levels(printers, live(*ports), lambda: now[0]), now


async def test_a_port_is_asked_once_for_all_who_look_and_again_after_a_while():
    printers, one = Printers(RIBBON), port("COM1:")
    found, now = asks(printers, one)
    both = await asyncio.gather(found.of([one]), found.of([one]))
    assert both[0] == {one.key: (RIBBON,)}
    await found.of([one])
    assert len(printers.asked) == 1
    now[0] = 31
    await found.of([one])
    assert len(printers.asked) == 2


async def test_a_port_that_cannot_answer_is_not_asked_and_one_that_fails_tells_nothing():
    printers = Printers(RIBBON)
    off, on = port("COM1:", PortState.OFFLINE), port("COM2:")
    printers.away = True
    found, _now = asks(printers, off, on)
    assert await found.of([off, on]) == {on.key: ()}
    assert printers.asked == [on.name]


async def test_a_page_does_not_wait_for_a_slow_printer_and_is_drawn_anew_when_it_has_answered(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(levels, "_PATIENCE_S", 0.01)
    printers, one = Printers(RIBBON), port("COM1:")
    printers.delay_s = 0.05
    seen = live(one)
    found = Levels(printers, seen)  # type: ignore[arg-type]
    before = seen.structure
    assert await found.of([one]) == {}
    await asyncio.sleep(0.1)
    assert seen.structure == before + 1
    assert await found.of([one]) == {one.key: (RIBBON,)}


def test_what_is_low_counts_before_what_is_only_less_and_a_level_nobody_knows_counts_not():
    printer = Printer("labels", ("edge/COM1:", "edge/COM2:"))
    unknown = replace(ROLL, level=None)
    assert lowest(printer, {"edge/COM1:": (ROLL,), "edge/COM2:": (RIBBON,)}) == RIBBON
    assert lowest(printer, {"edge/COM1:": (replace(ROLL, level=40),), "edge/COM9:": (RIBBON,)}).level == 40  # type: ignore[union-attr]
    assert lowest(printer, {"edge/COM1:": (unknown,)}) is None


async def test_the_list_of_printers_has_it_with_its_age_and_those_that_need_somebody_come_first():
    answers = Answers()
    answers.standing = Standing(supplies=(RIBBON,))
    found = live(port("COM1:"))
    found.fleet.printers["a-fine-one"] = Printer("a-fine-one", ())
    found.fleet.printers["paused"] = Printer("paused", (), paused=True)
    found.connected = True
    page = await page_of(console_over(found, answers), "/printers")
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
    assert re.search(r"labels .* Ribbon 8 % low , [\w ]+ ago", text)
    assert text.index("paused") < text.index("a-fine-one")


async def test_thousands_of_printers_come_in_pages():
    found = live(port("COM1:"))
    found.fleet.printers.update((name, Printer(name, ())) for name in (f"p{one:04}" for one in range(450)))
    found.connected = True
    console = console_over(found, Answers())
    first, last = await page_of(console, "/printers"), await page_of(console, "/printers?page=3")
    assert first.count("<tr data-row") == 200
    assert "200 of 451 printers are shown" in first
    assert last.count("<tr data-row") == 51
