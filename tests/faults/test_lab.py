"""The laboratory's short day: spoolers that share a database, in network namespaces where the kernel lets us."""

from __future__ import annotations

import asyncio

import pytest

from tests.lab.day import Day, failures, run_day


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_short_day_in_the_laboratory_loses_and_doubles_nothing():
    strikes = ("kill -9", "spooler cut off from everything")
    result = asyncio.run(run_day(Day(3, 4, 3000, 10.0, strikes, hosts=2, pause_s=0.5)))
    assert not failures(result), result["complaints"]
    assert result["completed"] == result["jobs"] > 0
