"""What makes a request the same request, over changes of its printer and of this program."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from spooler.new_job import Inline, NewJob, Sent
from spooler.sql.fingerprint import fingerprint_of, is_of

ORDER = NewJob(
    "labels",
    Inline(b"^XA^XZ"),
    document_name="Etikett é",
    format="application/vnd.zebra-zpl",
    owner="me",
    request_id="order-812",
    priority=70,
    attributes={"order": "812"},
    ttl=timedelta(minutes=5),
    retain=True,
    sent=Sent("", 0, retain=False),
)
# As it was stored when fingerprints were made of what the printer had added.
STORED_BEFORE = bytes.fromhex("2ab0fedbffabe39b814588595da79f8b7222c03c6538cd4f1f2cc3cf8dfed40f")


def test_what_the_printer_adds_makes_no_other_request() -> None:
    later = replace(ORDER, format="", priority=50, retain=False)
    assert is_of(later, fingerprint_of(ORDER))


def test_what_the_sender_says_makes_another_request() -> None:
    for sent in (Sent("text/plain", 0, False), Sent("", 70, False), Sent("", 0, True)):
        assert not is_of(replace(ORDER, sent=sent), fingerprint_of(ORDER))


def test_a_request_that_was_stored_by_an_earlier_version_is_still_known() -> None:
    assert is_of(ORDER, STORED_BEFORE)
    assert not is_of(replace(ORDER, copies=2), STORED_BEFORE)
    assert fingerprint_of(ORDER) != STORED_BEFORE
