"""What tells one request from another under one request id: all that its sender said, and nothing that a printer added.

The document's digest is compared beside it.
"""

from __future__ import annotations

import hashlib

from chassis.tracing import TRACEPARENT
from spooler.new_job import NewJob, Sent
from spooler.sql.rows import attributes_text

# Of what was stored before the sender's own words were, the values count that its printer had made of them.
_OF_SENT = ("sent",)


def fingerprint_of(new: NewJob) -> bytes:
    """Return the fingerprint that is stored with a job."""
    sent = new.sent or Sent(new.format, new.priority, new.retain)
    return _digest(_OF_SENT + _told(new, sent))


def is_of(new: NewJob, stored: bytes) -> bool:
    """Tell whether a request is the one of a stored fingerprint."""
    return stored in (fingerprint_of(new), _digest(_told(new, Sent(new.format, new.priority, new.retain))))


def _told(new: NewJob, sent: Sent) -> tuple[object, ...]:
    # Each call has a traceparent of its own, also where it repeats another.
    labels = {key: text for key, text in sorted(new.attributes.items()) if key != TRACEPARENT}
    return (
        new.printer,
        new.document_name,
        sent.format,
        new.user,
        new.copies,
        sent.priority,
        attributes_text(labels),
        new.held,
        new.not_before,
        new.expires_at if new.ttl is None else new.ttl,  # of a span each repeat makes another moment
        new.window,
        sent.retain,
    )


def _digest(told: tuple[object, ...]) -> bytes:
    return hashlib.sha256(repr(told).encode("utf-8", "backslashreplace")).digest()
