"""Whether what has our job's number at a printer is our job."""

from __future__ import annotations

import pytest

from portmon.ipp.identity import JobLook, OurJob, UpTime

# Made when the printer had been up for 500 to 502 s.
OURS = OurJob(7, "", 500, 502)
NAMED = OurJob(7, "urn:uuid:1", 500, 502)


def look(uuid: str = "", made_s: int | None = None, now_s: int | None = None) -> JobLook:
    return JobLook(9, ("none",), 0, uuid, made_s, now_s)


@pytest.mark.parametrize(
    ("job", "found", "ours"),
    [
        (NAMED, look("urn:uuid:1", 3, 4), True),  # the uuid decides, whatever the clock says
        (NAMED, look("urn:uuid:2", 501, 502), False),
        (NAMED, look("", 501, 600), True),  # not said this time
        (OURS, look(), True),  # the printer gives nothing to tell it by
        (OURS, look(made_s=501, now_s=600), True),
        (OURS, look(made_s=498, now_s=600), True),  # rounded
        (OURS, look(made_s=560, now_s=600), False),
        (OURS, look(made_s=30, now_s=600), False),  # started again since, and long ago
        (OURS, look(made_s=30, now_s=40), False),
        (OURS, look(made_s=None, now_s=40), False),  # started again: nobody knows whose it is
        (OURS, look(made_s=0, now_s=40), True),  # RFC 8011, 5.3.14: from before the start
        (OURS, look(made_s=-7, now_s=40), True),
        (OURS, look(made_s=1_700_000_000, now_s=600), True),  # a time of another clock says nothing
        (OurJob(7), look(made_s=30, now_s=40), True),  # the printer told no up time when it was made
    ],
)
def test_a_job_is_told_by_its_uuid_else_by_when_it_was_made(job: OurJob, found: JobLook, ours: bool) -> None:
    assert job.is_in(found) is ours


def test_a_job_is_made_between_the_look_before_it_and_its_answer() -> None:
    job = OurJob.made(7, "", UpTime(500))
    assert job.is_in(look(made_s=500, now_s=501))
    assert not job.is_in(look(made_s=450, now_s=501))


def test_a_job_is_known_by_the_first_uuid_that_was_said() -> None:
    assert OURS.known_by(look("urn:uuid:1")).known_by(look("urn:uuid:2")) == NAMED
