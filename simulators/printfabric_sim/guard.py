"""Keeps a printer going whatever its interpreter makes of the bytes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from printfabric_sim.inlet import Inlet
from printfabric_sim.record import Record

P = ParamSpec("P")
T = TypeVar("T")

_ERROR_CHARS = 200


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
