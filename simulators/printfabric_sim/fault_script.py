"""The little language of faults: `reset@unit:17`, `xoff=2.5@byte:4096`, `media-out=10@unit:5..30*`. Pure: no I/O, no clock.

    fault   := action [ "=" value { "," value } ] [ "@" when ":" amount ] [ "*" [ count ] ]
    when    := "unit" | "start" | "byte" | "time" | "job" | "connect" | "reply" | "chance"
    amount  := number [ unit ] | number ".." number      a range is drawn from the printer's seed
    value   := number [ unit ] | word
    unit    := "s" | "ms" | "k" | "M"

Several faults are separated by `;`. Without `@` a fault strikes at once. `*` repeats it for ever, `*3` three times in all:
each time the amount is counted on from the last strike.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from printfabric_sim.fault_table import ACTIONS, FaultError

_SCALES = {"": 1.0, "s": 1.0, "ms": 0.001, "k": 1024.0, "M": 1048576.0}
_FAULT = re.compile(
    r"^\s*(?P<action>[a-z][a-z0-9-]*)(?:=(?P<values>[^@*]*))?"
    r"(?:@(?P<when>[a-z]+):(?P<amount>[^*]+))?(?P<repeat>\*\d*)?\s*$"
)
_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|k|M)?$")


class When(StrEnum):
    """What a fault waits for."""

    NOW = "now"
    UNIT = "unit"  # the unit with this number has left the printer
    START = "start"  # the unit with this number begins to move
    BYTE = "byte"  # so many bytes have arrived, over all inlets
    TIME = "time"  # so many seconds have passed
    JOB = "job"  # the job with this number begins
    CONNECT = "connect"  # so many connections have been accepted
    REPLY = "reply"  # the reply with this number is about to be sent
    CHANCE = "chance"  # after each unit, with this probability


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a fault script, parsed and checked.

    `low`..`high` is the amount to wait for (equal unless a range was given). `times` is how often it strikes;
    0 means without end.
    """

    action: str
    values: tuple[float | str, ...] = ()
    when: When = When.NOW
    low: float = 0.0
    high: float = 0.0
    times: int = 1

    def __str__(self) -> str:
        values = (
            "=" + ",".join(f"{v:g}" if isinstance(v, float) else v for v in self.values)
            if self.values
            else ""
        )
        span = f"{self.low:.12g}" if self.low == self.high else f"{self.low:.12g}..{self.high:.12g}"
        when = "" if self.when is When.NOW else f"@{self.when}:{span}"
        repeat = {0: "*", 1: ""}.get(self.times, f"*{self.times}")
        return f"{self.action}{values}{when}{repeat}"

    def draw(self, after: float, dice: random.Random) -> float:
        """Return the point at which the next strike is due, counted on from `after`."""
        if self.low == self.high:
            return after + self.low
        if self.when in (When.TIME, When.CHANCE):
            return after + dice.uniform(self.low, self.high)
        return after + dice.randint(int(self.low), int(self.high))


def parse_faults(text: str) -> list[Fault]:
    """Parse a script of faults separated by `;` or line ends; `#` begins a comment.

    Raises:
        FaultError: with the piece that could not be read and what would have been possible.
    """
    lines = (line.split("#", 1)[0] for line in text.splitlines())
    return [parse_fault(piece) for line in lines for piece in line.split(";") if piece.strip()]


def parse_fault(text: str) -> Fault:
    """Parse one fault, for instance `reset@unit:17`.

    Raises:
        FaultError: see `parse_faults`.
    """
    found = _FAULT.match(text)
    if found is None:
        raise FaultError(f"cannot read fault {text!r}; the form is action[=value][@when:amount][*[count]]")
    action = ACTIONS.get(found["action"])
    if action is None:
        raise FaultError(f"no fault {found['action']!r}; there are: {', '.join(sorted(ACTIONS))}")
    values = tuple(_value(v, text) for v in found["values"].split(",")) if found["values"] is not None else ()
    action.check(values)
    when, low, high = When.NOW, 0.0, 0.0
    if found["when"] is not None:
        when, low, high = _trigger(found["when"], found["amount"].strip(), text)
    repeat = found["repeat"]
    times = 1 if repeat is None else int(repeat[1:] or 0)
    if repeat is not None and repeat[1:] and times == 0:
        raise FaultError(f"{text!r} would never strike; * alone repeats for ever")
    if times != 1 and (when is When.NOW or (low == high == 0)):
        raise FaultError(f"{text!r} would repeat without end at one moment")
    return Fault(found["action"], values, when, low, high, times)


def _trigger(word: str, amount: str, text: str) -> tuple[When, float, float]:
    try:
        when = When(word)
    except ValueError as error:
        raise FaultError(f"{text!r}: no moment {word!r}; there are: {', '.join(When)}") from error
    low_text, dots, high_text = amount.partition("..")
    low = _number(low_text, text)
    high = _number(high_text, text) if dots else low
    if high < low:
        raise FaultError(f"{text!r}: {amount} runs backwards")
    if when is When.CHANCE and high == 0:
        raise FaultError(f"{text!r} would never strike")
    if when is When.CHANCE and high > 1:
        raise FaultError(f"{text!r}: a chance is between 0 and 1")
    if when not in (When.TIME, When.CHANCE) and (low != int(low) or high != int(high)):
        raise FaultError(f"{text!r}: {word} counts in whole numbers")
    return when, low, high


def _number(text: str, whole: str) -> float:
    found = _NUMBER.match(text.strip())
    if found is None:
        raise FaultError(f"{whole!r}: {text!r} is not a number")
    return float(found[1]) * _SCALES[found[2] or ""]


def _value(text: str, whole: str) -> float | str:
    text = text.strip()
    if text[:1] == "-" and text[1:2].isdigit():
        raise FaultError(f"{whole!r}: {text} is below 0")
    return _number(text, whole) if text[:1].isdigit() else text
