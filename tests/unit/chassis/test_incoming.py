"""Every Duration and Timestamp of every request of the contracts: what is no time is refused before any handler sees it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

import printfabric.monitor.v1
from chassis.errors import InvalidArgument
from chassis.incoming import parsing, refuse_garbage, refuse_wrong_times

_TIMES = ("google.protobuf.Duration", "google.protobuf.Timestamp")
# Requests that come as streams pass no parser of the wall: who reads them looks at their times.
_STREAMED = {
    ("StageDocument", "expire_time"),
    *(
        (method, f"{spec}.{field}")
        for method, spec in (("SubmitJobs", "jobs.spec"), ("UploadJob", "begin.spec"))
        for field in ("not_before_time", "expire_time", "ttl")
    ),
}


def _kind(field: FieldDescriptor) -> str:
    return field.message_type.full_name if field.message_type is not None else ""


class Time(NamedTuple):
    """A time in a request of the contracts."""

    method: str
    request: Descriptor
    fields: tuple[FieldDescriptor, ...]
    streamed: bool

    @property
    def path(self) -> str:
        return ".".join(field.name for field in self.fields)

    @property
    def is_span(self) -> bool:
        return _kind(self.fields[-1]) == _TIMES[0]

    def message(self, seconds: int, nanos: int) -> Any:
        """Return a request that has this time and nothing else."""
        request: Any = GetMessageClass(self.request)()
        part = request
        for field in self.fields:
            value = getattr(part, field.name)
            part = value.add() if field.is_repeated else value
        part.seconds, part.nanos = seconds, nanos
        part.SetInParent()
        return request


def _below(message: Descriptor, above: tuple[FieldDescriptor, ...]) -> Iterator[tuple[FieldDescriptor, ...]]:
    for field in message.fields:
        inner = field.message_type
        if inner is None or inner in (one.message_type for one in above):
            continue
        if inner.full_name in _TIMES:
            yield (*above, field)
        else:
            yield from _below(inner, (*above, field))


def _times() -> Iterator[Time]:
    root = Path(printfabric.monitor.v1.__path__[0]).parents[2]
    for file in sorted((root / "printfabric").rglob("*_service_pb2.py")):
        module = importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                for fields in _below(method.input_type, ()):
                    yield Time(method.name, method.input_type, fields, method.client_streaming)


TIMES = list(_times())
UNARY = [pytest.param(one, id=f"{one.method}.{one.path}") for one in TIMES if not one.streamed]


def _said(message: Any) -> dict[str, str]:
    """Return the fields that the wall's parser complains of."""
    request = parsing(type(message).FromString, None)(message.SerializeToString())
    try:
        refuse_garbage(request)
    except InvalidArgument as error:
        return dict(error.fields)
    assert request == message
    return {}


def test_the_times_of_streamed_requests_are_known_and_those_of_all_others_are_found() -> None:
    assert {(one.method, one.path) for one in TIMES if one.streamed} == _STREAMED
    assert {"OpenPort", "Shutdown", "SetPort", "SubmitJob", "ListJobs"} <= {one.method for one in TIMES}


@pytest.mark.parametrize("time", UNARY)
@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(10**15, 0), (10**18, 0), (-(2**63), 0), (2**63 - 1, 0), (0, -1), (5, 2**31 - 1), (-(10**12), 0)],
)
def test_what_is_no_time_is_refused_with_its_field(time: Time, seconds: int, nanos: int) -> None:
    assert list(_said(time.message(seconds, nanos))) == [time.path]


@pytest.mark.parametrize("time", UNARY)
def test_ten_years_and_a_moment_of_today_are_times(time: Time) -> None:
    assert _said(time.message(3660 * 86400 if time.is_span else 1_790_000_000, 0)) == {}
    assert bool(_said(time.message(3660 * 86400 + 1 if time.is_span else 253_402_214_400, 0)))


def test_a_message_of_a_stream_can_be_looked_at_as_well() -> None:
    (time,) = (one for one in TIMES if one.method == "StageDocument")
    with pytest.raises(InvalidArgument, match="expire_time is not a moment"):
        refuse_wrong_times(time.message(10**18, 0))
