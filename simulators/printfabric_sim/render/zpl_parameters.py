"""The parameters behind a ZPL command, as far as they are there and are numbers."""

from __future__ import annotations

MAX_DOTS = 4000


def parameters(rest: bytes) -> list[str]:
    """Return what stands between the commas."""
    return rest.decode("latin-1").strip().split(",")


def number(text: str, otherwise: int) -> int:
    """Return a number of dots, no more than a label has."""
    text = text.strip()
    return min(MAX_DOTS, int(text)) if text.isdigit() else otherwise


def numbers(rest: bytes, *defaults: int) -> list[int]:
    """Return the first parameters as numbers, with these defaults."""
    parts = parameters(rest)
    return [number(parts[i], default) if i < len(parts) else default for i, default in enumerate(defaults)]
