"""The Win32 codes of the print-monitor contract, each with its gRPC code and what a retry would do.

Pure data: one row per line of the contract's mapping table, plus the few rows the fabric's own errors need.
The gRPC code serves generic retry logic; the Win32 code is the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Retry(StrEnum):
    """What repeating the call can do about a code."""

    NO = "no"
    YES = "yes"
    MAYBE = "maybe"
    REOPEN = "reopen"  # open the handle again first
    RESUME = "resume"  # yes, at the last acked offset
    INTERVENTION = "intervention"  # after a person did something
    OTHER_PORT = "other_port"  # or later, at the same one
    LARGER_LIMIT = "larger_limit"
    LATER = "later"
    RESTART_JOB = "restart_job"


class Win32Code(NamedTuple):
    """One Win32 code: number, Windows' name, gRPC code name, retry class, and other gRPC codes it may travel with."""

    n: int
    name: str
    grpc: str
    retry: Retry
    also: tuple[str, ...] = ()


_R = Retry
_TABLE: tuple[tuple[int, str, str, Retry, tuple[str, ...]], ...] = (
    (0, "ERROR_SUCCESS", "OK", _R.NO, ()),
    (2, "ERROR_FILE_NOT_FOUND", "NOT_FOUND", _R.NO, ()),
    (3, "ERROR_PATH_NOT_FOUND", "NOT_FOUND", _R.NO, ()),
    (5, "ERROR_ACCESS_DENIED", "PERMISSION_DENIED", _R.NO, ("FAILED_PRECONDITION",)),
    (6, "ERROR_INVALID_HANDLE", "FAILED_PRECONDITION", _R.REOPEN, ()),
    (8, "ERROR_NOT_ENOUGH_MEMORY", "RESOURCE_EXHAUSTED", _R.YES, ()),
    (12, "ERROR_INVALID_ACCESS", "FAILED_PRECONDITION", _R.NO, ()),
    (13, "ERROR_INVALID_DATA", "INVALID_ARGUMENT", _R.NO, ()),
    (14, "ERROR_OUTOFMEMORY", "RESOURCE_EXHAUSTED", _R.YES, ()),
    (21, "ERROR_NOT_READY", "UNAVAILABLE", _R.YES, ()),
    (28, "ERROR_OUT_OF_PAPER", "UNAVAILABLE", _R.INTERVENTION, ()),
    (29, "ERROR_WRITE_FAULT", "UNAVAILABLE", _R.RESUME, ()),
    (31, "ERROR_GEN_FAILURE", "INTERNAL", _R.MAYBE, ()),
    (32, "ERROR_SHARING_VIOLATION", "ABORTED", _R.OTHER_PORT, ()),
    (50, "ERROR_NOT_SUPPORTED", "UNIMPLEMENTED", _R.NO, ()),
    (55, "ERROR_DEV_NOT_EXIST", "UNAVAILABLE", _R.YES, ()),
    (61, "ERROR_PRINTQ_FULL", "RESOURCE_EXHAUSTED", _R.YES, ()),
    (62, "ERROR_NO_SPOOL_SPACE", "RESOURCE_EXHAUSTED", _R.YES, ()),
    (63, "ERROR_PRINT_CANCELLED", "CANCELLED", _R.NO, ()),
    # NOT_FOUND: SetJob of Windows answers 87 for a job number that names nothing.
    (87, "ERROR_INVALID_PARAMETER", "INVALID_ARGUMENT", _R.NO, ("NOT_FOUND",)),
    (112, "ERROR_DISK_FULL", "RESOURCE_EXHAUSTED", _R.YES, ()),
    (120, "ERROR_CALL_NOT_IMPLEMENTED", "UNIMPLEMENTED", _R.NO, ()),
    (121, "ERROR_SEM_TIMEOUT", "DEADLINE_EXCEEDED", _R.YES, ()),
    # On raw RPCs; XcvData carries 122 and 234 in its body.
    (122, "ERROR_INSUFFICIENT_BUFFER", "OUT_OF_RANGE", _R.LARGER_LIMIT, ()),
    (123, "ERROR_INVALID_NAME", "INVALID_ARGUMENT", _R.NO, ()),
    (124, "ERROR_INVALID_LEVEL", "INVALID_ARGUMENT", _R.NO, ()),
    (126, "ERROR_MOD_NOT_FOUND", "FAILED_PRECONDITION", _R.NO, ()),
    (127, "ERROR_PROC_NOT_FOUND", "FAILED_PRECONDITION", _R.NO, ()),
    # ABORTED when a port is acquired (another port may do), FAILED_PRECONDITION when something in use is deleted.
    (170, "ERROR_BUSY", "ABORTED", _R.OTHER_PORT, ("FAILED_PRECONDITION",)),
    (183, "ERROR_ALREADY_EXISTS", "ALREADY_EXISTS", _R.NO, ()),
    (232, "ERROR_NO_DATA", "NOT_FOUND", _R.NO, ()),  # bidi: unknown schema
    (234, "ERROR_MORE_DATA", "OUT_OF_RANGE", _R.LARGER_LIMIT, ()),
    (259, "ERROR_NO_MORE_ITEMS", "OUT_OF_RANGE", _R.NO, ()),
    (995, "ERROR_OPERATION_ABORTED", "CANCELLED", _R.MAYBE, ()),
    (997, "ERROR_IO_PENDING", "OK", _R.NO, ()),  # "in progress" in the body
    (1167, "ERROR_DEVICE_NOT_CONNECTED", "UNAVAILABLE", _R.YES, ()),
    (1223, "ERROR_CANCELLED", "CANCELLED", _R.NO, ()),
    (1225, "ERROR_CONNECTION_REFUSED", "UNAVAILABLE", _R.YES, ()),
    (1314, "ERROR_PRIVILEGE_NOT_HELD", "PERMISSION_DENIED", _R.NO, ()),
    (1400, "ERROR_INVALID_WINDOW_HANDLE", "INVALID_ARGUMENT", _R.NO, ()),
    (1460, "ERROR_TIMEOUT", "DEADLINE_EXCEEDED", _R.YES, ()),
    (1707, "RPC_S_INVALID_NET_ADDR", "INVALID_ARGUMENT", _R.NO, ()),
    (1722, "RPC_S_SERVER_UNAVAILABLE", "UNAVAILABLE", _R.YES, ()),
    (1780, "RPC_X_NULL_REF_POINTER", "INVALID_ARGUMENT", _R.NO, ()),
    (1784, "ERROR_INVALID_USER_BUFFER", "INVALID_ARGUMENT", _R.NO, ()),
    (1796, "ERROR_UNKNOWN_PORT", "NOT_FOUND", _R.NO, ()),
    (1797, "ERROR_UNKNOWN_PRINTER_DRIVER", "NOT_FOUND", _R.NO, ()),
    (1798, "ERROR_UNKNOWN_PRINTPROCESSOR", "NOT_FOUND", _R.NO, ()),
    (1799, "ERROR_INVALID_SEPARATOR_FILE", "INVALID_ARGUMENT", _R.NO, ()),
    (1800, "ERROR_INVALID_PRIORITY", "INVALID_ARGUMENT", _R.NO, ()),
    # NOT_FOUND when it names nothing, INVALID_ARGUMENT when malformed.
    (1801, "ERROR_INVALID_PRINTER_NAME", "NOT_FOUND", _R.NO, ("INVALID_ARGUMENT",)),
    (1802, "ERROR_PRINTER_ALREADY_EXISTS", "ALREADY_EXISTS", _R.NO, ()),
    (1804, "ERROR_INVALID_DATATYPE", "INVALID_ARGUMENT", _R.NO, ()),
    (1805, "ERROR_INVALID_ENVIRONMENT", "INVALID_ARGUMENT", _R.NO, ()),
    (1905, "ERROR_PRINTER_DELETED", "NOT_FOUND", _R.NO, ()),
    (1906, "ERROR_INVALID_PRINTER_STATE", "FAILED_PRECONDITION", _R.NO, ()),
    (3000, "ERROR_UNKNOWN_PRINT_MONITOR", "NOT_FOUND", _R.NO, ()),
    (3001, "ERROR_PRINTER_DRIVER_IN_USE", "FAILED_PRECONDITION", _R.NO, ()),
    # DATA_LOSS when a job that existed lost its data.
    (3002, "ERROR_SPOOL_FILE_NOT_FOUND", "NOT_FOUND", _R.NO, ("DATA_LOSS",)),
    (3003, "ERROR_SPL_NO_STARTDOC", "FAILED_PRECONDITION", _R.NO, ()),
    (3004, "ERROR_SPL_NO_ADDJOB", "FAILED_PRECONDITION", _R.NO, ()),
    (3005, "ERROR_PRINT_PROCESSOR_ALREADY_INSTALLED", "ALREADY_EXISTS", _R.NO, ()),
    (3006, "ERROR_PRINT_MONITOR_ALREADY_INSTALLED", "ALREADY_EXISTS", _R.NO, ()),
    (3007, "ERROR_INVALID_PRINT_MONITOR", "FAILED_PRECONDITION", _R.NO, ()),
    (3008, "ERROR_PRINT_MONITOR_IN_USE", "FAILED_PRECONDITION", _R.LATER, ()),
    (3009, "ERROR_PRINTER_HAS_JOBS_QUEUED", "FAILED_PRECONDITION", _R.LATER, ()),
    # UNAVAILABLE when the local monitor means "the COM device would not open".
    (3012, "ERROR_PRINTER_NOT_FOUND", "NOT_FOUND", _R.NO, ("UNAVAILABLE",)),
    (3020, "ERROR_PRINT_JOB_RESTART_REQUIRED", "FAILED_PRECONDITION", _R.RESTART_JOB, ()),
    (13001, "ERROR_BIDI_STATUS_WARNING", "OK", _R.NO, ()),  # warning in the body: some sub-results failed
    # From here to 13013 the code is that of one item, in the body of a bidi answer.
    (13002, "ERROR_BIDI_SCHEMA_READ_ONLY", "INVALID_ARGUMENT", _R.NO, ()),
    (13003, "ERROR_BIDI_SERVER_OFFLINE", "UNAVAILABLE", _R.YES, ()),
    (13004, "ERROR_BIDI_DEVICE_OFFLINE", "UNAVAILABLE", _R.YES, ()),
    (13005, "ERROR_BIDI_SCHEMA_NOT_SUPPORTED", "NOT_FOUND", _R.NO, ()),
    (13006, "ERROR_BIDI_SET_DIFFERENT_TYPE", "INVALID_ARGUMENT", _R.NO, ()),
    (13007, "ERROR_BIDI_SET_MULTIPLE_SCHEMAPATH", "INVALID_ARGUMENT", _R.NO, ()),
    (13008, "ERROR_BIDI_SET_INVALID_SCHEMAPATH", "INVALID_ARGUMENT", _R.NO, ()),
    (13009, "ERROR_BIDI_SET_UNKNOWN_FAILURE", "INTERNAL", _R.NO, ()),
    (13010, "ERROR_BIDI_SCHEMA_WRITE_ONLY", "INVALID_ARGUMENT", _R.NO, ()),
    (13011, "ERROR_BIDI_GET_REQUIRES_ARGUMENT", "INVALID_ARGUMENT", _R.NO, ()),
    (13012, "ERROR_BIDI_GET_ARGUMENT_NOT_SUPPORTED", "INVALID_ARGUMENT", _R.NO, ()),
    (13013, "ERROR_BIDI_GET_MISSING_ARGUMENT", "INVALID_ARGUMENT", _R.NO, ()),
    (13014, "ERROR_BIDI_DEVICE_CONFIG_UNCHANGED", "OK", _R.NO, ()),  # "unchanged" in the body
)

# Windows' own codes that the contract's table does not name, for failures only the fabric has.
_OURS: tuple[tuple[int, str, str, Retry, tuple[str, ...]], ...] = (
    (23, "ERROR_CRC", "DATA_LOSS", _R.NO, ()),
    (25, "ERROR_SEEK", "OUT_OF_RANGE", _R.RESUME, ()),
    (223, "ERROR_FILE_TOO_LARGE", "INVALID_ARGUMENT", _R.NO, ()),
    (1244, "ERROR_NOT_AUTHENTICATED", "UNAUTHENTICATED", _R.NO, ()),
    (1306, "ERROR_REVISION_MISMATCH", "ABORTED", _R.YES, ()),
    (5023, "ERROR_INVALID_STATE", "FAILED_PRECONDITION", _R.NO, ()),
)

CONTRACT_CODES: frozenset[int] = frozenset(row[0] for row in _TABLE)
WIN32: Mapping[int, Win32Code] = MappingProxyType({row[0]: Win32Code(*row) for row in _TABLE + _OURS})


def win32_name(n: int) -> str:
    """Return Windows' name of a code, or `ERROR_<n>` for one that is not in the table."""
    row = WIN32.get(n)
    return row.name if row else f"ERROR_{n}"
