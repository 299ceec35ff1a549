"""Whether a store failed, and with it whatever it is asked, or refused one thing alone. Pure."""

from __future__ import annotations

from chassis.errors import FabricError

_KEY, _ONE = "concerns", "one"  # in the error's metadata


def of_one(error: FabricError) -> FabricError:
    """Say of a store's error that it is about what was asked; return it."""
    error.metadata[_KEY] = _ONE
    return error


def concerns_one(error: FabricError) -> bool:
    """Return whether other work may go well while this fails."""
    return error.metadata.get(_KEY) == _ONE
