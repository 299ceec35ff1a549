"""What every failure has, and the families they belong to. The named failures are in `printfabric_client.errors`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What the queue does about an error at a port."""

    UNSPECIFIED = "unspecified"
    NONE = "none"
    RETRY = "retry"
    REROUTE = "reroute"
    STOP_PORT = "stop_port"
    HOLD = "hold"
    ABORT = "abort"
    CANCEL = "cancel"


class FieldViolation(NamedTuple):
    """One wrong field of a request: its path and what is wrong with it."""

    field: str
    description: str


class FabricError(Exception):
    """A failure with a name. The subclasses say what happened.

    Attributes:
        message: one sentence for people; never parse it.
        reason: the machine-readable identity, as `PRINTER_NOT_FOUND`.
        code: the name of the gRPC status code, as `NOT_FOUND`.
        win32: the Win32 code, 0 when Windows has no twin for it; `win32_name` is its name.
        verdict: what the queue does about it.
        metadata: every varying part of the message, by name.
        fields: the wrong fields, when the request was wrong.
        retryable: the same call may succeed later although nobody changed anything. Whether repeating it is
            harmless is another question: that needs a request id.
    """

    reason: str = ""
    code: str = "UNKNOWN"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        code: str | None = None,
        win32: int = 0,
        win32_name: str = "",
        verdict: Verdict = Verdict.UNSPECIFIED,
        metadata: Mapping[str, str] | None = None,
        fields: Sequence[FieldViolation] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.reason or (code or self.code)
        self.code = code or self.code
        self.win32 = win32
        self.win32_name = win32_name
        self.verdict = verdict
        self.metadata = dict(metadata or {})
        self.fields = tuple(fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, reason={self.reason!r}, metadata={self.metadata!r})"

    def __reduce__(self) -> tuple[object, ...]:
        # An error crosses process pools; BaseException would call the class with the message only.
        return _restored, (type(self), self.message, dict(self.__dict__))


def _restored(cls: type[FabricError], message: str, attributes: dict[str, object]) -> FabricError:
    error = cls(message)
    error.__dict__.update(attributes)
    return error


# --- Families, one for each way of dealing with an error


class NotFound(FabricError):
    """What was named does not exist."""

    code = "NOT_FOUND"


class Refused(FabricError):
    """Well formed, known, allowed, and not possible in the present state."""

    code = "FAILED_PRECONDITION"


class AlreadyExists(Refused):
    """It is there already, and differs."""

    code = "ALREADY_EXISTS"


class InvalidRequest(FabricError):
    """The request is wrong whatever the state; `fields` says where when the server knows."""

    code = "INVALID_ARGUMENT"


class Denied(FabricError):
    """Not allowed."""

    code = "PERMISSION_DENIED"


class Unavailable(FabricError):
    """Somebody on the way does not answer, or the time ran out."""

    code, retryable = "UNAVAILABLE", True


class Exhausted(FabricError):
    """A limit is reached: space, memory, messages."""

    code = "RESOURCE_EXHAUSTED"


class DataLoss(FabricError):
    """Bytes are missing or are not the ones announced."""

    code = "DATA_LOSS"


class Unsupported(FabricError):
    """The other end has no such function."""

    code = "UNIMPLEMENTED"


class Canceled(FabricError):
    """Ended because somebody wanted it so."""

    code = "CANCELLED"


class Failure(FabricError):
    """The other end failed in a way it has no name for."""

    code = "INTERNAL"
