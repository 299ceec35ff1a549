"""The campaign as a program: `make faults SEED=1 SCHEDULES=1000`. Its exit status is 0 only if the promise held."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.faults.campaign.campaign import run_campaign
from tests.faults.campaign.plan import BATCH
from tests.faults.campaign.verdict import MUST_BE_ZERO

_SHOWN = 20


def main() -> int:
    """Run a campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first schedule; a multiple of --batch"
    )
    parser.add_argument("--batch", type=int, default=BATCH, help="schedules that share one fabric")
    parser.add_argument("--at-once", type=int, default=1, help="batches that run at the same time")
    parser.add_argument("--output", type=Path, default=Path("build/faults.json"))
    parser.add_argument("--keep", type=Path, default=None, help="keep logs and state below this folder")
    options = parser.parse_args()
    result = run_campaign(
        options.seed,
        options.schedules,
        first=options.first,
        batch=options.batch,
        at_once=options.at_once,
        keep=options.keep,
        output=options.output,
    )
    told = result.as_dict()
    complaints = told.pop("complaints")
    for complaint in complaints[:_SHOWN]:
        print(complaint)
    if len(complaints) > _SHOWN:
        print(f"… and {len(complaints) - _SHOWN} more in {options.output}")
    print(json.dumps(told, indent=2))
    return 1 if any(told[name] for name in MUST_BE_ZERO) else 0


if __name__ == "__main__":
    raise SystemExit(main())
