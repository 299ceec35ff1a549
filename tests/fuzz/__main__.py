"""`python -m tests.fuzz [--seconds N] [--seed N] [NAME...]`: N seconds for each target, a table, and build/fuzz.json."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.targets import targets

BUILD = Path(__file__).parent.parent.parent / "build"


def main() -> int:
    """Fuzz; return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", help="only targets whose name has one of these words")
    asked = parser.parse_args()
    reports = []
    print(f"{'target':<20} {'inputs':>9} {'refused':>9} {'slowest ms':>11} {'growth KiB':>11}")
    for target in targets():
        if asked.names and not any(word in target.name for word in asked.names):
            continue
        report = fuzz(target, asked.seconds, asked.seed, BUILD / "fuzz")
        reports.append(report)
        print(
            f"{report.name:<20} {report.inputs:>9} {report.refused:>9} {report.slowest_ms:>11}"
            f" {report.growth_bytes >> 10:>11}",
            flush=True,
        )
        for bug in report.bugs:
            print(f"    {bug}")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "fuzz.json").write_text(
        json.dumps({"seed": asked.seed, "targets": [dataclasses.asdict(one) for one in reports]}, indent=2)
        + "\n"
    )
    return int(any(report.bugs for report in reports))


if __name__ == "__main__":
    sys.exit(main())
