"""A child's first steps: it ends when its parent ends, however that happened, and then becomes the program it is for.

python -m printfabric_client.up.tether PARENT_PID MODULE[:FUNCTION] ARGUMENT…
"""

from __future__ import annotations

import ctypes
import importlib
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent and run the program in it."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):
            raise SystemExit("the fabric ended before its part began")
    module, _, function = program.partition(":")
    sys.argv = [module, *arguments]
    if function:
        getattr(importlib.import_module(module), function)()
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
