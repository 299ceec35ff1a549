"""The `printfabric` command."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

# New objects between two looks for cycles: Python's 700 are reached dozens of times while modules are loaded.
_GC_THRESHOLD = 20_000


def main() -> NoReturn:
    """Run the command and end the process."""
    gc.set_threshold(_GC_THRESHOLD)
    from printfabric_client.command.program import program  # noqa: PLC0415 - importing a part must not load all

    try:
        program.main()
    except SystemExit as end:
        if isinstance(end.code, int):
            _leave(end.code)
        raise
    raise AssertionError("the program ends the process")


def _leave(code: int) -> NoReturn:
    """End the process without taking Python and gRPC down, a seventh of what a print costs."""
    for flush in (sys.stdout.flush, sys.stderr.flush):
        with suppress(OSError, ValueError):  # nobody reads it any more; `program` has seen to what matters
            flush()
    os._exit(code)
