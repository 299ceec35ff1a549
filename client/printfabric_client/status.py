"""gRPC status to errors: google.rpc.Status with ErrorInfo, from `grpc-status-details-bin`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from printfabric.types.v1 import error_pb2
from printfabric_client import errors
from printfabric_client.errors import FabricError, FieldViolation, Verdict

DOMAIN = "printfabric"
_DETAILS_KEY = "grpc-status-details-bin"

_FAMILIES: dict[str, type[FabricError]] = {
    "NOT_FOUND": errors.NotFound,
    "FAILED_PRECONDITION": errors.Refused,
    "ABORTED": errors.Refused,
    "ALREADY_EXISTS": errors.AlreadyExists,
    "INVALID_ARGUMENT": errors.InvalidRequest,
    "OUT_OF_RANGE": errors.InvalidRequest,
    "PERMISSION_DENIED": errors.Denied,
    "UNAUTHENTICATED": errors.Denied,
    "UNAVAILABLE": errors.Unavailable,
    "DEADLINE_EXCEEDED": errors.Unavailable,
    "RESOURCE_EXHAUSTED": errors.Exhausted,
    "DATA_LOSS": errors.DataLoss,
    "UNIMPLEMENTED": errors.Unsupported,
    "CANCELLED": errors.Canceled,
}

# What a status means that no service of the fabric wrote: gRPC itself, a proxy, a foreign server.
_BARE: dict[str, type[FabricError]] = {
    "UNAVAILABLE": errors.HostUnreachable,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
    "CANCELLED": errors.CallCanceled,
    "UNAUTHENTICATED": errors.Unauthenticated,
    "PERMISSION_DENIED": errors.AccessDenied,
    "UNIMPLEMENTED": errors.NotSupported,
    "RESOURCE_EXHAUSTED": errors.Overloaded,
    "INVALID_ARGUMENT": errors.InvalidArgument,
    "INTERNAL": errors.Internal,
}


class FailedCall(Protocol):
    """An AioRpcError, or a synchronous RpcError that is a call."""

    def code(self) -> grpc.StatusCode | None:
        """The status code."""

    def details(self) -> str | None:
        """The text."""

    def trailing_metadata(self) -> object:
        """The trailers."""


def known_errors() -> dict[str, type[FabricError]]:
    """Return every error that may come over the wire and that this version knows, by reason."""
    classes = (cls for cls in _descendants(FabricError) if cls.__module__ == errors.__name__)
    return {cls.reason: cls for cls in classes}


def error_from_rpc(call: FailedCall) -> FabricError:
    """Return the error a failed call stands for; never raises, whatever the peer sent."""
    code = call.code() or grpc.StatusCode.UNKNOWN
    text = call.details() or ""
    trailers = call.trailing_metadata()
    for key, value in trailers if isinstance(trailers, tuple | list | grpc.aio.Metadata) else ():
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        try:
            status = status_pb2.Status.FromString(value)
        except DecodeError:
            break
        # The code of the call wins: a proxy between us may have had the last word.
        if status.code == code.value[0]:
            return _from_status(code.name, status)
        break
    return _bare(code.name, text)


def error_from_item(item: error_pb2.ErrorStatus) -> FabricError:
    """Return the error inside a message body: one item of many, or a job's last error."""
    cls = known_errors().get(item.reason, FabricError)
    known = error_pb2.Verdict.values()
    verdict = _verdict(error_pb2.Verdict.Name(item.verdict)) if item.verdict in known else Verdict.UNSPECIFIED
    return cls(
        item.message or item.reason,
        reason=item.reason or None,
        win32=item.win32,
        win32_name=item.metadata.get("win32_name", ""),
        verdict=verdict,
        metadata=item.metadata,
    )


def _from_status(code: str, status: status_pb2.Status) -> FabricError:
    info: error_details_pb2.ErrorInfo | None = None
    fields: list[FieldViolation] = []
    for detail in status.details:
        try:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                candidate = error_details_pb2.ErrorInfo()
                detail.Unpack(candidate)
                info = candidate if candidate.domain == DOMAIN else info
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                request = error_details_pb2.BadRequest()
                detail.Unpack(request)
                fields += [FieldViolation(v.field, v.description) for v in request.field_violations]
        except DecodeError:
            continue
    if info is None or not info.reason:
        return _bare(code, status.message, fields)
    metadata = dict(info.metadata)
    win32, win32_name = metadata.pop("win32", ""), metadata.pop("win32_name", "")
    verdict = metadata.pop("verdict", "")
    cls = known_errors().get(info.reason) or _FAMILIES.get(code, errors.Failure)
    return cls(
        status.message,
        reason=info.reason,
        code=code,
        win32=int(win32) if win32.isascii() and win32.isdecimal() and len(win32) < 10 else 0,
        win32_name=win32_name,
        verdict=_verdict(verdict),
        metadata=metadata,
        fields=fields,
    )


def _bare(code: str, text: str, fields: list[FieldViolation] | None = None) -> FabricError:
    cls = _BARE.get(code) or _FAMILIES.get(code, errors.Failure)
    return cls(text or code.lower().replace("_", " "), code=code, fields=fields or ())


def _verdict(name: str) -> Verdict:
    try:
        return Verdict(name.removeprefix("VERDICT_").lower())
    except ValueError:
        return Verdict.UNSPECIFIED


def _descendants(cls: type[FabricError]) -> Iterator[type[FabricError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)
