"""What the hot paths cost in instructions, beside what they cost when that was last written down.

`python -m tests.bench.costs` shows both; `--write` (`make guard-baseline`) writes down what they cost now; `--spread 10`
measures so often and shows how far the figures lie apart.

Byte code is another one in each version of Python: instructions are judged in the one that the figures were written down
with. In any other the lines are that were executed, which are nearly the same in all, with more tolerance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from tests.bench.hot_layers import LAYERS
from tests.bench.hot_paths import CORES, HotPath
from tests.bench.instructions import Executed, Instructions

KEPT = Path(__file__).with_name("costs.json")
PATHS = {**CORES, **LAYERS}
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# What a path may cost more; what ten runs differed by is in docs/performance.md.
TOLERANCE = 0.10
# The same where another version of Python runs: 3.12 and 3.13 executed 3 % more or fewer lines than 3.11 (2026-11-22).
OTHER_PYTHON_TOLERANCE = 0.15
# A path that costs so much less fails, too, until that is written down: else it could become as dear again unnoticed.
# Chance and another Python take at most 7 % away; what is won by less than this is the next baseline's.
GAIN = 0.25


class Cost(NamedTuple):
    """What one step, or one unit of it, executes: instructions and lines, by module."""

    instructions: Mapping[str, int]
    lines: Mapping[str, int]


class Kept(NamedTuple):
    """What was written down: with which version of Python, and each path's costs."""

    python: str
    costs: Mapping[str, Cost]


async def cost(path: HotPath) -> Cost:
    """Return what one step of a path costs."""
    rounds: list[Executed] = []
    with tempfile.TemporaryDirectory() as folder, Instructions() as counted:
        async with path.lend(Path(folder)) as step:
            await step()  # what is made at the first use is not a step's
            with counted.counting():
                for _ in range(path.rounds):
                    before = counted.now()
                    for _ in range(path.steps):
                        await step()
                    rounds.append(counted.now().since(before))
    cheapest = min(rounds, key=lambda each: each.instructions.total())
    parts = path.steps * path.units
    return Cost(_each(cheapest.instructions, parts), _each(cheapest.lines, parts))


def _each(counts: Mapping[str, int], parts: int) -> dict[str, int]:
    return {module: count // parts for module, count in sorted(counts.items()) if count >= parts}


def excess(now: Mapping[str, int], kept: Mapping[str, int]) -> float:
    """Return by which share more than before a step costs now; negative: it costs less."""
    return sum(now.values()) / sum(kept.values()) - 1


def judged(name: str, now: Cost, kept: Kept, python: str = PYTHON) -> str:
    """Return what is wrong with a path's cost in a version of Python; empty when nothing is."""
    if name not in kept.costs:
        return f"{name}: what it costs is not written down: make guard-baseline"
    before = kept.costs[name]
    if python == kept.python:
        what, mine, its, tolerance = "instructions", now.instructions, before.instructions, TOLERANCE
    else:
        what, mine, its, tolerance = "lines", now.lines, before.lines, OTHER_PYTHON_TOLERANCE
    tolerance += PATHS[name].apart if name in PATHS else 0.0
    more = excess(mine, its)
    found = f"{name}: {sum(mine.values()):,} {what}, {more:+.0%} beside what is written down"
    if more < -GAIN:
        return f"{found}. That it stays so is to be written down: make guard-baseline"
    if more <= tolerance:
        return ""
    return f"{found}; {dearer(mine, its)}. Where that is meant: make guard-baseline"


def dearer(now: Mapping[str, int], kept: Mapping[str, int]) -> str:
    """Return the modules that cost more than before, the largest difference first."""
    more = {module: count - kept.get(module, 0) for module, count in now.items()}
    worst = sorted((module for module in more if more[module] > 0), key=lambda module: -more[module])
    return ", ".join(f"{module} {kept.get(module, 0)} -> {now[module]}" for module in worst[:5])


def kept_costs() -> Kept:
    """Return what was written down."""
    if not KEPT.exists():
        return Kept(PYTHON, {})
    found = json.loads(KEPT.read_text("utf-8"))
    return Kept(found["python"], {name: Cost(**each) for name, each in found["paths"].items()})


def _written(costs: Mapping[str, Cost]) -> str:
    paths = {name: each._asdict() for name, each in costs.items()}
    return json.dumps({"python": PYTHON, "paths": paths}, indent=2, sort_keys=True) + "\n"


def _spread(found: Sequence[Cost]) -> str:
    """Return by how much the dearest of several measurements is above the cheapest."""
    totals = [sum(each.instructions.values()) for each in found]
    return f"{max(totals) / min(totals) - 1:7.1%}"


def main() -> None:
    """Measure all paths; print a table or write the costs down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {KEPT.name} anew, the middle of three")
    parser.add_argument("--spread", type=int, default=1, help="measure each so often")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    kept = kept_costs()
    same = kept.costs if kept.python == PYTHON else {}
    now = {}
    for name, path in PATHS.items():
        found = [asyncio.run(cost(path)) for _ in range(max(arguments.spread, 3 if arguments.write else 1))]
        found.sort(key=lambda each: sum(each.instructions.values()))
        now[name] = found[len(found) // 2]
        mine, lines = now[name].instructions, now[name].lines
        change = f"{excess(mine, same[name].instructions):+.1%}" if name in same else "new"
        spread = _spread(found) if len(found) > 1 else ""
        print(
            f"{sum(mine.values()):>9,} {sum(lines.values()):>8,} lines {change:>7} {spread} {name}",
            flush=True,
        )
    if arguments.write:
        KEPT.write_text(_written(now), "utf-8")


if __name__ == "__main__":
    main()
