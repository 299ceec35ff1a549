"""What the hot paths cost in instructions, beside what they cost when that was last written down.

`python -m tests.bench.costs` shows both; `--write` (`make guard-baseline`) writes down what they cost now.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.bench.hot_paths import PATHS, HotPath
from tests.bench.instructions import Instructions

KEPT = Path(__file__).with_name("costs.json")
# Byte code is another one in each version of Python, so each has its own figures.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# Ten runs beside other work differed by 3.5 % where threads meet, and by nothing elsewhere (2026-11-21).
TOLERANCE = 0.10

Cost = Mapping[str, int]  # instructions for one step, by module


async def cost(path: HotPath) -> Cost:
    """Return what one step of a path costs."""
    rounds = []
    with tempfile.TemporaryDirectory() as folder, Instructions() as counted:
        async with path.lend(Path(folder)) as step:
            await step()  # what is made at the first use is not a step's
            for _ in range(path.rounds):
                before = counted.by_module()
                for _ in range(path.steps):
                    await step()
                rounds.append(counted.by_module() - before)
    cheapest = min(rounds, key=lambda each: each.total())
    return {module: count // path.steps for module, count in sorted(cheapest.items()) if count >= path.steps}


def excess(now: Cost, kept: Cost) -> float:
    """Return by which share more than before a step costs now; negative: it costs less."""
    return sum(now.values()) / sum(kept.values()) - 1


def judged(name: str, now: Cost, kept: Cost) -> str:
    """Return what is wrong with a path's cost; empty when nothing is."""
    if (more := excess(now, kept)) <= TOLERANCE:
        return ""
    return (
        f"{name}: {sum(now.values()):,} instructions, {more:+.0%} beside what is written down; {dearer(now, kept)}. "
        "Where that is meant: make guard-baseline"
    )


def dearer(now: Cost, kept: Cost) -> str:
    """Return the modules that cost more than before, the largest difference first."""
    more = {module: count - kept.get(module, 0) for module, count in now.items()}
    worst = sorted((module for module in more if more[module] > 0), key=lambda module: -more[module])
    return ", ".join(f"{module} {kept.get(module, 0)} -> {now[module]}" for module in worst[:5])


def kept_costs() -> dict[str, dict[str, Cost]]:
    """Return what was written down, by version of Python and path."""
    return dict(json.loads(KEPT.read_text("utf-8"))) if KEPT.exists() else {}


def main() -> None:
    """Measure all paths; print a table or write the costs down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {KEPT.name} anew")
    arguments = parser.parse_args()
    everything = kept_costs()
    before, now = everything.get(PYTHON, {}), {}
    for name, path in PATHS.items():
        now[name] = asyncio.run(cost(path))
        change = f"{excess(now[name], before[name]):+.1%}" if name in before else "new"
        print(f"{sum(now[name].values()):>9,}  {change:>7}  {name}")
    if arguments.write:
        KEPT.write_text(json.dumps({**everything, PYTHON: now}, indent=2, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
