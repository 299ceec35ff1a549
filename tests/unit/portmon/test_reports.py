"""Reports about a port: each reporter has its own place, and what is not repeated runs out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.reports import Condition, Report, Reports, Severity

DOOR = Report(Condition.DOOR_OPEN, Severity.ERROR)
LOW = Report(Condition.TONER_LOW, Severity.WARNING, "black is low")


def test_a_reporter_replaces_its_own_words_and_nobody_elses() -> None:
    reports = Reports()
    assert reports.set("snmp", [LOW, DOOR], lasts_s=30, at=100.0)
    assert reports.set("pjl", [Report(Condition.PAPER_OUT, Severity.ERROR)], lasts_s=30, at=100.0)
    assert [one.condition for one in reports.now(110)] == [
        Condition.PAPER_OUT, Condition.DOOR_OPEN, Condition.TONER_LOW,
    ]  # fmt: skip
    assert reports.set("snmp", [], lasts_s=30, at=111.0)
    assert [(one.condition, one.reporter) for one in reports.now(112)] == [(Condition.PAPER_OUT, "pjl")]


def test_the_same_word_again_changes_only_how_long_it_counts() -> None:
    reports = Reports()
    assert reports.set("snmp", [DOOR], lasts_s=30, at=100.0)
    assert not reports.set("snmp", [DOOR], lasts_s=30, at=120.0)
    assert reports.next_expiry(121) == 150.0
    assert reports.now(149.9)
    assert not reports.now(150)
    assert reports.set("snmp", [DOOR], lasts_s=30, at=151.0), "it had run out, so this is news"


def test_what_is_repeated_is_since_it_was_said_first_and_heard_when_it_was_said_last() -> None:
    reports = Reports()
    reports.set("snmp", [LOW, DOOR], lasts_s=30, at=100.0)
    reports.set("snmp", [DOOR], lasts_s=30, at=120.0)
    reports.set("snmp", [DOOR, LOW], lasts_s=30, at=140.0)
    assert [(one.condition, one.at, one.heard_at) for one in reports.now(141)] == [
        (Condition.DOOR_OPEN, 100.0, 140.0),
        (Condition.TONER_LOW, 140.0, 140.0),
    ]
    reports.set("snmp", [DOOR], lasts_s=30, at=171.0)
    assert [one.at for one in reports.now(172)] == [171.0], "it had run out in between"


def test_a_report_may_know_since_when_it_is() -> None:
    reports = Reports()
    reports.set("levels", [replace(LOW, at=40.0)], lasts_s=30, at=100.0)
    assert [(one.at, one.heard_at, one.expires_at) for one in reports.now(101)] == [(40.0, 100.0, 130.0)]


def test_clear_says_that_nothing_is_the_matter() -> None:
    reports = Reports()
    reports.set("operator", [DOOR])
    assert reports.next_expiry(0) is None
    assert reports.set("operator", [Report(Condition.CLEAR, Severity.INFO)])
    assert reports.now() == []


def test_a_talkative_reporter_is_cut_short() -> None:
    reports = Reports()
    reports.set("x", [Report(Condition.OFFLINE, Severity.INFO, "a\0b\n" + "c" * 1000)] * 100)
    assert len(reports.now()) == 32
    assert reports.now()[0].text.startswith("a b c")
    assert len(reports.now()[0].text) == 200
    for number in range(40):
        reports.set(f"reporter {number}", [DOOR])
    assert len({one.reporter for one in reports.now()}) == 16


async def test_watchers_hear_when_a_report_comes_and_when_it_runs_out(tmp_path: Path) -> None:
    ports = Ports(Registry(MonitorInit("edge", tmp_path), []), LocalPortStore(tmp_path / "ports"), tmp_path)
    port = await ports.add("IP_1", "raw", {"host": "127.0.0.1"})
    with ports.changes.watch() as watcher:
        ports.report(port, "snmp", [DOOR], 0.05)
        assert await asyncio.wait_for(watcher.next(), 30) == {"IP_1"}
        assert port.reports.now()
        assert await asyncio.wait_for(watcher.next(), 30) == {"IP_1"}
        assert not port.reports.now()
    ports.close()
