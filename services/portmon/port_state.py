"""The state of one open port: everything that decides it is in this file, which does no I/O and knows no clock.

States are few and exclusive. Conditions (offline, paper out, stalled) are not states: they are reports beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from chassis.errors import WrongState


class PortState(StrEnum):
    """Where an open port stands."""

    CLOSED = "closed"  # nobody has it open
    OPEN = "open"  # acquired, between documents
    IN_DOCUMENT = "in_document"  # from StartDocPort to EndDocPort, also while the owner is away
    FAILED = "failed"  # the device is gone, until ClosePort, or until it is back and opened anew


class PortEvent(StrEnum):
    """What may happen to a port: the function table, and the two ways a device can fail."""

    OPEN_PORT = "open_port"
    START_DOC_PORT = "start_doc_port"
    WRITE_PORT = "write_port"
    READ_PORT = "read_port"
    END_DOC_PORT = "end_doc_port"
    CLOSE_PORT = "close_port"
    DOCUMENT_BROKEN = "document_broken"  # the document is lost to this attempt, the port can take another
    DEVICE_LOST = "device_lost"  # nothing more can be done through this opening


TRANSITIONS: Mapping[PortState, Mapping[PortEvent, PortState]] = MappingProxyType(
    {
        PortState.CLOSED: {
            PortEvent.OPEN_PORT: PortState.OPEN,
            # Between documents it was closed for other settings or a test, and did not open again.
            PortEvent.DEVICE_LOST: PortState.FAILED,
        },
        PortState.OPEN: {
            PortEvent.START_DOC_PORT: PortState.IN_DOCUMENT,
            PortEvent.READ_PORT: PortState.OPEN,
            # EndDocPort without a document is not an error in Windows, and a repeat must be harmless.
            PortEvent.END_DOC_PORT: PortState.OPEN,
            PortEvent.CLOSE_PORT: PortState.CLOSED,
            PortEvent.DEVICE_LOST: PortState.FAILED,
        },
        PortState.IN_DOCUMENT: {
            PortEvent.WRITE_PORT: PortState.IN_DOCUMENT,
            PortEvent.READ_PORT: PortState.IN_DOCUMENT,
            PortEvent.END_DOC_PORT: PortState.OPEN,
            PortEvent.DOCUMENT_BROKEN: PortState.OPEN,
            PortEvent.CLOSE_PORT: PortState.CLOSED,
            PortEvent.DEVICE_LOST: PortState.FAILED,
        },
        PortState.FAILED: {
            PortEvent.END_DOC_PORT: PortState.FAILED,
            PortEvent.CLOSE_PORT: PortState.CLOSED,
        },
    }
)


def step(state: PortState, event: PortEvent) -> PortState:
    """Return the state after `event`.

    Raises:
        WrongState: the table has no such transition; nothing changed.

    After h11's `_state.py`.
    """
    after = TRANSITIONS[state].get(event)
    if after is None:
        raise WrongState(f"{event} is not allowed while the port is {state}", event=event, state=state)
    return after
