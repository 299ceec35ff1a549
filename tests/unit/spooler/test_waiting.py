"""The order of waiting jobs, whatever comes and goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spooler.job import Document, Job, Sender, order_key
from spooler.pool import choose_port
from spooler.printer import PoolOrder, PortAvailability, PortName, Printer
from spooler.waiting import MOST_OVERTAKINGS, WaitingJobs
from tests.rig.steps import steps_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PORTS = tuple(PortName("edge", f"P{number}:") for number in range(3))


def job(number: int, priority: int = 50) -> Job:
    return Job(number, number.to_bytes(16, "big"), Document(), Sender(), NOW, priority=priority)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ar"), st.integers(1, 30), st.integers(1, 3))))
def test_the_first_is_always_the_one_that_sorting_says(steps: list[tuple[str, int, int]]) -> None:
    waiting, model = WaitingJobs(), {}
    for what, number, priority in steps:
        if what == "a":
            waiting.add(job(number, priority))
            model[number] = order_key(job(number, priority))
        else:
            assert waiting.remove(number) == (model.pop(number, None) is not None)
        assert waiting.first() == (min(model, key=lambda one: model[one]) if model else None)
        assert len(waiting) == len(model)


def test_removing_many_gives_their_memory_back() -> None:
    waiting = WaitingJobs()
    for number in range(1, 1001):
        waiting.add(job(number))
    for number in range(1, 1000):
        waiting.remove(number)
    assert waiting.first() == 1000
    assert [list(numbers) for numbers in waiting._of_priority.values()] == [[1000]]
    waiting.remove(1000)
    assert (waiting._of_priority, len(waiting), waiting.size_bytes) == ({}, 0, 0)


@settings(deadline=None)
@given(st.lists(st.integers(1, 99), min_size=1, max_size=40), st.integers(1, 40))
def test_however_many_urgent_jobs_come_each_job_leaves_within_its_bound(low: list[int], at: int) -> None:
    waiting = WaitingJobs()
    for number, priority in enumerate(low, 1):
        waiting.add(job(number, min(priority, 98)))
    watched, number, left = min(at, len(low)), 1000, 0
    while watched in waiting:
        waiting.add(job(number, 99))
        number, left = number + 1, left + 1
        first = waiting.first()
        assert first is not None
        waiting.leave(first)
    assert left <= watched * (MOST_OVERTAKINGS + 1)


def test_jobs_that_overtake_nobody_leave_by_priority_alone() -> None:
    waiting = WaitingJobs()
    for number in range(1, 60):
        waiting.add(job(number, 100 - number))
    order = []
    while (first := waiting.first()) is not None:
        order.append(first)
        waiting.leave(first)
    assert order == list(range(1, 60))


def test_a_job_that_changes_its_priority_is_counted_once() -> None:
    waiting = WaitingJobs()
    one = replace(job(1), document=Document(size_bytes=100))
    waiting.add(one)
    waiting.add(replace(one, priority=90))
    assert (len(waiting), waiting.size_bytes) == (1, 100)
    assert waiting.remove(1)
    assert (waiting.first(), waiting.size_bytes) == (None, 0)


def test_jobs_ahead_are_those_of_higher_priority_and_the_earlier_ones() -> None:
    waiting = WaitingJobs()
    for number, priority in ((1, 50), (2, 90), (3, 50), (4, 10)):
        waiting.add(job(number, priority))
    assert waiting.ahead_of(job(3)) == 2


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=60), st.integers(0, 40))
def test_jobs_ahead_are_those_that_leave_before_it_if_no_more_come(priorities: list[int], left: int) -> None:
    waiting = WaitingJobs()
    jobs = {number: job(number, priority) for number, priority in enumerate(priorities, 1)}
    for one in jobs.values():
        waiting.add(one)
    for _ in range(min(left, len(jobs) - 1)):  # some have overtaken others already
        waiting.leave(waiting.first() or 0)
    ahead = {number: waiting.ahead_of(jobs[number]) for number in waiting}
    order = []
    while (first := waiting.first()) is not None:
        order.append(first)
        waiting.leave(first)
    assert [ahead[number] for number in order] == list(range(len(order)))


def test_a_job_that_was_overtaken_often_enough_is_told_to_be_next_but_one() -> None:
    waiting = WaitingJobs()
    for number in range(1, 41):
        waiting.add(job(number, 50 if number == 1 else 90))
    assert waiting.ahead_of(job(1)) == MOST_OVERTAKINGS
    assert waiting.ahead_of(job(40, 90)) == 39


@pytest.mark.parametrize("priorities", [(50,), (50, 50, 50, 90), (10, 50, 90)])
def test_a_place_in_line_costs_the_same_behind_a_hundred_thousand_as_behind_ten_thousand(
    priorities: tuple[int, ...],
) -> None:
    def cost(jobs: int) -> int:
        waiting = WaitingJobs()
        for number in range(1, jobs + 1):
            waiting.add(job(number, priorities[number % len(priorities)]))
        assert waiting.ahead_of(job(jobs - 1)) > jobs // 8
        return steps_of(lambda: waiting.ahead_of(job(jobs - 1)))

    assert cost(100_000) <= 1.1 * cost(10_000) < 2_000


@pytest.mark.parametrize("seed", range(20))
def test_among_thousands_that_overtake_one_another_a_place_is_nearly_right(seed: int) -> None:
    random, waiting = Random(seed), WaitingJobs()
    some = random.choices((10, 50, 90), [random.random() for _ in range(3)], k=4_000)
    jobs = {number: job(number, priority) for number, priority in enumerate(some, 1)}
    for one in jobs.values():
        waiting.add(one)
    for _ in range(random.randrange(20)):
        waiting.leave(waiting.first() or 0)
    told = {number: waiting.ahead_of(jobs[number]) for number in random.sample(list(waiting), 30)}
    order: dict[int, int] = {}
    while (first := waiting.first()) is not None:
        order[first] = len(order)
        waiting.leave(first)
    for number, place in told.items():
        assert abs(place - order[number]) <= max(0.1 * order[number], 20), (number, place, order[number])


def choose(
    printer: Printer, free: str, suspect: str = "", loads: tuple[int, ...] = (0, 0, 0), turn: int = 0
) -> int:
    def state(port: PortName) -> PortAvailability:
        return PortAvailability.READY if port.port[1] in free else PortAvailability.PRINTING

    port = choose_port(
        printer, state, lambda port: port.port[1] in suspect, lambda port: (loads[PORTS.index(port)], 0), turn
    )
    return -1 if port is None else PORTS.index(port)


def test_first_available_is_the_first_free_port_in_list_order() -> None:
    printer = Printer("pool", PORTS)
    assert (choose(printer, "012"), choose(printer, "12"), choose(printer, "")) == (0, 1, -1)


def test_a_port_that_failed_last_time_comes_after_those_that_work() -> None:
    printer = Printer("pool", PORTS)
    assert (choose(printer, "012", "0"), choose(printer, "0", "0")) == (1, 0)


def test_round_robin_takes_turns_and_skips_the_busy_ones() -> None:
    printer = Printer("pool", PORTS, pool_order=PoolOrder.ROUND_ROBIN)
    assert [choose(printer, "012", turn=turn) for turn in range(4)] == [0, 1, 2, 0]
    assert choose(printer, "02", turn=1) == 2


def test_least_loaded_takes_the_one_that_has_done_least() -> None:
    printer = Printer("pool", PORTS, pool_order=PoolOrder.LEAST_LOADED)
    assert choose(printer, "012", loads=(5, 3, 9)) == 1
