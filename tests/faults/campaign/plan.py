"""What a campaign does, as pure functions of its seed: printers, jobs, faults, and the people who decide."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.campaign.fault_dice import (
    BOTH_WAYS,
    SPAN_S,
    box_faults,
    devices_gone,
    printer_fault,
    program_faults,
)
from tests.faults.campaign.papers import Paper, paper
from tests.faults.campaign.rules import Rules, roll

BATCH = 100  # schedules that share one fabric
PERSONALITIES = ("zpl", "escpos", "pjl", "plain")
END_TIMEOUT_S = 0.6
# What the port of a printer says of its memory, beyond the input buffer: units on the paper path and half a unit.
PATH_UNITS = 5
BOX_BYTES = 40_000  # what a print-server box between host and printer may hold
_LARGE_UNIT_BYTES = 6000
SPEAKING = 0.55  # how many of the printers are asked for their own word, where they have one
LANGUAGES = {"zpl": "ZPL", "escpos": "ESC/POS", "pjl": "PJL"}
# tcp, a TCP box in between, a serial line, a line printer daemon, an IPP printer, a character device (played by a FIFO).
_PLUGS = ("tcp", "tcp", "tcp", "box", "box", "pty", "pty", "lpr", "ipp", "fifo")
_LINES = frozenset({"pty", "fifo"})  # no connections: what comes through belongs to nobody
_PERSONS = ("looks", "looks", "resumes", "reprints", "marks", "skips")
_VERBS = ("pause", "pause", "pause port", "hold", "hold", "cancel", "move", "move", "close", "close")


@dataclass(frozen=True)
class PrinterPlan:
    """One simulated printer and the plug by which the host reaches it, of `_PLUGS`."""

    name: str
    personality: str
    plug: str
    flow: str  # of a pty
    units_per_second: float
    buffer_bytes: int
    rcvbuf_bytes: int
    unit_bytes: int
    faults: str  # the printer's script, laid at its start
    box_faults: tuple[tuple[float, str], ...]
    seed: int
    end_timeout_s: float = END_TIMEOUT_S

    @property
    def is_line(self) -> bool:
        """Whether it has no connections."""
        return self.plug in _LINES

    @property
    def memory_bytes(self) -> int:
        """What it may have taken and not printed."""
        return self.buffer_bytes + PATH_UNITS * 2 * (self.unit_bytes + 100)


@dataclass(frozen=True)
class JobPlan:
    """One job. `number` is the campaign's own, and stands on the paper."""

    number: int
    printer: str  # the queue
    personality: str
    at_s: float
    units: int
    unit_bytes: int
    setup: bool
    copies: int = 1

    @property
    def request_id(self) -> str:
        """The key under which it is submitted, as often as needed."""
        return f"campaign-{self.number}"

    def paper(self) -> Paper:
        """Return its document."""
        return paper(self.personality, self.number, self.units, self.unit_bytes, self.setup)


class Act(NamedTuple):
    """What somebody does at a moment: to a job (by its place among the schedule's), to the printer or to its first port."""

    at_s: float
    verb: str
    job: int
    seconds: float  # of what is undone


@dataclass(frozen=True)
class SchedulePlan:
    """A queue with one or two printers, its jobs, its faults, its rules, and what people do.

    The person in charge decides about what is uncertain. looks: skips what is on paper and prints the rest. resumes: goes
    on behind the last that is on paper. reprints, marks, skips: all that nobody knows about, without a look.
    """

    number: int
    queue: str
    printers: tuple[PrinterPlan, ...]
    jobs: tuple[JobPlan, ...]
    person: str
    rules: Rules = field(default_factory=Rules)
    acts: tuple[Act, ...] = ()
    spare: tuple[PrinterPlan, ...] = ()  # of a second queue, for jobs that are moved

    @property
    def queues(self) -> dict[str, tuple[PrinterPlan, ...]]:
        """Return its queues and their printers."""
        return {self.queue: self.printers} | ({f"{self.queue}s": self.spare} if self.spare else {})


@dataclass(frozen=True)
class BatchPlan:
    """Schedules that share one fabric, and what befalls its programs and lines: (seconds, what, how long)."""

    number: int
    schedules: tuple[SchedulePlan, ...]
    faults: tuple[tuple[float, str, float], ...]
    postgres: bool = False  # its spooler keeps jobs in PostgreSQL, else in SQLite
    console: bool = False  # there is a configuration service
    dialled: bool = False  # its host dials in, and is far therefore; else it is called, and near


def batch_plans(seed: int, schedules: int, *, first: int = 0, batch: int = BATCH) -> Iterator[BatchPlan]:
    """Yield the batches of a campaign; `first`, a multiple of `batch`, is the number of its first schedule."""
    for start in range(first, first + schedules, batch):
        yield batch_plan(seed, start // batch, start, min(batch, first + schedules - start))


def batch_plan(seed: int, number: int, first: int, count: int) -> BatchPlan:
    """Return batch `number`: the schedules `first` to `first + count - 1` of the campaign `seed`."""
    schedules = tuple(schedule_plan(seed, one) for one in range(first, first + count))
    postgres, console, dialled = number % 2 == 1, number % 3 == 1, number % 4 in (1, 2)
    dice = random.Random(f"{seed}/batch/{number}")
    faults = program_faults(dice, postgres=postgres, console=console)
    faults += devices_gone(random.Random(f"{seed}/devices/{number}"))
    return BatchPlan(number, schedules, tuple(sorted(faults)), postgres, console, dialled)


def schedule_plan(seed: int, number: int) -> SchedulePlan:
    """Return one schedule; it depends on nothing but its arguments."""
    dice = random.Random(f"{seed}/schedule/{number}")
    personality = dice.choice(PERSONALITIES)
    prefetch = dice.choice(("never", "always", "auto", "always"))
    large = dice.random() < (0.4 if prefetch == "auto" else 0.06)  # auto brings no small ones
    unit_bytes = _LARGE_UNIT_BYTES if large else dice.randrange(60, 900)
    queue = f"q{number}"
    pool = dice.random() < 0.2
    printers = tuple(
        _printer(dice, f"{queue}{letter}", personality, unit_bytes) for letter in ("ab" if pool else "a")
    )
    jobs = tuple(
        JobPlan(
            number=number * 10 + place,
            printer=queue,
            personality=personality,
            at_s=round(dice.uniform(0, SPAN_S * 0.8), 3),
            units=1 if dice.random() < 0.15 else dice.randrange(2, 32),
            unit_bytes=unit_bytes,
            setup=dice.random() < 0.4,
            copies=dice.choice((2, 3)) if dice.random() < 0.1 else 1,
        )
        for place in range(dice.randrange(1, 5))
    )
    acts = _acts(dice, len(jobs)) if dice.random() < 0.4 else ()
    moves = any(act.verb == "move" for act in acts)
    spare = (_printer(dice, f"{queue}s", personality, unit_bytes),) if moves else ()
    return SchedulePlan(
        number,
        queue,
        printers,
        jobs,
        person=dice.choice(_PERSONS),
        rules=roll(dice, _language(dice, personality, printers + spare), prefetch, pool=pool),
        acts=acts,
        spare=spare,
    )


def _language(dice: random.Random, personality: str, printers: tuple[PrinterPlan, ...]) -> str:
    """Return the language monitor of some of those that can have one, or none."""
    # A line without flow control loses the answer's question with the rest, and the wait for it is long.
    hear = all(one.plug in BOTH_WAYS and (one.plug != "pty" or one.flow != "none") for one in printers)
    return LANGUAGES.get(personality, "") if hear and dice.random() < SPEAKING else ""


def _acts(dice: random.Random, jobs: int) -> tuple[Act, ...]:
    return tuple(
        Act(
            round(dice.uniform(0.3, SPAN_S), 2),
            dice.choice(_VERBS),
            dice.randrange(jobs),
            round(dice.uniform(0.2, 1.5), 2),
        )
        for _ in range(dice.randrange(1, 4))
    )


def _printer(dice: random.Random, name: str, personality: str, unit_bytes: int) -> PrinterPlan:
    plug = dice.choice(_PLUGS)
    return PrinterPlan(
        name=name,
        personality=personality,
        plug=plug,
        flow=dice.choice(("xonxoff", "xonxoff", "stall", "none")),
        units_per_second=dice.choice((0.0, 20.0, 60.0, 300.0)),
        # A simulated printer takes no command that is longer than its buffer.
        buffer_bytes=dice.choice((2048, 8192)) if unit_bytes < 1000 else 16384,
        rcvbuf_bytes=dice.choice((2048, 8192)),
        unit_bytes=unit_bytes,
        faults="; ".join(printer_fault(dice, plug, personality) for _ in range(dice.randrange(1, 5))),
        box_faults=box_faults(dice) if plug == "box" else (),
        seed=dice.randrange(1 << 32),
    )
