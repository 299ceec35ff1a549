"""What left the printer, unit by unit, and what happened to it: the simulator's sworn statement."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from printfabric_sim.claim import Claim
from printfabric_sim.loss import Loss
from printfabric_sim.unit import TAIL_BYTES, Span, Unit

# "SERIAL 17", "s/n: A-17", "Receipt no 5", "Page=3". Written so that `re` can skip to a possible first letter.
DEFAULT_SERIAL = (
    rb"[SsNnUuLlRrPp](?:(?<=[Ss])(?i:erial|er|/n|n)|(?<=[Nn])(?i:o|r)|(?<=[Uu])(?i:nit)|(?<=[Ll])(?i:abel)"
    rb"|(?<=[Rr])(?i:eceipt)|(?<=[Pp])(?i:age))[ .:#=]{1,3}((?=[A-Za-z._/-]*\d)[A-Za-z0-9._/-]+)"
)
# Pictures between text are not searched: a pattern costs milliseconds per 100 KiB. A text that begins there may end behind.
_SERIAL_BYTES, _SERIAL_LENGTH = TAIL_BYTES, 256


KEEP_UNITS = 100_000


class ForgottenError(LookupError):
    """Asked for all units when the first are not in memory any more."""


class Outcome(StrEnum):
    """How a unit left the printer."""

    PRINTED = "printed"
    TRUNCATED = "truncated"  # a piece of it came out: power cut, reset or jam in the middle
    GARBLED = "garbled"  # whole, but with bytes the sender did not send, or with bytes missing


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One piece of paper that left the printer.

    `unit` counts them from 1. `spans` names the received bytes it was made of, and `sha256` is the hash of exactly
    those bytes (as they arrived, line errors included). `copy` counts copies of one format from 1.
    `duplicate_of` is the first whole unit with the same content and copy number that was made of *other* bytes:
    somebody sent it twice. Time is Unix time in seconds.
    """

    unit: int
    outcome: Outcome
    kind: str
    sha256: str
    bytes: int
    spans: tuple[Span, ...]
    serial: str | None
    job: int
    job_name: str
    copy: int
    time: float
    duplicate_of: int | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, one line of units.jsonl."""
        return {
            "unit": self.unit,
            "outcome": self.outcome.value,
            "kind": self.kind,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "spans": [list(span) for span in self.spans],
            "serial": self.serial,
            "job": self.job,
            "job_name": self.job_name,
            "copy": self.copy,
            "time": round(self.time, 6),
            "duplicate_of": self.duplicate_of,
            "reason": self.reason,
        }


class Record:
    """Everything one printer can swear to.

    Units and events are held in memory, the last `keep_units` of each at least (about 1 KB each), which is also how far
    back duplicates are known. With `directory` all of them are appended to `units.jsonl` and `events.jsonl` there,
    flushed line by line, so that they survive a kill of the simulator; those of an earlier run get a number. Counters cover the whole life. `serial_pattern` finds the serial text in a unit's content: its first group, or all of the match.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        serial_pattern: bytes = DEFAULT_SERIAL,
        keep_units: int = KEEP_UNITS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self.units: list[UnitRecord] = []
        self.events: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.made = 0  # pieces of paper that left, of every outcome
        self.lost_bytes = 0  # arrived, and in no piece of paper
        self.forgotten_units = self.forgotten_events = 0  # not in memory any more
        self._serial = re.compile(serial_pattern)
        self.keep_units = keep_units
        self._clock = clock
        self._first: dict[tuple[str, int], tuple[int, tuple[Span, ...]]] = {}
        self._units_file: IO[str] | None = None
        self._events_file: IO[str] | None = None
        self._claim: Claim | None = None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._claim = Claim(directory / ".lock", directory)
            _put_aside(directory)
            self._units_file = (directory / "units.jsonl").open("a", buffering=1, encoding="utf-8")
            self._events_file = (directory / "events.jsonl").open("a", buffering=1, encoding="utf-8")

    @property
    def printed(self) -> int:
        """Units that left whole and as sent."""
        return self.counts[Outcome.PRINTED.value]

    def add(self, unit: Unit, copy: int, outcome: Outcome, reason: str = "") -> UnitRecord:
        """Note that one copy of `unit` has left the printer and return its entry."""
        self.made += 1
        duplicate = self._seen_before(unit, copy) if outcome is not Outcome.TRUNCATED else None
        entry = UnitRecord(
            unit=self.made,
            outcome=outcome,
            kind=unit.kind,
            sha256=unit.digest,
            bytes=unit.size,
            spans=unit.spans,
            serial=self._serial_of(unit),
            job=unit.job.number,
            job_name=unit.job.name,
            copy=copy,
            time=self._clock(),
            duplicate_of=duplicate,
            reason=reason,
        )
        self.counts[outcome.value] += 1
        self.units.append(entry)
        self.forgotten_units += self._forget(self.units)
        if self._units_file is not None:
            self._units_file.write(json.dumps(entry.as_dict()) + "\n")
        return entry

    def _seen_before(self, unit: Unit, copy: int) -> int | None:
        """Return the first unit that was this one, of other bytes; None if there is none, or nobody has sent it."""
        if not unit.spans:
            return None
        key = (unit.digest, copy)
        number, spans = first = self._first.pop(key, (self.made, unit.spans))
        self._first[key] = first  # at the end again: what is forgotten is what has not come for longest
        while len(self._first) > self.keep_units:
            del self._first[next(iter(self._first))]
        if spans == unit.spans:
            return None
        self.counts["duplicates"] += 1
        return number

    def _serial_of(self, unit: Unit) -> str | None:
        """Return the serial text that begins in the first or last 8 KiB of a unit, if the pattern finds one."""
        content = unit.content
        found = self._serial.search(content, 0, _SERIAL_BYTES + _SERIAL_LENGTH)
        if found is None or found.start() >= _SERIAL_BYTES:
            found = self._serial.search(
                unit.tail or content[max(_SERIAL_BYTES, len(content) - _SERIAL_BYTES) :]
            )
        if found is None:
            return None
        return (found.group(1) if found.re.groups else found.group(0)).decode("latin-1")

    def event(self, name: str, /, **facts: Any) -> None:
        """Note something that is not a unit: a connection, a fault, a condition, a power cut."""
        entry = {"event": name, "time": round(self._clock(), 6), **facts}
        self.counts["event." + name] += 1
        self.events.append(entry)
        self.forgotten_events += self._forget(self.events)
        if self._events_file is not None:
            self._events_file.write(json.dumps(entry) + "\n")

    def lost(self, name: str, loss: Loss, /, **facts: Any) -> None:
        """Note as an event that input was thrown away, and which bytes those are."""
        self.lost_bytes += loss.bytes
        self.event(name, **facts, **loss.facts())

    def serials(self, outcome: Outcome = Outcome.PRINTED) -> list[str | None]:
        """Return the serial texts of the units with `outcome`, in the order they left.

        Raises:
            ForgottenError: more units have left than are kept in memory.
        """
        return [unit.serial for unit in self.all_units() if unit.outcome is outcome]

    def all_units(self) -> list[UnitRecord]:
        """Return every unit since the printer was made. Raises ForgottenError."""
        if self.forgotten_units:
            raise ForgottenError(
                f"the first {self.forgotten_units} units are not in memory any more (keep_units={self.keep_units}); "
                "ask for more, or read units.jsonl"
            )
        return list(self.units)

    def _forget(self, rows: list[Any]) -> int:
        """Drop the oldest rows beyond what is kept, a quarter at a time: a list's head is dear. Return how many."""
        excess = len(rows) - self.keep_units
        if excess <= self.keep_units // 4:
            return 0
        del rows[:excess]
        return excess

    def close(self) -> None:
        """Close the files; the record stays readable in memory."""
        for file in (self._units_file, self._events_file):
            if file is not None:
                file.close()
        self._units_file = self._events_file = None
        if self._claim is not None:
            self._claim.release()


def _put_aside(directory: Path) -> None:
    """Number the files of an earlier run: in those of one run units and inlets are counted from 1."""
    names = ("units", "events")
    if any((directory / f"{name}.jsonl").exists() for name in names):
        run = next(n for n in itertools.count(1) if not (directory / f"events.{n}.jsonl").exists())
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                (directory / f"{name}.jsonl").rename(directory / f"{name}.{run}.jsonl")
