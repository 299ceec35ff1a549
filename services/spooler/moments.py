"""Points in time within sentences: RFC 3339 in UTC, which whoever shows a sentence puts into their reader's zone. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Return `2026-11-21T10:42:07Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
