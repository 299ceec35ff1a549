"""Which of a printer's jobs is ours. Their numbers begin anew where a printer forgets: the number alone names nobody."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from portmon.ipp.message import IppMessage

_SLACK_S = 2  # both times are rounded to seconds


@dataclass(frozen=True, slots=True)
class UpTime:
    """What a printer's clock said, and when that was: seconds since its start (RFC 8011, 5.4.29)."""

    seconds: int | None = None
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class JobLook:
    """What the printer says of a job; `state` None: it does not know the job, or no more."""

    state: int | None
    reasons: tuple[str, ...] = ()
    done: int = 0  # impressions and sheets, a number that rises while it prints
    uuid: str = ""  # RFC 8011 has none, PWG 5100.13 does
    made_s: int | None = None  # by the printer's clock; not above 0: before it was started last
    now_s: int | None = field(default=None, compare=False)  # what that clock says now


@dataclass(frozen=True, slots=True)
class OurJob:
    """A job as it was made: its number, its uuid when it is known, and between which times of the printer's clock."""

    number: int
    uuid: str = ""
    earliest_s: int | None = None
    latest_s: int = 0

    @classmethod
    def made(cls, number: int, uuid: str, looked: UpTime) -> OurJob:
        """Return a job that the printer has made by now, and had not yet when it was looked at."""
        passed_s = int(time.monotonic() - looked.at) + 1
        return cls(number, uuid, looked.seconds, (looked.seconds or 0) + passed_s)

    def is_in(self, look: JobLook) -> bool:
        """Tell whether what has our number is our job; where the printer gives nothing to tell it by, it is."""
        if self.uuid and look.uuid:
            return self.uuid == look.uuid
        if self.earliest_s is None:
            return True
        made, now = look.made_s, look.now_s
        if now is not None and now < self.earliest_s - _SLACK_S:  # it was started again
            return made is not None and made <= 0
        if (
            made is None or made <= 0 or (now is not None and made > now + _SLACK_S)
        ):  # the last: no clock at all
            return True
        return self.earliest_s - _SLACK_S <= made <= self.latest_s + _SLACK_S

    def known_by(self, look: JobLook) -> OurJob:
        """Return the job with what else names it."""
        return self if self.uuid else replace(self, uuid=look.uuid)


def made_by(answer: IppMessage, looked: UpTime) -> OurJob | None:
    """Return the job that an answer says was made; None when it says no number."""
    number = answer.number("job-id")
    return None if number is None else OurJob.made(number, _uuid_in(answer), looked)


def look_in(answer: IppMessage) -> JobLook:
    """Return what an answer says of a job."""
    done = ("job-impressions-completed", "job-media-sheets-completed")
    return JobLook(
        answer.number("job-state"),
        tuple(answer.texts("job-state-reasons")),
        sum(answer.number(name) or 0 for name in done),
        _uuid_in(answer),
        answer.number("time-at-creation"),
        answer.number("job-printer-up-time"),
    )


def _uuid_in(answer: IppMessage) -> str:
    return "".join(answer.texts("job-uuid")[:1])
