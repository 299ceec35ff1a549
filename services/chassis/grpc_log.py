"""What gRPC's C core writes to standard error: failed handshakes become lines of the audit, the rest goes on as it is.

Import it before grpc: the core reads its environment when it is loaded, and has no other way to be asked for a trace.
It costs some lines of text for each new connection and nothing for calls
([0047](docs/decisions/0047-failed-handshakes-from-grpcs-trace.md)).
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from chassis.audit import Refusals, address_of
from chassis.handshakes import CLOSED, TRACER, FailedHandshake, HandshakeReader
from chassis.metrics import FAILED_HANDSHAKES

_VARIABLE = "GRPC_TRACE"
_STDERR = 2
_END_S = 2.0

_asked = os.environ.get(_VARIABLE, "")
_traced = "grpc" not in sys.modules
if _traced:
    os.environ[_VARIABLE] = f"{_asked},{TRACER}" if _asked else TRACER


@contextmanager
def followed() -> Iterator[None]:
    """Follow gRPC's log meanwhile; `sys.stderr` leads to where standard error led before.

    Nothing happens in a process where grpc was loaded before this module.
    """
    if not _traced:
        yield
        return
    _forget_variable()
    before, out = sys.stderr, os.fdopen(os.dup(_STDERR), "w", buffering=1, errors="backslashreplace")
    reading, writing = os.pipe()
    # gRPC writes while it holds locks: rather than wait for us it loses a line.
    os.set_blocking(writing, False)
    os.dup2(writing, _STDERR)
    os.close(writing)
    sys.stderr = out
    # The stacks take their time to be written, in which the last words of whoever ends the process get through.
    faulthandler.enable(file=out)
    follower = threading.Thread(target=_follow, args=(reading, out), name="grpc-log", daemon=True)
    follower.start()
    try:
        yield
    finally:
        os.dup2(out.fileno(), _STDERR)
        follower.join(_END_S)
        sys.stderr = before


def _forget_variable() -> None:
    """Programs that this one starts shall trace as they are asked to."""
    if _asked:
        os.environ[_VARIABLE] = _asked
    else:
        os.environ.pop(_VARIABLE, None)


def _follow(reading: int, out: TextIO) -> None:
    reader, refusals = HandshakeReader(), Refusals()
    while data := os.read(reading, 65536):
        failed, others = reader.read(data)
        if others:
            os.write(out.fileno(), others)
        for one in failed:
            _note(one, refusals)
    os.write(out.fileno(), reader.rest())
    os.close(reading)


def _note(failed: FailedHandshake, refusals: Refusals) -> None:
    FAILED_HANDSHAKES.labels(failed.reason).inc()
    if failed.reason != CLOSED:
        refusals.write(address_of(failed.peer), **failed._asdict(), code="UNAUTHENTICATED")
