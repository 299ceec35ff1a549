from __future__ import annotations

from typing import Any

import grpc
import pytest

from chassis import errors
from chassis.errors import FabricError, FieldViolation, RemoteError, Verdict
from chassis.status import (
    CONTRACT_CODES,
    DETAILS_KEY,
    WIN32,
    error_from_rpc,
    error_from_status,
    grpc_code,
    status_from_error,
)

# Ours alone: other tests of the process have errors of their own.
CLASSES = sorted(
    (cls for cls in errors.known_errors().values() if cls.__module__.partition(".")[0] != "tests"),
    key=lambda cls: cls.reason,
)


class FailedCall:
    """What a stub raises, as far as the table looks at it."""

    def __init__(self, code: grpc.StatusCode, text: str = "", details: bytes | None = None) -> None:
        self._code, self._text, self._details = code, text, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._text

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return () if self._details is None else (("x", "y"), (DETAILS_KEY, self._details))


def make(cls: type[FabricError]) -> FabricError:
    if cls is errors.WrongOffset:
        return errors.WrongOffset("gap before 20", expected=10)
    return cls("port COM1: is held by job 4711", port="COM1:", job=4711)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_is_the_same_after_the_table_there_and_back(cls: type[FabricError]):
    sent = make(cls)
    back = error_from_status(status_from_error(sent))
    assert type(back) is cls
    assert (back.message, back.metadata) == (sent.message, sent.metadata)
    assert (back.reason, back.win32, back.code, back.verdict) == (
        sent.reason,
        sent.win32,
        sent.code,
        sent.verdict,
    )


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_errors_grpc_code_is_one_its_win32_code_may_travel_with(cls: type[FabricError]):
    row = WIN32[cls.win32]
    assert cls.code in (row.grpc, *row.also)
    assert cls.__doc__


def test_reasons_are_unique_and_fit_errorinfos_rule():
    assert len(CLASSES) == len({cls.reason for cls in CLASSES}) > 40
    assert all(cls.reason.replace("_", "").isalpha() and cls.reason.isupper() for cls in CLASSES)


def test_the_two_uses_of_busy_have_two_grpc_codes():
    assert (errors.PortBusy.win32, errors.PortBusy.code) == (170, "ABORTED")
    assert (errors.PortInUse.win32, errors.PortInUse.code) == (170, "FAILED_PRECONDITION")


@pytest.mark.parametrize(
    ("n", "name", "code"),
    [
        (0, "ERROR_SUCCESS", "OK"),
        (6, "ERROR_INVALID_HANDLE", "FAILED_PRECONDITION"),
        (122, "ERROR_INSUFFICIENT_BUFFER", "OUT_OF_RANGE"),
        (1722, "RPC_S_SERVER_UNAVAILABLE", "UNAVAILABLE"),
        (3002, "ERROR_SPOOL_FILE_NOT_FOUND", "NOT_FOUND"),
        (13009, "ERROR_BIDI_SET_UNKNOWN_FAILURE", "INTERNAL"),
    ],
)
def test_rows_of_the_contracts_table(n: int, name: str, code: str):
    assert (WIN32[n].name, WIN32[n].grpc) == (name, code)


def test_the_contracts_table_is_whole():
    assert len(CONTRACT_CODES) == 82
    assert all(hasattr(grpc.StatusCode, code) for row in WIN32.values() for code in (row.grpc, *row.also))


def test_a_device_may_know_the_win32_code_better_than_the_class():
    fault = errors.DeviceFault("lp0 is on fire", win32=55)
    assert (fault.win32_name, fault.code) == ("ERROR_DEV_NOT_EXIST", "UNAVAILABLE")
    assert errors.DeviceFault("broken", win32=31).code == "INTERNAL"
    back = error_from_status(
        status_from_error(errors.DeviceFault("broken", win32=31, verdict=Verdict.STOP_PORT))
    )
    assert isinstance(back, errors.DeviceFault)
    assert (back.win32, back.verdict, grpc_code(back)) == (31, Verdict.STOP_PORT, grpc.StatusCode.INTERNAL)


def test_wrong_fields_travel_as_field_violations():
    sent = errors.InvalidSettings(
        "2 settings are wrong", fields=[("baud_rate", "not a number"), ("parity", "unknown")]
    )
    back = error_from_status(status_from_error(sent))
    assert back.fields == (FieldViolation("baud_rate", "not a number"), FieldViolation("parity", "unknown"))


def test_a_wrong_offset_says_where_to_go_on():
    back = error_from_status(status_from_error(errors.WrongOffset("gap", expected=2**40)))
    assert isinstance(back, errors.WrongOffset)
    assert back.expected == 2**40


def test_a_reason_of_a_newer_version_is_kept_as_it_came():
    class FromTheFuture(FabricError):
        reason, win32, code, verdict = "INK_ON_STRIKE", 28, "UNAVAILABLE", Verdict.HOLD

    status = status_from_error(FromTheFuture("no ink", colour="cyan"))
    FromTheFuture.reason = "SOMETHING_ELSE"
    back = error_from_status(status)
    assert type(back) is RemoteError
    assert (back.reason, back.code, back.win32, back.verdict) == (
        "INK_ON_STRIKE",
        "UNAVAILABLE",
        28,
        Verdict.HOLD,
    )
    assert back.metadata == {"colour": "cyan"}


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.HostUnreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (grpc.StatusCode.CANCELLED, errors.CallCanceled),
        (grpc.StatusCode.UNIMPLEMENTED, errors.NotSupported),
        (grpc.StatusCode.DATA_LOSS, RemoteError),
    ],
)
def test_a_status_without_details_is_the_transports(code: grpc.StatusCode, cls: type[FabricError]):
    back = error_from_rpc(FailedCall(code, "port PORT_BUSY reason=PORT_BUSY"))
    assert type(back) is cls
    assert back.code == code.name


def test_grpcs_own_internal_error_is_a_line_that_broke_and_not_a_bug_of_the_host():
    back = error_from_rpc(FailedCall(grpc.StatusCode.INTERNAL, "Internal error from Core"))
    assert (type(back), back.code) == (errors.HostUnreachable, "UNAVAILABLE")


@pytest.mark.parametrize("details", [b"\xff\xff\xff", b"", b"\x08\x03\x12\x02hi\x1a\x03\x0a\x01\xff"])
def test_garbage_in_the_details_is_no_crash(details: bytes):
    back = error_from_rpc(FailedCall(grpc.StatusCode.UNAVAILABLE, "text", details))
    assert type(back) is errors.HostUnreachable
    assert back.message == "text"


def test_another_domains_reason_is_not_ours():
    status = status_from_error(errors.PortBusy("held"))
    status.details[0].value = status.details[0].value.replace(b"printfabric", b"example.com")
    assert type(error_from_status(status)) is RemoteError


def test_the_worst_error_fits_into_trailers():
    worst = errors.InvalidArgument(
        "\udcff" * 100_000,
        fields=[("é" * 10_000, "x" * 10_000)] * 1_000,
        **dict[str, Any]({f"key{n}": "\udcff\x00" * 10_000 for n in range(100)}),
    )
    assert status_from_error(worst).ByteSize() <= 4_096


def test_metadata_is_text_as_on_the_wire():
    error = errors.PortBusy("held", job=4711, exact=True, token=b"\x01\xff", owner=None)
    assert error.metadata == {"job": "4711", "exact": "true", "token": "01ff"}
