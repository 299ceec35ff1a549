from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from spooler.sorted_numbers import SortedNumbers
from tests.rig.steps import steps_of


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=80))
def test_they_are_a_sorted_set_whatever_comes_and_goes(steps: list[tuple[bool, int]]) -> None:
    numbers, model = SortedNumbers(), set[int]()
    for comes, number in steps:
        (numbers.add if comes else numbers.discard)(number)
        (model.add if comes else model.discard)(number)
        assert (list(numbers), len(numbers)) == (sorted(model), len(model))
        assert numbers.first == min(model, default=None)
        assert (number in numbers) == (number in model)
        assert [numbers.below(one) for one in (0, number, 99)] == [
            sum(known < one for known in model) for one in (0, number, 99)
        ]


def test_each_has_its_size_whatever_comes_and_goes() -> None:
    random, numbers, model = Random(2), SortedNumbers(sized=True), dict[int, int]()
    for _ in range(20_000):
        number, size = random.randrange(6_000), random.choice([0, random.randrange(1 << 64)])
        if random.random() < 0.7:
            numbers.add(number, size)
            model.setdefault(number, size)
        else:
            assert numbers.discard(number) == model.pop(number, None)
    assert list(numbers) == sorted(model)
    assert [numbers.discard(number) for number in list(numbers)] == [
        model[number] for number in sorted(model)
    ]
    assert not any((numbers._blocks, numbers._sizes))


@settings(deadline=None)
@given(st.sets(st.integers(1, 3_000)), st.integers(0, 50), st.integers(0, 50))
def test_a_stretch_of_them_is_a_stretch_of_their_order(model: set[int], first: int, most: int) -> None:
    numbers = SortedNumbers()
    for number in [*model, *range(4_000, 6_000)]:
        numbers.add(number)
    for start in (first, 1_990 + first):
        assert numbers.some(start, most) == list(numbers)[start : start + most]
    assert (numbers.last, SortedNumbers().last, SortedNumbers().some(0, 9)) == (5_999, None, [])


def test_thousands_that_come_in_no_order_are_found_where_they_belong() -> None:
    order = list(range(0, 20_000, 2))
    Random(1).shuffle(order)
    numbers = SortedNumbers()
    for number in order:
        numbers.add(number)
    assert list(numbers) == list(range(0, 20_000, 2))
    assert numbers.below(10_001) == 5_001
    for number in order[:5_000]:
        numbers.discard(number)
    assert list(numbers) == sorted(order[5_000:])


def test_what_has_gone_takes_no_room() -> None:
    numbers = SortedNumbers()
    for number in range(10_000):
        numbers.add(number)
    for number in range(9_999):
        numbers.discard(number)
    assert [list(block) for block in numbers._blocks] == [[9_999]]


def test_a_step_costs_the_same_among_a_hundred_thousand_as_among_a_thousand() -> None:
    def cost(among: int) -> int:
        numbers = SortedNumbers()
        for number in range(among):
            numbers.add(number)

        def step() -> None:
            numbers.add(among)
            assert numbers.below(among - 7) == among - 7
            numbers.discard(among // 2)
            assert numbers.first == 0

        return steps_of(step)

    assert cost(100_000) == cost(1_000)
