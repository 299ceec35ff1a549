"""Errors: what the services send is what the caller catches."""

import pickle

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

import chassis.errors
from chassis.status import grpc_code, status_from_error
from printfabric.types.v1 import error_pb2
from printfabric_client import errors
from printfabric_client.status import error_from_item, error_from_rpc, known_errors


class Failed:
    """A failed call as grpc shows it."""

    def __init__(self, code, details="", trailers=()):
        self._code, self._details, self._trailers = code, details, trailers

    def code(self):
        return self._code

    def details(self):
        return self._details

    def trailing_metadata(self):
        return self._trailers


def failed_with(error: chassis.errors.FabricError) -> Failed:
    details = status_from_error(error).SerializeToString()
    return Failed(grpc_code(error), error.message, (("grpc-status-details-bin", details),))


def sample(cls: type[chassis.errors.FabricError]) -> chassis.errors.FabricError:
    if cls is chassis.errors.WrongOffset:
        return cls("it happened", expected=4096)
    return cls("it happened", port="edge-7/COM1:")


# Services may add errors of their own; the vocabulary is the chassis's.
VOCABULARY = sorted(
    (c for c in chassis.errors.known_errors().values() if c.__module__ == "chassis.errors"),
    key=lambda c: c.__name__,
)


@pytest.mark.parametrize("sent", VOCABULARY, ids=lambda c: c.__name__)
def test_every_failure_of_the_services_is_caught_under_its_own_name(sent):
    error = sample(sent)
    got = error_from_rpc(failed_with(error))
    assert type(got).__name__ == sent.__name__
    assert (got.reason, got.code, got.win32, got.win32_name) == (
        error.reason,
        error.code,
        error.win32,
        error.win32_name,
    )
    assert got.verdict.value == error.verdict.value
    assert got.metadata == error.metadata
    assert got.message == error.message


@pytest.mark.parametrize("sent", VOCABULARY, ids=lambda c: c.__name__)
def test_a_named_failure_is_in_the_family_of_its_code(sent):
    got = known_errors()[sent.reason]
    assert got.code == sent.code


def test_every_reason_of_the_client_is_one_of_the_services():
    assert set(known_errors()) == {cls.reason for cls in VOCABULARY}


def test_wrong_offset_says_where_to_go_on():
    got = error_from_rpc(failed_with(chassis.errors.WrongOffset("a gap", expected=4096)))
    assert isinstance(got, errors.WrongOffset)
    assert got.expected == 4096


def test_wrong_fields_arrive_with_their_paths():
    got = error_from_rpc(
        failed_with(chassis.errors.InvalidSettings("wrong", fields=[("/baud", "is no number")]))
    )
    assert got.fields == (errors.FieldViolation("/baud", "is no number"),)


def test_an_unknown_reason_keeps_what_it_came_with_and_finds_its_family():
    info = error_details_pb2.ErrorInfo(
        reason="PAPER_EATEN", domain="printfabric", metadata={"win32": "77", "verdict": "HOLD", "by": "dog"}
    )
    status = status_pb2.Status(code=5, message="the dog ate it")
    status.details.add().Pack(info)
    got = error_from_rpc(
        Failed(grpc.StatusCode.NOT_FOUND, "", (("grpc-status-details-bin", status.SerializeToString()),))
    )
    assert type(got) is errors.NotFound
    assert (got.reason, got.code, got.win32, got.verdict, got.metadata) == (
        "PAPER_EATEN",
        "NOT_FOUND",
        77,
        errors.Verdict.HOLD,
        {"by": "dog"},
    )


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.HostUnreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (grpc.StatusCode.CANCELLED, errors.CallCanceled),
        (grpc.StatusCode.UNAUTHENTICATED, errors.Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, errors.AccessDenied),
        (grpc.StatusCode.UNIMPLEMENTED, errors.NotSupported),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.Overloaded),
        (grpc.StatusCode.NOT_FOUND, errors.NotFound),
        (grpc.StatusCode.UNKNOWN, errors.Failure),
    ],
)
def test_a_status_nobody_explained_is_named_after_its_code(code, cls):
    got = error_from_rpc(Failed(code, "proxy says no"))
    assert type(got) is cls
    assert got.message == "proxy says no"
    assert got.code == code.name


@pytest.mark.parametrize(
    "details",
    [b"\xff\xff\xff", b"", status_pb2.Status(code=7).SerializeToString(), b"\x12\x05hello"],
    ids=["garbage", "empty", "another code", "no code"],
)
def test_a_hostile_status_still_becomes_an_error(details):
    got = error_from_rpc(Failed(grpc.StatusCode.NOT_FOUND, "text", (("grpc-status-details-bin", details),)))
    assert type(got) is errors.NotFound


def test_hostile_numbers_in_the_metadata_do_no_harm():
    info = error_details_pb2.ErrorInfo(
        reason="PORT_BUSY", domain="printfabric", metadata={"win32": "9" * 5000, "verdict": "EXPLODE"}
    )
    status = status_pb2.Status(code=10)
    status.details.add().Pack(info)
    got = error_from_rpc(
        Failed(grpc.StatusCode.ABORTED, "", (("grpc-status-details-bin", status.SerializeToString()),))
    )
    assert isinstance(got, errors.PortBusy)
    assert (got.win32, got.verdict) == (0, errors.Verdict.UNSPECIFIED)


def test_an_error_inside_a_body_has_the_same_class():
    item = error_pb2.ErrorStatus(
        reason="SPOOL_FULL",
        win32=62,
        verdict=error_pb2.VERDICT_HOLD,
        message="full",
        metadata={"free_bytes": "0"},
    )
    got = error_from_item(item)
    assert isinstance(got, errors.SpoolFull)
    assert (got.win32, got.verdict, got.metadata, got.retryable) == (
        62,
        errors.Verdict.HOLD,
        {"free_bytes": "0"},
        True,
    )


def test_an_error_inside_a_body_with_an_unknown_reason_keeps_it():
    got = error_from_item(error_pb2.ErrorStatus(reason="PAPER_EATEN", message="the dog ate it"))
    assert got.reason == "PAPER_EATEN"
    assert str(got) == "the dog ate it"


def test_an_error_survives_a_process_boundary():
    error = errors.PrinterNotFound("no such printer", win32=1801, metadata={"printer": "x"})
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.PrinterNotFound
    assert (copy.message, copy.win32, copy.metadata) == (error.message, 1801, {"printer": "x"})


def test_what_waiting_may_cure_is_retryable_and_nothing_else():
    curable = {cls.__name__ for cls in known_errors().values() if cls.retryable}
    assert curable == {
        "SpoolFull", "StoreUnavailable", "PortBusy", "DeviceOffline", "DeviceNotConnected", "ConnectionRefused",
        "DeviceFault", "WriteTimeout", "HostUnreachable", "DeadlineExceeded", "CallCanceled",
    }  # fmt: skip
