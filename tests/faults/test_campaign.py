"""A short campaign of faults and a short day of a fleet; `make faults` and `make fleet` run them in full length."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.faults.campaign.campaign import Result, run_campaign
from tests.faults.campaign.fleet import fleet_plan, run_fleet
from tests.faults.campaign.plan import batch_plan
from tests.faults.campaign.verdict import MUST_BE_ZERO

SEED = int(os.environ.get("PRINTFABRIC_FAULT_SEED", "0")) or 7


def test_the_same_seed_gives_the_same_faults():
    assert batch_plan(3, 1, 40, 8) == batch_plan(3, 1, 40, 8)
    assert batch_plan(3, 1, 40, 8) != batch_plan(4, 1, 40, 8)
    assert batch_plan(3, 1, 40, 8).schedules[2] == batch_plan(3, 0, 42, 1).schedules[0]
    assert fleet_plan(1, 5, 50, 10.0) == fleet_plan(1, 5, 50, 10.0)


def test_the_result_has_the_fields_that_are_asked_for():
    asked = {
        "schedules", "jobs", "units", "lost", "doubled_unmarked", "false_completed", "unknown_units",
        "unknown_span_median",
    }  # fmt: skip
    assert asked <= Result(seed=1).as_dict().keys()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_jobs_say_is_what_the_printers_recorded_under_faults_of_all_kinds_at_once():
    told = run_campaign(SEED, 28).as_dict()
    print({name: value for name, value in told.items() if name != "complaints"})
    assert not told["complaints"], "\n".join(told["complaints"])
    assert not any(told[name] for name in MUST_BE_ZERO), told
    assert told["units"] > 200
    assert len(told["faults"]) > 10


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_fleet_ends_its_day_with_every_unit_on_paper_once():
    told = asyncio.run(run_fleet(SEED, 20, 800, 80.0))
    assert not told["complaints"], "\n".join(told["complaints"])
    assert told["completed"] == told["jobs"] == 800
    assert not told["lost_in_printer_buffer"]
    *_, before, after = told["memory"]
    assert after["spooler_descriptors"] <= before["spooler_descriptors"] + 20
    assert after["spooler_rss_kib"] < 400_000
