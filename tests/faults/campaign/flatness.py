"""Whether memory and descriptors of programs stay flat: what they have at moments of a day, and its growth over the last half."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

# Over the last half. Memory: of 50,000 jobs none may leave more than 250 bytes behind (the allocator's whims are 4 MiB).
# Descriptors: middle values are compared, for connections come and go.
MOST_GROWTH = {"rss_kib": 12 * 1024, "descriptors": 10}
_FROM, _EDGE = 0.5, 0.125  # the last half begins; so long are its two edges, which are compared


class Measure(NamedTuple):
    """What a program has at a moment; `at` is the share of the day that is over."""

    at: float
    program: str
    pid: int
    rss_kib: int
    descriptors: int


def measure(at: float, program: str, pid: int) -> Measure:
    """Look at a process. Raises OSError: it has ended."""
    proc = Path(f"/proc/{pid}")
    lines = (proc / "status").read_text().splitlines()
    # None: it is just being killed.
    rss = next((line for line in lines if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return Measure(at, program, pid, int(rss.split()[1]), len(list((proc / "fd").iterdir())))


def growth(measures: Sequence[Measure]) -> dict[str, int]:
    """Return by how much each figure of each program grew over the last half, as `spooler_rss_kib`.

    Programs that were started in it are left out: they are still warming up.
    """
    found: dict[str, int] = {}
    half = [one for one in measures if one.at >= _FROM]
    for program in dict.fromkeys(one.program for one in half):
        mine = [one for one in half if one.program == program]
        first = [one for one in mine if one.at <= _FROM + _EDGE]
        last = [one for one in mine if one.at >= 1 - _EDGE]
        if not first or not last or len({one.pid for one in mine}) > 1:
            continue
        for name in MOST_GROWTH:
            before, after = (statistics.median(getattr(one, name) for one in part) for part in (first, last))
            found[f"{program}_{name}"] = int(after - before)
    return found


def not_flat(grown: dict[str, int], programs: Sequence[str]) -> list[str]:
    """Say what grew by more than it may, and of which programs nothing is known."""
    return [
        f"{program}: {name} grew by {grown.get(f'{program}_{name}', 'nobody knows what')}, may by {most}"
        for program in programs
        for name, most in MOST_GROWTH.items()
        if grown.get(f"{program}_{name}", most + 1) > most
    ]
