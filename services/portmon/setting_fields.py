"""Fields that the settings of several types of port have."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def seconds(default: float, title: str, description: str, *, most: float, zero: bool = False) -> Any:
    """Return a time among the advanced behaviour of a port: above 0, or from it on, up to `most`."""
    least: dict[str, Any] = {"ge": 0} if zero else {"gt": 0}
    shown: dict[str, Any] = {"unit": "s", "group": "Behaviour", "advanced": True}
    return Field(
        default=default, le=most, title=title, description=description, json_schema_extra=shown, **least
    )


def tcp_port(default: int, listener: str = "the printer") -> Any:
    """Return the TCP port at which somebody listens."""
    return Field(
        default=default,
        ge=1,
        le=65535,
        title="TCP port",
        description=f"Where {listener} listens.",
        json_schema_extra={"group": "Printer"},
    )
