"""A short campaign of faults and a short day of a fleet; `make faults` and `make fleet` run them in full length."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.faults.campaign.campaign import Result, run_campaign
from tests.faults.campaign.contents import AT_ONCE, BROUGHT, contents
from tests.faults.campaign.fault_dice import REPLUG, UNPLUG
from tests.faults.campaign.flatness import Measure, growth, not_flat
from tests.faults.campaign.fleet import fleet_plan, run_fleet
from tests.faults.campaign.plan import batch_plan, batch_plans
from tests.faults.campaign.verdict import MUST_BE_ZERO

SHORT_SEED, SCHEDULES, BATCH = 426, 28, 14
SEED = int(os.environ.get("PRINTFABRIC_FAULT_SEED", "0")) or SHORT_SEED
# What the short campaign has, whatever else its seed brings.
IN_IT = {
    "in SQLite", "in PostgreSQL", "host is called", "host dials in", "configuration service", AT_ONCE, BROUGHT,
    "kill spooler", "kill portmon", "kill client", "kill database", "kill portui", REPLUG, UNPLUG,
    "cut line", "cut line that the host has dialled", "part line that the host has dialled", "cut way", "cut desk", "cut database",
}  # fmt: skip


def test_the_same_seed_gives_the_same_faults():
    assert batch_plan(3, 1, 40, 8) == batch_plan(3, 1, 40, 8)
    assert batch_plan(3, 1, 40, 8) != batch_plan(4, 1, 40, 8)
    assert batch_plan(3, 1, 40, 8).schedules[2] == batch_plan(3, 0, 42, 1).schedules[0]
    assert fleet_plan(1, 5, 50, 10.0) == fleet_plan(1, 5, 50, 10.0)


def test_the_short_campaign_has_both_stores_and_both_ways_to_hosts_and_every_program_killed_and_line_cut():
    plans = list(batch_plans(SHORT_SEED, SCHEDULES, batch=BATCH))
    found = set().union(*map(contents, plans))
    assert IN_IT - found == set()


def test_the_result_has_the_fields_that_are_asked_for():
    asked = {
        "schedules", "jobs", "units", "lost", "doubled_unmarked", "false_completed", "unknown_units",
        "unknown_span_median",
    }  # fmt: skip
    assert asked <= Result(seed=1).as_dict().keys()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_jobs_say_is_what_the_printers_recorded_under_faults_of_all_kinds_at_once():
    told = run_campaign(SEED, SCHEDULES, batch=BATCH, at_once=2).as_dict()
    print({name: value for name, value in told.items() if name != "complaints"})
    assert not told["complaints"], "\n".join(told["complaints"])
    assert not any(told[name] for name in MUST_BE_ZERO), told
    assert told["units"] > 200
    assert len(told["faults"]) > 10
    if SEED == SHORT_SEED:
        assert told["brought_whole"]["auto"] > 0, told["brought_whole"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_fleet_ends_its_day_with_every_unit_on_paper_once():
    told = asyncio.run(run_fleet(SEED, 20, 800, 80.0))
    assert not told["complaints"], "\n".join(told["complaints"])
    assert told["completed"] == told["jobs"] == 800
    assert told["confirmed"] > 0, "some printers have a language monitor"
    assert not told["lost_in_printer_buffer"]
    for name, most in (("rss_kib", 400_000), ("descriptors", 150)):
        assert all(one[name] < most for one in told["memory"]), told["memory"]


def test_a_program_that_grows_over_the_last_half_of_a_day_is_told_by_name():
    day = [Measure(at / 100, "spooler", 7, 100_000, 30 + at % 9) for at in range(50, 101)]
    assert not_flat(growth(day), ["spooler"]) == []
    leaks = [
        one._replace(rss_kib=100_000 + int(one.at * 40_000), descriptors=int(one.at * 50)) for one in day
    ]
    assert [one.partition(" grew")[0] for one in not_flat(growth(leaks), ["spooler"])] == [
        "spooler: rss_kib",
        "spooler: descriptors",
    ]
    restarted = [one._replace(pid=8) if one.at > 0.7 else one for one in day]
    assert len(not_flat(growth(restarted), ["spooler"])) == 2, "nobody knows"
