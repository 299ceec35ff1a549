"""Whether a store failed, and with it whatever it is asked, or refused one thing alone. Pure."""

from __future__ import annotations

from chassis.errors import FabricError

_MARK = "concerns_one"  # an attribute of the error: its metadata go out to clients


def of_one(error: FabricError) -> FabricError:
    """Say of a store's error that it is about what was asked; return it."""
    setattr(error, _MARK, True)
    return error


def concerns_one(error: FabricError) -> bool:
    """Return whether other work may go well while this fails."""
    return getattr(error, _MARK, False) is True
