from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printfabric_sim.fault_script import Fault, When, parse_fault, parse_faults
from printfabric_sim.fault_table import ACTIONS, FaultError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("reset@unit:17", Fault("reset", (), When.UNIT, 17, 17)),
        ("xoff=2.5@byte:4096", Fault("xoff", (2.5,), When.BYTE, 4096, 4096)),
        ("power-cut@time:3s", Fault("power-cut", (), When.TIME, 3, 3)),
        ("media-out=250ms", Fault("media-out", (0.25,))),
        ("reset=keep@unit:10..30*", Fault("reset", ("keep",), When.UNIT, 10, 30, 0)),
        ("garbage=64@byte:4k*3", Fault("garbage", (64.0,), When.BYTE, 4096, 4096, 3)),
        ("jam@chance:0.01*", Fault("jam", (), When.CHANCE, 0.01, 0.01, 0)),
        ("status-late=2,5@reply:1", Fault("status-late", (2.0, 5.0), When.REPLY, 1, 1)),
    ],
)
def test_a_fault_reads_as_it_is_written(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("explode", "no fault 'explode'"),
        ("reset@lunch:1", "no moment 'lunch'"),
        ("reset@unit:x", "not a number"),
        ("reset@unit:9..3", "runs backwards"),
        ("reset@unit:1.5", "whole numbers"),
        ("reset=maybe", "buffer is one of drop, keep"),
        ("power-cut=soon", "off_s is a number"),
        ("jam=1,2", "at most 1 value"),
        ("reset*", "repeat without end"),
        ("jam@chance:3", "between 0 and 1"),
        ("", "cannot read"),
    ],
)
def test_a_fault_that_cannot_be_read_says_what_is_wrong(text, part):
    with pytest.raises(FaultError, match=part):
        parse_fault(text)


def test_a_script_has_lines_semicolons_and_comments():
    script = parse_faults("reset@unit:1; jam=2\n# nothing here\nxoff=1@byte:10 # at the tenth byte\n")
    assert [str(fault) for fault in script] == ["reset@unit:1", "jam=2", "xoff=1@byte:10"]


@settings(deadline=None)
@given(
    action=st.sampled_from(sorted(ACTIONS)),
    when=st.sampled_from([w for w in When if w not in (When.NOW, When.CHANCE)]),
    low=st.integers(1, 10**6),
    more=st.integers(0, 10**6),
    times=st.integers(0, 9),
)
def test_a_fault_written_and_read_again_is_the_same(action, when, low, more, times):
    fault = Fault(action, (), when, low, low + more, times)
    assert parse_fault(str(fault)) == fault


@settings(deadline=None)
@given(seed=st.integers(), low=st.integers(0, 1000), more=st.integers(0, 1000))
def test_the_same_seed_draws_the_same_points_within_the_range(seed, low, more):
    fault = Fault("reset", (), When.UNIT, low, low + more, 0)
    first, second = random.Random(seed), random.Random(seed)
    points = [fault.draw(7, first) for _ in range(20)]
    assert points == [fault.draw(7, second) for _ in range(20)]
    assert all(low <= point - 7 <= low + more for point in points)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("slow=0", "slow: bytes_per_s is above 0, else nothing would happen"),
        ("noise=0", "noise: bytes is above 0"),
        ("garbage=1.5", "garbage: bytes is a whole number, not 1.5"),
        ("status-late=2,0", "status-late: replies is above 0"),
        ("accept-late=0", "accept-late: late_s is above 0"),
        ("jam@unit:3*0", "'jam@unit:3*0' would never strike"),
        ("slow=-1", "'slow=-1': -1 is below 0"),
        ("media-out=-5", "'media-out=-5': -5 is below 0"),
    ],
)
def test_a_fault_that_would_do_nothing_is_refused(text, why):
    with pytest.raises(FaultError, match=re.escape(why)):
        parse_fault(text)
