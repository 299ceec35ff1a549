from itertools import product

import pytest

from chassis.errors import WrongState
from spooler.job_state import IPP_NUMBER, STATE_OF_NUMBER, TERMINAL, TRANSITIONS, JobEvent, JobState, step

LEGAL = [(state, event, after) for state, row in TRANSITIONS.items() for event, after in row.items()]
ILLEGAL = [
    (state, event) for state, event in product(TRANSITIONS, JobEvent) if event not in TRANSITIONS[state]
]


@pytest.mark.parametrize(("state", "event", "after"), LEGAL)
def test_a_legal_event_leads_to_the_state_of_the_table(state, event, after):
    assert step(state, event) is after


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_an_illegal_event_is_refused_with_both_names(state, event):
    with pytest.raises(WrongState) as refused:
        step(state, event)

    assert refused.value.metadata["event"] == event.value
    assert refused.value.metadata["state"] == (state.value if state else "not accepted yet")


def test_every_state_can_be_reached_from_nothing():
    reached: set[JobState | None] = {None}
    while more := {after for state in reached for after in TRANSITIONS[state].values()} - reached:
        reached |= more

    assert reached == {None, *JobState}


def test_every_job_that_has_not_ended_can_be_cancelled_and_aborted():
    for state in set(JobState) - TERMINAL:
        assert step(state, JobEvent.CANCEL) is JobState.CANCELED
        assert step(state, JobEvent.ABORT) is JobState.ABORTED


def test_an_ended_job_comes_back_only_by_restart():
    for state in TERMINAL:
        assert set(TRANSITIONS[state]) == {JobEvent.RESTART}


def test_a_job_is_accepted_once():
    into = {event for row in list(TRANSITIONS.values())[1:] for event in row}

    assert not into & {JobEvent.ACCEPT, JobEvent.ACCEPT_HELD}


def test_numbers_are_those_of_rfc_8011():
    assert {state.value: number for state, number in IPP_NUMBER.items()} == {
        "pending": 3,
        "pending-held": 4,
        "processing": 5,
        "processing-stopped": 6,
        "canceled": 7,
        "aborted": 8,
        "completed": 9,
    }
    assert {STATE_OF_NUMBER[number] for number in range(3, 10)} == set(JobState)


def test_the_numbers_from_seven_on_are_the_ended_ones_as_the_store_s_indexes_assume():
    assert {state for state in JobState if IPP_NUMBER[state] >= 7} == TERMINAL
