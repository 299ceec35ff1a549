"""Errors to gRPC status and back: google.rpc.Status with ErrorInfo, in `grpc-status-details-bin`.

The identity of an error is ErrorInfo's `reason` under the domain `printfabric`; texts are for people and are never
parsed. The Win32 code, its name and the verdict travel in the metadata beside every dynamic part of the message.
"""

from __future__ import annotations

import re
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from chassis import errors
from chassis.errors import FabricError, FieldViolation, RemoteError, Verdict
from chassis.win32 import CONTRACT_CODES, WIN32, Retry, Win32Code, win32_name

__all__ = [
    "CONTRACT_CODES", "DETAILS_KEY", "DOMAIN", "WIN32", "Retry", "Win32Code",
    "error_from_rpc", "error_from_status", "grpc_code", "status_from_error", "win32_name",
]  # fmt: skip

DOMAIN = "printfabric"
DETAILS_KEY = "grpc-status-details-bin"

# Errors travel in HTTP/2 trailers: base64 adds a third, the message goes twice, and peers cut at 8 KiB.
_STATUS_BYTES = 4096
_METADATA_BYTES = 1500

_CODES = {code.name: code for code in grpc.StatusCode}
_NUMBERS = {code.name: code.value[0] for code in grpc.StatusCode}
_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}

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
    # A service of ours names its bug. Without a name it is gRPC's own word for a connection that broke at a bad moment.
    "INTERNAL": errors.HostUnreachable,
}

_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


def grpc_code(error: FabricError) -> grpc.StatusCode:
    """Return the gRPC code an error travels with."""
    return _CODES[error.code]


def status_from_error(error: FabricError) -> status_pb2.Status:
    """Return the google.rpc.Status of an error, for the wire or for one item of a batch's answer."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    left_bytes = _METADATA_BYTES
    for name, value in error.metadata.items():
        left_bytes -= len(name) + len(value.encode())
        if left_bytes >= 0:
            info.metadata[name] = value
    info.metadata["win32"] = str(error.win32)
    info.metadata["win32_name"] = error.win32_name
    info.metadata["verdict"] = error.verdict.name
    status = status_pb2.Status(code=_NUMBERS[error.code], message=error.message)
    status.details.add().Pack(info)
    request = error_details_pb2.BadRequest()
    for wrong in error.fields:
        request.field_violations.add(field=wrong.field, description=wrong.description)
        if status.ByteSize() + request.ByteSize() > _STATUS_BYTES - 100:
            del request.field_violations[-1]
            break
    if request.field_violations:
        status.details.add().Pack(request)
    return status


def error_from_status(status: status_pb2.Status) -> FabricError:
    """Return the error a google.rpc.Status stands for; never raises, whatever the peer sent."""
    info: error_details_pb2.ErrorInfo | None = None
    fields: list[FieldViolation] = []
    for detail in status.details:
        try:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                candidate = error_details_pb2.ErrorInfo()
                detail.Unpack(candidate)
                info = candidate if info is None or candidate.domain == DOMAIN else info
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                request = error_details_pb2.BadRequest()
                detail.Unpack(request)
                fields += [
                    FieldViolation(wrong.field, wrong.description) for wrong in request.field_violations
                ]
        except DecodeError:
            continue
    code = _NAMES.get(status.code, "UNKNOWN")
    if info is None or info.domain != DOMAIN or not _REASON.fullmatch(info.reason):
        return _bare(code, status.message, fields, info)
    metadata = dict(info.metadata)
    metadata.pop("win32_name", None)
    win32, verdict = _number(metadata.pop("win32", "")), _verdict(metadata.pop("verdict", ""))
    cls = errors.known_errors().get(info.reason, RemoteError)
    error = cls.restored(status.message, win32=win32, verdict=verdict, fields=fields, metadata=metadata)
    error.reason = info.reason
    error.code = code
    return error


def error_from_rpc(call: grpc.RpcError | Any) -> FabricError:
    """Return the error a failed call stands for: of the fabric if a service of ours answered, else the transport's.

    `call` is an AioRpcError, a grpc.RpcError of a synchronous stub, or anything with `code()`, `details()` and
    `trailing_metadata()`. Never raises, whatever the peer sent.
    """
    code: grpc.StatusCode = call.code()
    text = call.details() or ""
    trailers: Any = call.trailing_metadata() or ()
    for key, value in trailers:
        if key != DETAILS_KEY:
            continue
        try:
            status = status_pb2.Status.FromString(value)
        except DecodeError:
            break
        # The code of the call wins: a proxy between us may have had the last word.
        if status.code == code.value[0]:
            return error_from_status(status)
        break
    return _bare(code.name, text, [], None)


def _bare(
    code: str, text: str, fields: list[FieldViolation], info: error_details_pb2.ErrorInfo | None
) -> FabricError:
    cls = _BARE.get(code, RemoteError)
    message = text or code.lower().replace("_", " ")
    metadata = {**info.metadata, "foreign_reason": info.reason, "foreign_domain": info.domain} if info else {}
    error = cls.restored(message, win32=None, verdict=None, fields=fields, metadata=metadata)
    if cls is RemoteError:
        error.code = code
    return error


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _verdict(text: str) -> Verdict | None:
    try:
        return Verdict(text.lower())
    except ValueError:
        return None
