from datetime import UTC, datetime
from uuid import UUID

import pytest

from spooler.job import Document, Job, Sender, changed, make_uid, order_key, uid_of_text, uid_text


def job(number: int, priority: int = 50) -> Job:
    return Job(number, bytes(16), Document(), Sender(), datetime.now(UTC), priority=priority)


def test_a_uid_is_a_version_7_uuid_that_tells_its_time():
    uid = UUID(bytes=make_uid(0x0192F0C4AABB, b"\xff" * 10))

    assert (uid.version, uid.variant) == (7, "specified in RFC 4122")
    assert uid.int >> 80 == 0x0192F0C4AABB


def test_uids_of_later_times_sort_behind():
    assert make_uid(1000, b"\xff" * 10) < make_uid(1001, b"\x00" * 10)


def test_a_uid_is_read_as_it_is_written():
    uid = make_uid(1_700_000_000_000, bytes(range(10)))

    assert uid_of_text(uid_text(uid)) == uid
    with pytest.raises(ValueError, match="badly formed"):
        uid_of_text("4711")


def test_jobs_are_sent_by_priority_then_in_order_of_acceptance():
    jobs = [job(1), job(2, priority=99), job(3, priority=1), job(4, priority=99)]

    assert [one.number for one in sorted(jobs, key=order_key)] == [2, 4, 1, 3]


def test_each_change_of_a_job_is_a_new_revision_and_a_new_etag():
    before = job(1)
    after = changed(before, priority=7)

    assert (after.priority, after.revision) == (7, before.revision + 1)
    assert after.etag != before.etag
