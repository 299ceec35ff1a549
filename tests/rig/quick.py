"""What must take a second at most, on machines that have other things to do as well."""

from __future__ import annotations

TRIES = 3


def quick(took_s: float, tries_left: int) -> bool:
    """Say whether something took a second at most, and fail when the last try did not: neighbours spoil one now and then."""
    assert took_s <= 1 or tries_left, f"it took {took_s:.2f} s"
    return took_s <= 1
