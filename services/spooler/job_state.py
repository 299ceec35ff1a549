"""The job's machine: RFC 8011's seven states, our events, one table, one step. Pure.

Everything that decides a job's state is in this file; this file does no I/O and knows no clock. States are few and
exclusive; conditions (offline, paper out) are not states but reasons, a list of words beside the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from chassis.errors import WrongState


class JobState(StrEnum):
    """Where a job stands. Words and numbers are IPP's "job-state" (RFC 8011, 5.3.7)."""

    PENDING = "pending"
    PENDING_HELD = "pending-held"
    PROCESSING = "processing"
    PROCESSING_STOPPED = "processing-stopped"
    CANCELED = "canceled"
    ABORTED = "aborted"
    COMPLETED = "completed"


class JobEvent(StrEnum):
    """What can happen to a job."""

    ACCEPT = "accept"  # it became durable and may print
    ACCEPT_HELD = "accept-held"  # it became durable and waits for a person or a time
    HOLD = "hold"  # a person, the ledger or a policy holds it
    RELEASE = "release"  # the hold is lifted
    START = "start"  # an attempt begins at a port
    STOP = "stop"  # the port stopped in mid-job
    RESUME = "resume"  # the port goes on
    REQUEUE = "requeue"  # the attempt ended without paper, or is to be made again: back to its place
    MOVE = "move"  # to another printer
    COMPLETE = "complete"  # ended well, or a person settled it so
    CANCEL = "cancel"  # ended by a person
    ABORT = "abort"  # ended by the system
    EXPIRE = "expire"  # its time passed before it was begun
    RESTART = "restart"  # print it again, from the beginning


IPP_NUMBER: Mapping[JobState, int] = {
    JobState.PENDING: 3,
    JobState.PENDING_HELD: 4,
    JobState.PROCESSING: 5,
    JobState.PROCESSING_STOPPED: 6,
    JobState.CANCELED: 7,
    JobState.ABORTED: 8,
    JobState.COMPLETED: 9,
}
STATE_OF_NUMBER: Mapping[int, JobState] = {number: state for state, number in IPP_NUMBER.items()}

TERMINAL = frozenset({JobState.CANCELED, JobState.ABORTED, JobState.COMPLETED})
AT_A_PORT = (JobState.PROCESSING, JobState.PROCESSING_STOPPED)

# None stands for "there is no such job yet".
TRANSITIONS: Mapping[JobState | None, Mapping[JobEvent, JobState]] = {
    None: {
        JobEvent.ACCEPT: JobState.PENDING,
        JobEvent.ACCEPT_HELD: JobState.PENDING_HELD,
    },
    JobState.PENDING: {
        JobEvent.HOLD: JobState.PENDING_HELD,
        JobEvent.START: JobState.PROCESSING,
        JobEvent.MOVE: JobState.PENDING,
        JobEvent.CANCEL: JobState.CANCELED,
        JobEvent.ABORT: JobState.ABORTED,
        JobEvent.EXPIRE: JobState.ABORTED,
    },
    JobState.PENDING_HELD: {
        JobEvent.HOLD: JobState.PENDING_HELD,  # a second reason to hold it
        JobEvent.RELEASE: JobState.PENDING,
        JobEvent.MOVE: JobState.PENDING_HELD,
        JobEvent.COMPLETE: JobState.COMPLETED,  # a person looked: it did come out
        JobEvent.CANCEL: JobState.CANCELED,
        JobEvent.ABORT: JobState.ABORTED,
        JobEvent.EXPIRE: JobState.ABORTED,
    },
    JobState.PROCESSING: {
        JobEvent.STOP: JobState.PROCESSING_STOPPED,
        JobEvent.HOLD: JobState.PENDING_HELD,
        JobEvent.REQUEUE: JobState.PENDING,
        JobEvent.COMPLETE: JobState.COMPLETED,
        JobEvent.CANCEL: JobState.CANCELED,
        JobEvent.ABORT: JobState.ABORTED,
    },
    JobState.PROCESSING_STOPPED: {
        JobEvent.RESUME: JobState.PROCESSING,
        JobEvent.HOLD: JobState.PENDING_HELD,
        JobEvent.REQUEUE: JobState.PENDING,
        JobEvent.COMPLETE: JobState.COMPLETED,  # the confirmation came while the port stood still
        JobEvent.CANCEL: JobState.CANCELED,
        JobEvent.ABORT: JobState.ABORTED,
    },
    JobState.CANCELED: {JobEvent.RESTART: JobState.PENDING},
    JobState.ABORTED: {JobEvent.RESTART: JobState.PENDING},
    JobState.COMPLETED: {JobEvent.RESTART: JobState.PENDING},
}


def step(state: JobState | None, event: JobEvent) -> JobState:
    """Return the state after `event`.

    Raises:
        WrongState: the table has no such transition; nothing changed.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        name = state.value if state is not None else "not accepted yet"
        raise WrongState(f"cannot {event.value}: the job is {name}", state=name, event=event.value) from None
