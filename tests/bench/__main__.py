"""`make bench`: measures Print Fabric beside CUPS, LPrint, LPRng and p910nd, where they are installed, in one run.

python -m tests.bench --output build/bench.json [--repeat 3] [--short] [--only latency,rates,…] [--directory DIR]
    [--beside CHECKOUT]

Beside the JSON, with the ending .md, is all of it as tables of Markdown (`tests.bench.report`). Both are written anew
after each part of each run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import goals, network, report, table, workloads
from tests.bench.lprint import LPrint
from tests.bench.measure import loop_factory
from tests.bench.one_run import PARTS, Run

_TOLD_TO_END = 143


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="where the figures go, as JSON")
    parser.add_argument("--repeat", type=int, default=1, help="so many runs, one after the other")
    parser.add_argument(
        "--short", action="store_true", help="a smoke test: too short for figures that mean anything"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to measure: {', '.join(PARTS)}")
    parser.add_argument(
        "--directory", type=Path, help="where the spools are; default: the temporary directory"
    )
    parser.add_argument(
        "--beside", type=Path, help="another checkout: its store in PostgreSQL is measured in the same run"
    )
    return parser.parse_args()


def _run(arguments: argparse.Namespace, kept: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Any], int]:
    """Measure once; return what was found and an exit code. `kept` is called whenever there is more of it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.directory))
    folder.chmod(0o755)  # cupsd's backends are other users
    form = workloads.SHORT if arguments.short else workloads.LONG
    run = Run(folder, form, arguments.only.split(","), arguments.beside)
    run.kept = lambda: kept(run.result)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(run.measure())
    except asyncio.CancelledError:
        return run.result, _TOLD_TO_END
    except Exception as error:  # noqa: BLE001 - the wall: what was measured before is written, whatever ended it
        traceback.print_exc()
        run.result["failed"]["the run"] = repr(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return run.result, int(bool(run.result["failed"]))


def _write(output: Path, form: str, runs: Sequence[dict[str, Any]]) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    result = {"schema": 3, "form": form, "goals": goals.reached(runs), "runs": runs}
    beside = output.with_suffix(".new")
    beside.write_text(json.dumps(result, indent=1) + "\n")
    beside.rename(output)
    output.with_suffix(".md").write_text(report.as_markdown(runs))


def main() -> int:
    """Run the program. Exit code 1: a program of ours died or lost a job; all else was measured, and is written."""
    arguments = _arguments()
    LPrint.network = network.enter()
    form = "short" if arguments.short else "long"
    runs: list[dict[str, Any]] = []
    codes = []
    for _ in range(arguments.repeat):
        found, code = _run(arguments, lambda part: _write(arguments.output, form, [*runs, part]))
        runs.append(found)
        codes.append(code)
        _write(arguments.output, form, runs)
        if code == _TOLD_TO_END:
            return code
        table.show(found)
    print(report.as_markdown(runs))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
