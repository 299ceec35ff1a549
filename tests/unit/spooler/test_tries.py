"""How often a job that every port refuses makes a new attempt."""

from __future__ import annotations

from spooler.tries import Tries

P1, P2, P3 = ("edge", "p1"), ("edge", "p2"), ("edge", "p3")


def attempts(tries: Tries, *ports: tuple[str, str]) -> list[int]:
    """Try a job at ports that all refuse it; return the number of each try's attempt."""
    number, found = 0, []
    for port in ports:
        number += not tries.goes_on(1, port)
        found.append(number)
        tries.refused(1, port, "CONNECTION_REFUSED")
    return found


def test_one_port_that_refuses_all_night_makes_one_attempt() -> None:
    assert attempts(Tries(), *[P1] * 5) == [1] * 5


def test_two_ports_in_turn_make_one_each_and_one_together() -> None:
    assert attempts(Tries(), *[P1, P2] * 5) == [1, 2, *[3] * 8]


def test_a_port_that_joins_later_has_an_attempt_of_its_own_and_keeps_it() -> None:
    assert attempts(Tries(), P1, P2, P1, P2, P3, P1, P2, P3) == [1, 2, 3, 3, 4, 5, 5, 5]


def test_what_a_port_says_again_is_no_news_whatever_others_say_meanwhile() -> None:
    tries = Tries()
    said = [
        (P1, "REFUSED"),
        (P2, "OFFLINE"),
        (P1, "REFUSED"),
        (P1, "OFFLINE"),
        (P2, "OFFLINE"),
        (P1, "REFUSED"),
    ]
    assert [tries.refused(1, *one) for one in said] == [False, False, True, False, True, True]


def test_behind_an_attempt_that_began_everything_is_new() -> None:
    tries = Tries()
    attempts(tries, P1, P2, P1)
    tries.forget(1)
    assert attempts(tries, P1) == [1]
    assert not tries.refused(2, P1, "CONNECTION_REFUSED")
