"""The fabric's vocabulary of failures. Pure.

Raise the class that says it at the place that knows; nothing is added on the way up. `chassis.status` carries
these over the wire and back, so that a caller catches `PortBusy` whether the port is in this process or on
another host. The identity is `reason`, never the text; whatever varies in the text is in `metadata` too.
"""

from __future__ import annotations

from typing import Any

from chassis.failure import FabricError, FieldViolation, RemoteError, Verdict

__all__ = ["FabricError", "FieldViolation", "RemoteError", "Verdict", "known_errors"]


# --- Ports and handles


class PortNotFound(FabricError):
    """No port of that name on that host."""

    reason, win32, code, verdict = "PORT_NOT_FOUND", 1796, "NOT_FOUND", Verdict.REROUTE


class PortExists(FabricError):
    """The host has a port of that name already."""

    reason, win32, code = "PORT_EXISTS", 183, "ALREADY_EXISTS"


class PortBusy(FabricError):
    """Somebody else holds the port: "resubmit the job, specifying another port"."""

    reason, win32, code, verdict = "PORT_BUSY", 170, "ABORTED", Verdict.REROUTE


class PortInUse(FabricError):
    """The port cannot be deleted or changed while a printer or a document uses it."""

    reason, win32, code = "PORT_IN_USE", 170, "FAILED_PRECONDITION"


class InvalidHandle(FabricError):
    """The handle was closed, or never given out; nothing was done to the device. Open the port again."""

    reason, win32, code, verdict = "INVALID_HANDLE", 6, "FAILED_PRECONDITION", Verdict.RETRY


class StaleFence(FabricError):
    """A newer owner has the port; the caller no longer owns its jobs and shall leave them alone."""

    reason, win32, code = "STALE_FENCE", 6, "FAILED_PRECONDITION"


class LeaseExpired(FabricError):
    """The owner was silent for too long and the port was closed for it. Open it again, ask for the offsets."""

    reason, win32, code, verdict = "LEASE_EXPIRED", 6, "FAILED_PRECONDITION", Verdict.RETRY


class WrongState(FabricError):
    """The call is not allowed in this state: a bug of the caller, or a race it lost."""

    reason, win32, code, verdict = "WRONG_STATE", 5023, "FAILED_PRECONDITION", Verdict.ABORT


# --- Devices


class DeviceOffline(FabricError):
    """The device is there and not ready."""

    reason, win32, code, verdict = "DEVICE_OFFLINE", 21, "UNAVAILABLE", Verdict.REROUTE


class DeviceNotConnected(FabricError):
    """The device is not there: unplugged, or never was."""

    reason, win32, code, verdict = "DEVICE_NOT_CONNECTED", 1167, "UNAVAILABLE", Verdict.REROUTE


class ConnectionRefused(FabricError):
    """The device's address answers, and refuses."""

    reason, win32, code, verdict = "CONNECTION_REFUSED", 1225, "UNAVAILABLE", Verdict.REROUTE


class DeviceFault(FabricError):
    """Writing or reading failed at the device. Go on at the last proven offset."""

    reason, win32, code, verdict = "DEVICE_FAULT", 29, "UNAVAILABLE", Verdict.RETRY


class OutOfPaper(FabricError):
    """The device wants a person: paper, ribbon, cover."""

    reason, win32, code, verdict = "OUT_OF_PAPER", 28, "UNAVAILABLE", Verdict.STOP_PORT


class WriteTimeout(FabricError):
    """The device took nothing within the time-out."""

    reason, win32, code, verdict = "WRITE_TIMEOUT", 1460, "DEADLINE_EXCEEDED", Verdict.RETRY


# --- Documents and jobs


class WrongOffset(FabricError):
    """Bytes are missing before the offset written at; `expected` says where to go on."""

    reason, win32, code, verdict = "WRONG_OFFSET", 25, "OUT_OF_RANGE", Verdict.RETRY

    def __init__(self, message: str, *, expected: int, **metadata: Any) -> None:
        super().__init__(message, expected=expected, **metadata)

    @property
    def expected(self) -> int:
        """The offset in bytes that the receiver wants next; 0 if the sender did not say."""
        text = self.metadata.get("expected", "")
        return int(text) if text.isdecimal() else 0


class DigestMismatch(FabricError):
    """The document that arrived is not the one announced: other length or other digest."""

    reason, win32, code, verdict = "DIGEST_MISMATCH", 23, "DATA_LOSS", Verdict.ABORT


class DocumentLost(FabricError):
    """The job is known and its document is gone."""

    reason, win32, code, verdict = "DOCUMENT_LOST", 3002, "DATA_LOSS", Verdict.ABORT


class JobNotFound(FabricError):
    """No such job. Windows says ERROR_INVALID_PARAMETER; on the wire NOT_FOUND, since the request is well formed."""

    reason, win32, code = "JOB_NOT_FOUND", 87, "NOT_FOUND"


class JobCanceled(FabricError):
    """The job was canceled."""

    reason, win32, code, verdict = "JOB_CANCELED", 63, "CANCELLED", Verdict.CANCEL


class RequestIdReused(FabricError):
    """The request id was used before, for another request."""

    reason, win32, code = "REQUEST_ID_REUSED", 183, "ALREADY_EXISTS"


class EtagMismatch(FabricError):
    """Somebody changed the resource in between: read it again, decide again."""

    reason, win32, code = "ETAG_MISMATCH", 1306, "ABORTED"


class SpoolFull(FabricError):
    """The spool's reserve would be touched; wait and send again."""

    reason, win32, code = "SPOOL_FULL", 62, "RESOURCE_EXHAUSTED"


class TooLarge(FabricError):
    """Above a configured limit. INVALID_ARGUMENT, not RESOURCE_EXHAUSTED: backing off never makes it fit."""

    reason, win32, code, verdict = "TOO_LARGE", 223, "INVALID_ARGUMENT", Verdict.ABORT


class StoreUnavailable(FabricError):
    """The database or its disk does not answer; nothing was accepted."""

    reason, win32, code = "STORE_UNAVAILABLE", 1722, "UNAVAILABLE"


# --- Printers and monitors


class PrinterNotFound(FabricError):
    """No printer of that name."""

    reason, win32, code = "PRINTER_NOT_FOUND", 1801, "NOT_FOUND"


class PrinterExists(FabricError):
    """There is a printer of that name already."""

    reason, win32, code = "PRINTER_EXISTS", 1802, "ALREADY_EXISTS"


class PrinterDeleted(FabricError):
    """The printer is being deleted and takes no more jobs."""

    reason, win32, code = "PRINTER_DELETED", 1905, "NOT_FOUND"


class UnknownPrintMonitor(FabricError):
    """No print monitor of that name on that host."""

    reason, win32, code = "UNKNOWN_PRINT_MONITOR", 3000, "NOT_FOUND"


class InvalidPrintMonitor(FabricError):
    """The port monitor lacks a function that the language monitor needs."""

    reason, win32, code, verdict = "INVALID_PRINT_MONITOR", 3007, "FAILED_PRECONDITION", Verdict.STOP_PORT


# --- Requests and callers


class InvalidArgument(FabricError):
    """The request is wrong whatever the state of the system; `fields` says where."""

    reason, win32, code = "INVALID_ARGUMENT", 87, "INVALID_ARGUMENT"


class InvalidSettings(FabricError):
    """Settings of a port, printer or monitor do not fit their schema; `fields` says where."""

    reason, win32, code = "INVALID_SETTINGS", 87, "INVALID_ARGUMENT"


class InvalidLevel(FabricError):
    """An information level that this function does not have."""

    reason, win32, code = "INVALID_LEVEL", 124, "INVALID_ARGUMENT"


class AccessDenied(FabricError):
    """The caller is known and may not do this."""

    reason, win32, code = "ACCESS_DENIED", 5, "PERMISSION_DENIED"


class Unauthenticated(FabricError):
    """Nobody knows who the caller is."""

    reason, win32, code = "UNAUTHENTICATED", 1244, "UNAUTHENTICATED"


class NotSupported(FabricError):
    """This monitor, device or version has no such function; it is absent from the capabilities."""

    reason, win32, code = "NOT_SUPPORTED", 50, "UNIMPLEMENTED"


class NotBuiltYet(FabricError):
    """The contract has the function and this version of the server does not; the message says so."""

    reason, win32, code = "NOT_BUILT_YET", 120, "UNIMPLEMENTED"

    def __init__(self, what: str, **metadata: Any) -> None:
        super().__init__(f"{what} is not built yet in this version", what=what, **metadata)


class Internal(FabricError):
    """A bug at the other end. `error_id` in the metadata finds the traceback in its log."""

    reason, win32, code, verdict = "INTERNAL", 31, "INTERNAL", Verdict.HOLD


# --- The way there: what gRPC itself says when no fabric process answered


class HostUnreachable(FabricError):
    """No connection to the service, or it broke. What was on its way may or may not have arrived."""

    reason, win32, code, verdict = "HOST_UNREACHABLE", 1722, "UNAVAILABLE", Verdict.REROUTE


class DeadlineExceeded(FabricError):
    """The caller's own deadline passed; the call may or may not have had its effect."""

    reason, win32, code, verdict = "DEADLINE_EXCEEDED", 1460, "DEADLINE_EXCEEDED", Verdict.RETRY


class CallCanceled(FabricError):
    """The call was cancelled by one of its ends, as a server does that is draining."""

    reason, win32, code, verdict = "CALL_CANCELED", 1223, "CANCELLED", Verdict.RETRY


class Overloaded(FabricError):
    """A limit: a message above `max_message_bytes`, too many calls at once, too much of one caller under way."""

    reason, win32, code = "OVERLOADED", 8, "RESOURCE_EXHAUSTED"


def known_errors() -> dict[str, type[FabricError]]:
    """Return every failure this version knows, by reason; the classes of a service's own are among them."""
    classes = list(FabricError.__subclasses__())
    for cls in classes:
        classes.extend(cls.__subclasses__())
    return {cls.reason: cls for cls in classes if cls is not RemoteError}
