"""The laboratory's day: python -m tests.lab. Writes build/lab.json, prints a table, ends with 1 when something is not zero."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from tests.lab.day import Day, failures, run_day

ROUND = (
    "kill -9",
    "SIGSTOP beyond the lease",
    "spooler cut off from the database",
    "spooler cut off from everything",
    "spooler cut off from the hosts",
    "port monitor killed",
    "everything delayed by 5 ms",
    "rolling restart",
    "database killed",
)


def main() -> int:
    """Run a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--printers", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=12_000, help="at most")
    parser.add_argument("--rate", type=float, default=20.0, help="jobs a second")
    parser.add_argument("--rounds", type=int, default=1, help="how often everything goes wrong")
    parser.add_argument("--loopback", action="store_true", help="no namespaces, even where they are allowed")
    parser.add_argument("--output", type=Path, default=Path("build/lab.json"))
    asked = parser.parse_args()
    day = Day(
        asked.seed,
        asked.printers,
        asked.jobs,
        asked.rate,
        ROUND * asked.rounds,
        namespaces=not asked.loopback,
    )
    result = asyncio.run(run_day(day))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"network: {result['network']}")
    print(f"{'struck':36} {'whom':5} {'printers':>8} {'owners s':>9} {'printing s':>10}")
    for one in result["strikes"]:
        print(
            f"{one['what']:36} {one['whom']:5} {one['printers']:8} {one['owners_s'] or '-':>9} {one['printing_s'] or '-':>10}"
        )
    print(
        f"jobs {result['jobs']}, units {result['units']}, lost {result['lost']}, doubled {result['doubled_unmarked']}"
    )
    wrong = failures(result)
    for line in (*wrong, *result["complaints"]):
        print(line)
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
