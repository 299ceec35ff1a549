"""What every failure of the fabric has: a reason, its Win32 twin, its gRPC code, and a verdict. Pure.

The failures themselves are in `chassis.errors`, which everybody imports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Self

from chassis.win32 import WIN32, win32_name

# Bounds against hostile names and endless texts; `chassis.status` bounds the sum.
_TWO_COLONS = re.compile(r"(?<=\w):: ")
_MESSAGE_CHARS = 500
_VALUE_CHARS = 200
_METADATA_ENTRIES = 16
_VIOLATIONS = 10


class Verdict(StrEnum):
    """What the queue shall do about an error."""

    NONE = "none"  # not an answer about a port: nothing for the queue to decide
    RETRY = "retry"  # the same port again
    REROUTE = "reroute"  # another port of the same printer; once bytes left, only as far as the ledger proves
    STOP_PORT = "stop_port"  # keep the job, use the port no more until a person looked
    HOLD = "hold"  # keep the job for a person
    ABORT = "abort"  # the job can never print
    CANCEL = "cancel"  # somebody wanted it so


class FieldViolation(NamedTuple):
    """One wrong field: its path as the caller wrote it (`settings.baud_rate`) and what is wrong with it."""

    field: str
    description: str


def _text(value: object, limit: int) -> str:
    """Return `value` as valid UTF-8 text of at most `limit` characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.hex() if isinstance(value, bytes) else str(value)
    # File names from the system may hold lone surrogates, which protobuf refuses to encode.
    text = text[: limit + 1].encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"


class FabricError(Exception):
    """A failure with a name. Never raised itself; subclasses say what happened.

    Args:
        message: lower case, no final period, names the thing: `port COM1: is held by job 4711`.
        win32: another Win32 code than the class's, when the device knows better (`DeviceFault(…, win32=31)`).
            Its row's gRPC code is used if the class's own does not fit it.
        verdict: another verdict than the class's.
        fields: the wrong fields, for `InvalidArgument` and its kin.
        metadata: every dynamic part of the message. Values become text, as they are on the wire; None is left out.
    """

    reason: str = "INTERNAL"
    win32: int = 31
    code: str = "INTERNAL"
    verdict: Verdict = Verdict.NONE

    def __init__(
        self,
        message: str,
        *,
        win32: int | None = None,
        verdict: Verdict | None = None,
        fields: Iterable[FieldViolation | tuple[str, str]] = (),
        **metadata: object,
    ) -> None:
        # "port COM3:: it is away": a name that ends with a colon has brought its own.
        self.message = _TWO_COLONS.sub(": ", _text(message, _MESSAGE_CHARS))
        super().__init__(self.message)
        given = ((name, value) for name, value in metadata.items() if value is not None)
        self.metadata: dict[str, str] = {
            name: _text(value, _VALUE_CHARS) for name, value in list(given)[:_METADATA_ENTRIES]
        }
        self.fields: tuple[FieldViolation, ...] = tuple(
            FieldViolation(_text(field, _VALUE_CHARS), _text(description, _VALUE_CHARS))
            for field, description in list(fields)[:_VIOLATIONS]
        )
        if win32 is not None and win32 != self.win32:
            self.win32 = win32
            row = WIN32.get(win32)
            if row and self.code not in (row.grpc, *row.also) and row.grpc != "OK":
                self.code = row.grpc
        if verdict is not None:
            self.verdict = verdict

    @property
    def win32_name(self) -> str:
        """Windows' name of the code, as `ERROR_BUSY`."""
        return win32_name(self.win32)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, {self.metadata!r})"

    @classmethod
    def restored(
        cls,
        message: str,
        *,
        win32: int | None,
        verdict: Verdict | None,
        fields: Iterable[FieldViolation],
        metadata: Mapping[str, str],
    ) -> Self:
        """Return the error another process raised: `__init__` is passed by, for its rules are for those who raise."""
        error = cls.__new__(cls)
        FabricError.__init__(error, message, win32=win32, verdict=verdict, fields=fields)
        error.metadata.update(metadata)
        return error


class RemoteError(FabricError):
    """A failure with a reason this version does not know: reason, code and metadata are kept as they came."""

    reason, code = "UNKNOWN_REASON", "UNKNOWN"
