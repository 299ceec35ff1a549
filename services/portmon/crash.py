"""A monitor that failed in a way nobody foresaw: where, and by which kind of error.

What such an error says, and what the functions had in hand, may be a document: neither is logged or told.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from chassis.errors import DeviceFault, FabricError, Internal


def kind_of(error: Exception) -> str:
    """Return the name of an error's class, all that may be told of it."""
    return type(error).__name__


def told(port: str, error: Exception) -> FabricError:
    """Return what whoever waits for the port is told: an error of ours as it is, of any other its kind."""
    return error if isinstance(error, FabricError) else Internal(f"port {port}: {kind_of(error)}")


def fault(port: str, error: Exception) -> DeviceFault:
    """Return what the document is told that its port's monitor failed in."""
    return DeviceFault(f"port {port}: its monitor failed: {kind_of(error)}", win32=31)


def note_crash(log: FilteringBoundLogger, event: str, port: str, error: Exception) -> None:
    """Log where a monitor failed, outermost call first."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames]
    log.error(event, port=port, error=kind_of(error), where=where)
