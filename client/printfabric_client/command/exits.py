"""What the command's exit codes mean, and which error has which."""

from __future__ import annotations

from enum import IntEnum

from printfabric_client.failure import (
    Denied,
    Exhausted,
    FabricError,
    InvalidRequest,
    NotFound,
    Refused,
    Unavailable,
)


class Exit(IntEnum):
    """Exit codes. They are a contract: scripts read them."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    DENIED = 5
    UNREACHABLE = 6
    NOT_PRINTED = 7
    UNKNOWN = 8
    FULL = 9
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done",
    Exit.ERROR: "any other error",
    Exit.USAGE: "the command was written wrongly, or a value in it is wrong",
    Exit.NOT_FOUND: "no such printer, job, port or host",
    Exit.REFUSED: "not possible as things are: exists already, in use, printing",
    Exit.DENIED: "not allowed",
    Exit.UNREACHABLE: "the spooler, or something behind it, does not answer",
    Exit.NOT_PRINTED: "the job ended and was not printed, or not all of it (with --wait)",
    Exit.UNKNOWN: "nobody knows whether all of it came out (with --wait)",
    Exit.FULL: "the spool is full; nothing was accepted",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
}


def exit_code(error: FabricError) -> Exit:
    """Return the exit code of an error."""
    families: tuple[tuple[type[FabricError], Exit], ...] = (
        (NotFound, Exit.NOT_FOUND),
        (Refused, Exit.REFUSED),
        (Denied, Exit.DENIED),
        (Unavailable, Exit.UNREACHABLE),
        (Exhausted, Exit.FULL),
        (InvalidRequest, Exit.USAGE),
    )
    return next((code for family, code in families if isinstance(error, family)), Exit.ERROR)
