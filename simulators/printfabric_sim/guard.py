"""Keeps a printer going whatever its interpreter makes of the bytes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from printfabric_sim.inlet import Inlet
from printfabric_sim.personality import Personality, Step
from printfabric_sim.record import Record

P = ParamSpec("P")
T = TypeVar("T")

_ERROR_CHARS = 200
# An interpreter that goes on so many steps without taking a byte goes round in circles.
_MAX_IDLE_STEPS = 100


def guarded(
    record: Record, inlet: Inlet | None, do: Callable[P, T], *arguments: P.args, **named: P.kwargs
) -> T | None:
    """Return what `do` returns; if it raises, note that in the record and return None. `inlet`: what it was about."""
    try:
        return do(*arguments, **named)
    except Exception as error:  # noqa: BLE001 (a personality is anybody's code)
        record.event(
            "personality failed",
            inlet=inlet.number if inlet is not None else 0,
            error=repr(error)[:_ERROR_CHARS],
            traceback="".join(traceback.format_exception(error)),
        )
        return None


class Steps:
    """Asks an interpreter for its steps, and takes none that cannot be."""

    def __init__(self) -> None:
        self._idle = 0  # steps in a row that took no byte

    def ask(self, personality: Personality, buffer: bytearray, inlet: Inlet) -> Step:
        """Return what `parse` returns. Raises what it raises, and ValueError for a step that cannot be."""
        step: object = personality.parse(buffer, inlet)
        if not isinstance(step, Step) or not 0 <= step.used <= len(buffer) or step.copies < 0:
            raise ValueError(f"parse returned {step!r} for {len(buffer)} bytes")
        waits = not (step.copies or step.drop or step.mark is not None)
        self._idle = 0 if step.used or waits else self._idle + 1
        if self._idle > _MAX_IDLE_STEPS:
            self._idle = 0
            raise ValueError(f"parse takes nothing, again and again: {step!r}")
        return step
