"""Printers with language monitors: how their ports are opened, and handed over from one monitor to another."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest

from spooler.choosing import MOST_IN_A_ROW
from spooler.job_state import JobState
from spooler.printer import BIDIRECTIONAL, STRAIGHT, Printer, Way
from tests.fabric.dispatch_rig import Rig
from tests.fakes.host import FakeHost

OPENINGS = ("OpenPort", "OpenPortEx ZPL", "OpenPortEx PJL", "ClosePort")


@pytest.fixture
def host() -> FakeHost:
    return FakeHost("edge", "P1:")


def openings(host: FakeHost) -> list[str]:
    return [call for call in host.ports["P1:"].calls if call in OPENINGS]


async def test_a_printer_with_a_language_monitor_has_its_port_opened_through_it(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", language_monitor="ZPL")
    for _ in range(3):
        job = await rig.submit("labels", b"^XA^XZ")
        await rig.until(job.number, JobState.COMPLETED)
    assert openings(host) == ["OpenPortEx ZPL"]


async def test_a_port_is_closed_before_it_is_opened_for_another_language_monitor(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", language_monitor="ZPL")
    await rig.printer("pages", "P1:", language_monitor="PJL")
    await rig.printer("raw", "P1:")
    for printer in ("labels", "pages", "pages", "raw"):
        job = await rig.submit(printer, printer.encode())
        await rig.until(job.number, JobState.COMPLETED)
    assert openings(host) == ["OpenPortEx ZPL", "ClosePort", "OpenPortEx PJL", "ClosePort", "OpenPort"]
    assert [bytes(one.data) for one in host.ports["P1:"].printed] == [b"labels", b"pages", b"pages", b"raw"]


async def test_documents_that_wait_for_another_language_monitor_come_out_in_order_and_none_is_forgotten(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", language_monitor="ZPL")
    await rig.printer("raw", "P1:")
    host.ports["P1:"].paused.clear()
    jobs = [await rig.submit(printer, b"x") for printer in ("labels", "raw", "labels", "raw") * 5]
    host.ports["P1:"].paused.set()
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)
    calls = openings(host)
    assert len(host.ports["P1:"].printed) == len(jobs)
    between = [call for call in calls if call != "ClosePort"]
    assert len(calls) == 2 * len(between) - 1  # never two openings without a close between them
    assert calls[1::2] == ["ClosePort"] * (len(between) - 1)


async def test_a_printer_that_gets_another_language_monitor_uses_it_from_the_next_job_on(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:")
    first = await rig.submit("labels", b"1")
    await rig.until(first.number, JobState.COMPLETED)
    printer = rig.dispatcher.printers["labels"]
    await rig.printers.update_printer(replace(printer, language_monitor="ZPL"), "test")
    second = await rig.submit("labels", b"2")
    await rig.until(second.number, JobState.COMPLETED)
    assert openings(host) == ["OpenPort", "ClosePort", "OpenPortEx ZPL"]


def test_a_language_monitor_is_silent_only_when_that_is_said() -> None:
    assert Printer("labels").way == STRAIGHT
    assert Printer("labels", language_monitor="ZPL").way == Way("ZPL", True)
    assert Printer("l", language_monitor="ZPL", attributes={BIDIRECTIONAL: "off"}).way == Way("ZPL", False)


async def test_documents_of_one_language_monitor_go_together_and_the_others_still_get_their_turn(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", language_monitor="ZPL")
    await rig.printer("pages", "P1:", language_monitor="PJL")
    port = host.ports["P1:"]
    port.paused.clear()
    jobs = [await rig.submit(printer, printer.encode()) for printer in ("labels", "pages") * 40]
    port.paused.set()
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)
    printed = [bytes(one.data) for one in port.printed]
    runs = [len(list(run)) for _, run in groupby(printed)]
    assert sum(runs) == len(jobs)
    assert max(runs) <= MOST_IN_A_ROW
    assert len(runs) <= 2 * (40 // MOST_IN_A_ROW + 1) + 1, runs  # and not a hand-over for each
    assert len(openings(host)) == 2 * len(runs) - 1


async def test_a_paused_printer_with_another_language_monitor_keeps_nobody_waiting(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", language_monitor="ZPL")
    await rig.printer("pages", "P1:", language_monitor="PJL")
    await rig.printers.pause_printer("pages", "test")
    waits = await rig.submit("pages", b"page")
    jobs = [await rig.submit("labels", b"label") for _ in range(3 * MOST_IN_A_ROW)]
    for job in jobs:
        await rig.until(job.number, JobState.COMPLETED)
    assert (await rig.job(waits.number)).state is JobState.PENDING
    await rig.printers.resume_printer("pages", "test")
    await rig.until(waits.number, JobState.COMPLETED)


async def test_one_after_the_other_nobody_starves_behind_a_printer_that_always_has_more(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", language_monitor="ZPL")
    await rig.printer("pages", "P1:", language_monitor="PJL")
    first = await rig.submit("pages", b"page")
    more = [await rig.submit("labels", b"label") for _ in range(20)]
    second = await rig.submit("pages", b"page")
    more += [await rig.submit("labels", b"label") for _ in range(60)]
    await rig.until(second.number, JobState.COMPLETED)
    await rig.until(first.number, JobState.COMPLETED)
    for job in more:
        await rig.until(job.number, JobState.COMPLETED)
