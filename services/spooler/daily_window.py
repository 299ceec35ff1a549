"""When a printer may begin jobs: a time of day, by the clock on the wall in its time zone. Pure but for the zone database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chassis.errors import InvalidArgument

DAY = 24 * 60  # minutes
MAX_ZONE = 64  # characters of a zone's name
_MINUTE = timedelta(minutes=1)


class Window(NamedTuple):
    """A daily time: minutes after midnight; equal values mean always, an end before the start is past midnight.

    The clock on the wall decides. What lies in the hour that is skipped in spring does not open that day; what only begins in
    it opens when the clock has jumped. What lies in the hour that comes twice in autumn opens twice.
    """

    start_minute: int
    until_minute: int
    time_zone: str = ""  # "Europe/Berlin"; empty: UTC

    def __str__(self) -> str:
        start, until = (f"{at // 60 % 24:02}:{at % 60:02}" for at in (self.start_minute, self.until_minute))
        return f"from {start} to {until} {self.zone_word}"

    @property
    def zone_word(self) -> str:
        """Its zone, as it is told to people."""
        return self.time_zone or "UTC"

    @property
    def stored(self) -> tuple[int, int] | Window:
        """What the store keeps: two members in UTC, as versions without zones wrote it and read it."""
        return self if self.time_zone else self[:2]

    def local(self, moment: datetime) -> datetime:
        """Return a moment on the clock of its zone."""
        return moment.astimezone(_zone_or_utc(self.time_zone))

    def is_open(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        start, until = self.start_minute % DAY, self.until_minute % DAY
        now = _minute_of(self.local(moment))
        return start == until or (start <= now < until if start < until else now >= start or now < until)

    def closes(self, moment: datetime) -> datetime | None:
        """Return when it shuts next, at or after a moment; in UTC. None: never."""
        if self.start_minute % DAY == self.until_minute % DAY:
            return None
        return Window(self.until_minute, self.start_minute, self.time_zone).opens(moment)

    def opens(self, moment: datetime) -> datetime:
        """Return when it opens next, at or after a moment; in UTC."""
        moment = moment.astimezone(UTC)
        while not self.is_open(moment):
            wall = self.local(moment)
            wait = timedelta(minutes=(self.start_minute - _minute_of(wall)) % DAY)
            begin = moment + wait - timedelta(seconds=wall.second, microseconds=wall.microsecond)
            if self.local(begin).utcoffset() == wall.utcoffset():
                return begin
            # The clock is changed before it says so: looked at again from there.
            moment = self._clock_change(moment, begin)
        return moment

    def _clock_change(self, before: datetime, at: datetime) -> datetime:
        """Return the first minute, of those behind one moment up to another, whose offset is another than at the first one."""
        before = before.replace(second=0, microsecond=0)
        offset = self.local(before).utcoffset()
        while at - before > _MINUTE:
            middle = (before + (at - before) / 2).replace(second=0, microsecond=0)
            before, at = (middle, at) if self.local(middle).utcoffset() == offset else (before, middle)
        return at


def check_zone(name: str) -> None:
    """Raise InvalidArgument unless a time zone is known; the empty one is UTC."""
    if name and _zone(name) is None:
        example = "it is written as in Europe/Berlin or America/New_York"
        raise InvalidArgument(
            f"{name[:MAX_ZONE]!r} is no time zone that is known here; {example}", time_zone=name[:MAX_ZONE]
        )


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo | None:
    """Return a zone of the machine's database, or else of the package tzdata; None if neither has it."""
    if len(name) > MAX_ZONE:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError):  # a folder of the database; not there; no such name can be
        return None


def _zone_or_utc(name: str) -> tzinfo:
    """Return a zone; UTC for one that was known when it was set and is gone from the database since."""
    return (_zone(name) if name else None) or UTC


def _minute_of(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute
