"""Where a document stands that was brought to the host before it is printed: one table, no I/O, no clock.

Every state but `receiving` is on the disk before anybody hears of it. The rule behind the table: while a document is
`ordered` the spooler asks this host before it does anything else with the job, so whoever says that it was not begun
takes the order back first.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from chassis.errors import WrongState


class StagedState(StrEnum):
    """Where a staged document stands."""

    RECEIVING = "receiving"  # bytes are missing
    STAGED = "staged"  # all of it is here, its digest is right; nobody said that it is to be printed
    ORDERED = "ordered"  # its spooler's start came: it is printed though nobody can be reached
    BEGUN = "begun"  # the device may have had bytes of it: from here on the journal knows
    GONE = "gone"  # its bytes are given back


class StagedEvent(StrEnum):
    """What may happen to a staged document."""

    RECEIVE = "receive"
    COMPLETE = "complete"
    ORDER = "order"
    GIVE_BACK = "give_back"  # it was not begun, and its spooler is told so
    BEGIN = "begin"
    DROP = "drop"  # it has ended, was taken back, or nobody asked for it for too long


TRANSITIONS: Mapping[StagedState, Mapping[StagedEvent, StagedState]] = MappingProxyType(
    {
        StagedState.RECEIVING: {
            StagedEvent.RECEIVE: StagedState.RECEIVING,
            StagedEvent.COMPLETE: StagedState.STAGED,
            StagedEvent.DROP: StagedState.GONE,
        },
        StagedState.STAGED: {
            StagedEvent.COMPLETE: StagedState.STAGED,
            StagedEvent.ORDER: StagedState.ORDERED,
            StagedEvent.GIVE_BACK: StagedState.STAGED,
            StagedEvent.DROP: StagedState.GONE,
        },
        StagedState.ORDERED: {
            StagedEvent.COMPLETE: StagedState.ORDERED,
            StagedEvent.ORDER: StagedState.ORDERED,
            StagedEvent.GIVE_BACK: StagedState.STAGED,
            StagedEvent.BEGIN: StagedState.BEGUN,
            StagedEvent.DROP: StagedState.GONE,
        },
        StagedState.BEGUN: {
            StagedEvent.COMPLETE: StagedState.BEGUN,
            StagedEvent.ORDER: StagedState.BEGUN,
            # The device refused before its first byte: the journal has never heard of it.
            StagedEvent.GIVE_BACK: StagedState.STAGED,
            StagedEvent.BEGIN: StagedState.BEGUN,
            StagedEvent.DROP: StagedState.GONE,
        },
        StagedState.GONE: {StagedEvent.DROP: StagedState.GONE, StagedEvent.GIVE_BACK: StagedState.GONE},
    }
)


def step(state: StagedState, event: StagedEvent) -> StagedState:
    """Return the state after `event`.

    Raises:
        WrongState: the table has no such transition; nothing changed.
    """
    after = TRANSITIONS[state].get(event)
    if after is None:
        raise WrongState(f"{event} is not allowed while a document is {state}", event=event, state=state)
    return after
