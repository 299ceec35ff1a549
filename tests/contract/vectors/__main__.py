"""`make vectors [FILE=path]`: replays conformance vectors against a served fabric and says how each row fared."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.contract.vectors.rows import read_rows
from tests.contract.vectors.run import replay, report, write

REFERENCE = Path("../shared/reference/vectors.json")


def main() -> int:
    """Run the command; 0 when every row holds or differs for a reason, 1 when one does not, 2 without rows."""
    parser = argparse.ArgumentParser(prog="make vectors", description=__doc__)
    parser.add_argument("--file", type=Path, default=REFERENCE, help="vectors to replay")
    parser.add_argument("--output", type=Path, default=Path("build/vectors.json"))
    parser.add_argument("--only", default="", help="rows whose id or function contains this")
    given = parser.parse_args()
    if not given.file.exists():
        print(f"no vectors at {given.file}: name a file, make vectors FILE=path", file=sys.stderr)
        return 2
    rows = [row for row in read_rows(given.file) if given.only in row.id or given.only in row.function]
    if not rows:
        print(f"{given.file} has no such vectors", file=sys.stderr)
        return 2
    verdicts = asyncio.run(replay(rows))
    write(verdicts, given.output)
    print(report(verdicts))
    return 1 if any(one.result == "fails" for one in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
