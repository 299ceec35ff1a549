import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from printfabric_client.tracing import trace_metadata

SENDER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_call_says_nothing_of_a_trace_when_there_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TRACEPARENT", raising=False)
    assert trace_metadata() == ()
    monkeypatch.setenv("TRACEPARENT", "not fit for a header: ü\n")
    assert trace_metadata() == ()


def test_a_call_says_where_the_program_stands_by_its_span_before_its_environment(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("TRACEPARENT", SENDER)
    assert trace_metadata() == (("traceparent", SENDER),)
    provider = TracerProvider(shutdown_on_exit=False)
    with trace.use_span(provider.get_tracer("test").start_span("order")) as span:
        here = span.get_span_context()
        said = f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"
        assert trace_metadata() == (("traceparent", said),)
    assert trace_metadata() == (("traceparent", SENDER),)
