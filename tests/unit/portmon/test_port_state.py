import itertools

import pytest

from chassis.errors import WrongState
from portmon.port_state import TRANSITIONS, PortEvent, PortState, step


@pytest.mark.parametrize(("state", "event"), list(itertools.product(PortState, PortEvent)))
def test_the_table_decides_and_what_it_lacks_is_refused(state: PortState, event: PortEvent) -> None:
    if event in TRANSITIONS[state]:
        assert step(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(WrongState) as refused:
            step(state, event)
        assert refused.value.metadata == {"event": event, "state": state}


def test_every_state_is_reached_and_every_one_can_be_closed() -> None:
    reached = {PortState.CLOSED}
    while more := {after for state in reached for after in TRANSITIONS[state].values()} - reached:
        reached |= more
    assert reached == set(PortState)
    for state in set(PortState) - {PortState.CLOSED}:
        assert step(state, PortEvent.CLOSE_PORT) is PortState.CLOSED


def test_a_lost_device_can_only_be_closed() -> None:
    after = {TRANSITIONS[PortState.FAILED][event] for event in TRANSITIONS[PortState.FAILED]}
    assert after == {PortState.FAILED, PortState.CLOSED}
    assert PortEvent.START_DOC_PORT not in TRANSITIONS[PortState.FAILED]
