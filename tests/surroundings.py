"""What a test may ask of the machine it runs on: free TCP ports, and programs that may be missing."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

# This environment's own programs first; then PATH; then where Debian puts daemons and a user's PATH may not look.
SEARCHED = [
    str(Path(sys.executable).parent),
    os.environ.get("PATH", ""),
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
]


def in_ci() -> bool:
    """Tell whether nothing may be skipped for want of a program: `CI` is set, as .ci/run does."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def require_tool(name: str) -> str:
    """Return the path of a program; without it the test is skipped, and under CI it fails.

    Call it in a test or a fixture, never at import: the tests are then still collected and named when skipped.
    """
    found = shutil.which(name, path=os.pathsep.join(SEARCHED))
    if found is None:
        missing(f"the program {name} is not installed")
    return found


def missing(what: str) -> NoReturn:
    """Skip the running test because of `what`, loudly; under CI fail it."""
    if in_ci():
        pytest.fail(f"{what}, and CI must not skip", pytrace=False)
    pytest.skip(what)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now.

    For programs that cannot bind to port 0 and say what they got; anything of ours can.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    """Lend `free_port`: call it as often as ports are needed."""
    return free_port
