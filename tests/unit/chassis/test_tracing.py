from contextlib import nullcontext
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from pydantic import ValidationError

from chassis.call import current_call
from chassis.settings import TracingSettings
from chassis.tracing import TRACEPARENT, Event, Kind, Position, Span, position_of
from chassis.tracing_export import SpanExport
from tests.fakes.trace_exporter import telling
from tests.unit.chassis.echo import EchoService, echo_server

HERE = Position(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)
TEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_position_is_what_its_traceparent_says():
    assert HERE.text == TEXT
    assert position_of(TEXT) == HERE
    assert position_of(TEXT[:-2] + "00") == HERE._replace(sampled=False)
    assert position_of("cc" + TEXT[2:] + "-what-may-come") == HERE  # W3C: later versions append


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        TEXT.upper(),
        TEXT + " ",
        "ff" + TEXT[2:],
        TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        TEXT.replace("00f067aa0ba902b7", "0" * 16),
        TEXT + "-" + "x" * 1000,
    ],
)
def test_what_is_no_traceparent_is_no_position(text: str):
    assert position_of(text) is None


def span(**more: object) -> Span:
    return Span("job labels", HERE, 7, 1_000, 3_000, **more)  # type: ignore[arg-type]


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def export(exporter: InMemorySpanExporter):
    made = SpanExport(exporter, ParentBased(TraceIdRatioBased(0.5)), "spooler")
    yield made
    made.close()


def test_a_span_goes_out_under_the_ids_and_with_the_times_that_it_has(
    exporter: InMemorySpanExporter, export: SpanExport
):
    export.tell(
        span(kind=Kind.SERVER, values={"a": 1}, events=[Event("durable", 2_000)], error="DEVICE_FAULT")
    )
    export.close()
    (out,) = exporter.get_finished_spans()
    assert out.context is not None
    assert out.parent is not None
    assert (out.context.trace_id, out.context.span_id, out.parent.span_id) == (HERE.trace_id, HERE.span_id, 7)
    assert (out.start_time, out.end_time, out.events[0].timestamp) == (1_000, 3_000, 2_000)
    assert out.attributes == {"a": 1, "error.type": "DEVICE_FAULT"}
    assert not out.status.is_ok
    assert out.resource.attributes["service.name"] == "fabric-spooler"


def test_a_traces_first_span_has_no_parent_and_what_is_not_recorded_does_not_go_out(
    exporter: InMemorySpanExporter, export: SpanExport
):
    below = Position(1, 1)  # the ratio keeps low ids
    export.tell(Span("first", below, 0, 1, 2))
    export.tell(Span("left out", HERE._replace(sampled=False), 7, 1, 2))
    export.close()
    assert [(one.name, one.parent) for one in exporter.get_finished_spans()] == [("first", None)]


def test_the_ratio_decides_about_traces_that_begin_here(export: SpanExport):
    assert export.samples(1, "job")
    assert not export.samples((1 << 128) - 1, "job")


@pytest.mark.parametrize(
    "endpoint", ["collector:4317", "http://ada:secret@collector:4317", "ftp://x", "http://"]
)
def test_an_endpoint_is_a_url_without_a_secret(endpoint: str):
    with pytest.raises(ValidationError):
        TracingSettings(endpoint=endpoint)


class Says(EchoService):
    async def Echo(self, request: bytes, _context: Any) -> bytes:
        call = current_call.get()
        assert call is not None
        return call.traceparent.encode()


@pytest.mark.parametrize("on", [True, False])
async def test_the_callers_position_goes_through_all_hops_while_spans_are_told(on: bool):
    with telling() if on else nullcontext():
        async with echo_server(Says()) as (far_stub, _far):

            class Between(EchoService):
                async def Echo(self, request: bytes, _context: Any) -> bytes:
                    return await far_stub.Echo(request)  # type: ignore[no-any-return]

            async with echo_server(Between()) as (stub, _server):
                assert await stub.Echo(b"", metadata=((TRACEPARENT, TEXT),)) == (TEXT.encode() if on else b"")
