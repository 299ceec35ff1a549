"""What a test may ask of the machine it runs on: free TCP ports, and programs that may be missing."""

from __future__ import annotations

import contextlib
import os
import random
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


# Of the free ports each test process takes its own share, so that none is lost to a neighbour before it is listened on.
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_given: set[int] = set()  # ports that somebody in this process means to use, or has used


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
    """Return a free TCP port below the range from which the kernel takes ports for outgoing connections.

    For programs that cannot bind to port 0 and say what they got, and for services that are started again and need the
    same port: one of the kernel's range may be gone meanwhile, and whoever dials it in vain may even reach itself.
    """
    source = random.SystemRandom()
    while True:
        port = source.randrange(20_000 + PROCESS, 32_000, PROCESSES)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    """Lend `free_port`: call it as often as ports are needed."""
    return free_port
