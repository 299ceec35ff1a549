"""What can go wrong, by name: `except PrinterNotFound`, whatever the text says.

The identity of an error is `reason` (google.rpc.ErrorInfo under the domain `printfabric`). Every error belongs to a
family (`NotFound`, `Refused`, `Unavailable`, …) after its gRPC code; a reason this version does not know is an
instance of its family and keeps reason, code and metadata as they came.
"""

from __future__ import annotations

from printfabric_client.failure import (
    AlreadyExists,
    Canceled,
    DataLoss,
    Denied,
    Exhausted,
    FabricError,
    Failure,
    FieldViolation,
    InvalidRequest,
    NotFound,
    Refused,
    Unavailable,
    Unsupported,
    Verdict,
)  # fmt: skip

__all__ = [
    "AccessDenied", "AlreadyExists", "CallCanceled", "Canceled", "ConnectionRefused", "DataLoss",
    "DeadlineExceeded", "Denied", "DeviceFault", "DeviceNotConnected", "DeviceOffline", "DigestMismatch",
    "DocumentLost", "EtagMismatch", "Exhausted", "FabricError", "Failure", "FieldViolation",
    "HostUnreachable", "Internal", "InvalidArgument", "InvalidHandle", "InvalidLevel",
    "InvalidPrintMonitor", "InvalidRequest", "InvalidSettings", "JobCanceled", "JobNotFound",
    "LeaseExpired", "NotBuiltYet", "NotFound", "NotSupported", "OutOfPaper", "Overloaded", "PortBusy",
    "PortExists", "PortInUse", "PortNotFound", "PrinterDeleted", "PrinterExists", "PrinterNotFound",
    "Refused", "RequestIdReused", "SpoolFull", "StaleFence", "StoreUnavailable", "TooLarge",
    "Unauthenticated", "Unavailable", "UnknownPrintMonitor", "Unsupported", "Verdict", "WriteTimeout",
    "WrongOffset", "WrongState",
]  # fmt: skip

# --- Printers, jobs, documents


class PrinterNotFound(NotFound):
    """No printer of that name."""

    reason = "PRINTER_NOT_FOUND"


class PrinterDeleted(NotFound):
    """The printer is being deleted and takes no more jobs."""

    reason = "PRINTER_DELETED"


class PrinterExists(AlreadyExists):
    """There is a printer of that name already."""

    reason = "PRINTER_EXISTS"


class JobNotFound(NotFound):
    """No such job."""

    reason = "JOB_NOT_FOUND"


class JobCanceled(Canceled):
    """The job was canceled."""

    reason = "JOB_CANCELED"


class RequestIdReused(AlreadyExists):
    """The request id was used before, for another request."""

    reason = "REQUEST_ID_REUSED"


class EtagMismatch(Refused):
    """Somebody changed it in between: read it again, decide again."""

    reason, code = "ETAG_MISMATCH", "ABORTED"


class SpoolFull(Exhausted):
    """The spool is full; nothing was accepted, try later."""

    reason, retryable = "SPOOL_FULL", True


class TooLarge(InvalidRequest):
    """Above a configured limit; waiting does not make it fit."""

    reason = "TOO_LARGE"


class WrongOffset(InvalidRequest):
    """Bytes are missing before the offset written at; `expected` says where to go on."""

    reason, code = "WRONG_OFFSET", "OUT_OF_RANGE"

    @property
    def expected(self) -> int:
        """The offset in bytes that the receiver wants next; 0 if it did not say."""
        text = self.metadata.get("expected", "")
        return int(text) if text.isascii() and text.isdecimal() else 0


class DigestMismatch(DataLoss):
    """The document that arrived is not the one announced; it was discarded."""

    reason = "DIGEST_MISMATCH"


class DocumentLost(DataLoss):
    """The job is known and its document is gone."""

    reason = "DOCUMENT_LOST"


class StoreUnavailable(Unavailable):
    """The spooler's database or disk does not answer; nothing was accepted."""

    reason = "STORE_UNAVAILABLE"


# --- Ports, monitors, devices


class PortNotFound(NotFound):
    """No port of that name on that host."""

    reason = "PORT_NOT_FOUND"


class PortExists(AlreadyExists):
    """The host has a port of that name already, whatever its case."""

    reason = "PORT_EXISTS"


class PortBusy(Refused):
    """Somebody else holds the port."""

    reason, code, retryable = "PORT_BUSY", "ABORTED", True


class PortInUse(Refused):
    """A printer or a document uses the port."""

    reason = "PORT_IN_USE"


class InvalidHandle(Refused):
    """The session was closed; open it again."""

    reason = "INVALID_HANDLE"


class StaleFence(InvalidHandle):
    """A newer owner has the port."""

    reason = "STALE_FENCE"


class LeaseExpired(InvalidHandle):
    """The session was silent for too long and was closed."""

    reason = "LEASE_EXPIRED"


class WrongState(Refused):
    """Not possible in the present state."""

    reason = "WRONG_STATE"


class UnknownPrintMonitor(NotFound):
    """No print monitor of that name on that host."""

    reason = "UNKNOWN_PRINT_MONITOR"


class InvalidPrintMonitor(Refused):
    """The port monitor lacks a function that the language monitor needs."""

    reason = "INVALID_PRINT_MONITOR"


class DeviceOffline(Unavailable):
    """The device is there and not ready."""

    reason = "DEVICE_OFFLINE"


class DeviceNotConnected(Unavailable):
    """The device is not there."""

    reason = "DEVICE_NOT_CONNECTED"


class ConnectionRefused(Unavailable):
    """The device's address answers, and refuses."""

    reason = "CONNECTION_REFUSED"


class DeviceFault(Unavailable):
    """Writing or reading failed at the device."""

    reason = "DEVICE_FAULT"


class OutOfPaper(Unavailable):
    """The device wants a person."""

    reason, retryable = "OUT_OF_PAPER", False


class WriteTimeout(Unavailable):
    """The device took nothing within the time-out."""

    reason, code = "WRITE_TIMEOUT", "DEADLINE_EXCEEDED"


# --- Requests, callers, the way there


class InvalidArgument(InvalidRequest):
    """The request is wrong; `fields` says where."""

    reason = "INVALID_ARGUMENT"


class InvalidSettings(InvalidRequest):
    """Settings do not fit their schema; `fields` says where."""

    reason = "INVALID_SETTINGS"


class InvalidLevel(InvalidRequest):
    """An information level that this function does not have."""

    reason = "INVALID_LEVEL"


class AccessDenied(Denied):
    """You are known and may not do this."""

    reason = "ACCESS_DENIED"


class Unauthenticated(Denied):
    """Nobody knows who you are."""

    reason, code = "UNAUTHENTICATED", "UNAUTHENTICATED"


class NotSupported(Unsupported):
    """This monitor, device or version has no such function."""

    reason = "NOT_SUPPORTED"


class NotBuiltYet(Unsupported):
    """The contract has the function and this version of the server does not."""

    reason = "NOT_BUILT_YET"


class Internal(Failure):
    """A bug at the other end; `error_id` in the metadata finds it in its log."""

    reason = "INTERNAL"


class HostUnreachable(Unavailable):
    """No connection, or it broke. What was on its way may or may not have arrived."""

    reason = "HOST_UNREACHABLE"


class DeadlineExceeded(Unavailable):
    """The caller's own deadline passed; the call may or may not have had its effect."""

    reason, code = "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"


class CallCanceled(Canceled):
    """One end cancelled the call, as a server does that is draining."""

    reason, retryable = "CALL_CANCELED", True


class Overloaded(Exhausted):
    """A limit of the transport: a message too large, or too many calls at once."""

    reason = "OVERLOADED"
