"""Spans to an OpenTelemetry collector by OTLP: the one module with OpenTelemetry, imported when a collector is named.

Its own thread sends them, in batches, from a queue with a bound. A collector that is away costs spans and nothing else:
neither a call nor the end of the program waits for it for longer than `_GOODBYE_S`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, TraceIdRatioBased

from chassis.settings import TracingSettings
from chassis.settings_help import version
from chassis.tracing import Position, Span, tracing

_SCOPE = "print-fabric"
_BATCH_MS = 1000.0  # the SDK's 5 s lose more when a process is killed
_BATCH_VARIABLE = "OTEL_BSP_SCHEDULE_DELAY"
_GOODBYE_S = 2.0
_NOWHERE = Context()


@contextmanager
def exporting(settings: TracingSettings, service: str) -> Iterator[None]:
    """Bring out the spans of this process meanwhile; at the end, those that are left, within a short time."""
    export = SpanExport(_exporter(settings), _sampler(settings.ratio), service)
    tracing.begin(export)
    try:
        yield
    finally:
        tracing.end()
        export.close()


class SpanExport:
    """Makes OpenTelemetry's spans of ours. `sampler` None: the one that OTEL_TRACES_SAMPLER names."""

    def __init__(self, exporter: SpanExporter, sampler: Sampler | None, service: str) -> None:
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            sampler=sampler, resource=_resource(service), id_generator=self._ids, shutdown_on_exit=False
        )
        delay_ms = None if _BATCH_VARIABLE in os.environ else _BATCH_MS
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=delay_ms))
        self._tracer = self._provider.get_tracer(_SCOPE, version())
        self._lock = threading.Lock()  # guards the ids of the next span

    def samples(self, trace_id: int, name: str) -> bool:
        """See `Exporter.samples`."""
        found = self._provider.sampler.should_sample(_NOWHERE, trace_id, name)
        return found.decision is Decision.RECORD_AND_SAMPLE

    def tell(self, span: Span) -> None:
        """See `Exporter.tell`."""
        if not span.position.sampled:
            return
        parent = _below(span.position._replace(span_id=span.parent)) if span.parent else _NOWHERE
        with self._lock:
            self._ids.next = span.position
            told = self._tracer.start_span(
                span.name, parent, trace.SpanKind[span.kind], dict(span.values), start_time=span.start_ns
            )
        for event in span.events:
            told.add_event(event.name, dict(event.values), event.at_ns)
        if span.error:
            told.set_attribute("error.type", span.error)
            told.set_status(trace.StatusCode.ERROR)
        told.end(max(span.start_ns, span.end_ns))

    def close(self) -> None:
        """Send what is left; a collector that does not answer is not waited for."""
        # Its own limit is half a minute: the thread is left behind, and ends with the program.
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(_GOODBYE_S)


class _GivenIds(IdGenerator):
    """The ids that a span is to have: other processes know them already."""

    def __init__(self) -> None:
        self.next = Position(1, 1)

    def generate_trace_id(self) -> int:
        return self.next.trace_id

    def generate_span_id(self) -> int:
        return self.next.span_id


def _below(parent: Position) -> Context:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    remote = trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), _NOWHERE)


def _exporter(settings: TracingSettings) -> OTLPSpanExporter:
    # Without an endpoint, and for headers, certificates and time-outs in any case, it reads OTEL_EXPORTER_OTLP_*.
    if not settings.endpoint:
        return OTLPSpanExporter()
    return OTLPSpanExporter(settings.endpoint, insecure=settings.endpoint.startswith("http://"))


def _sampler(ratio: float | None) -> Sampler | None:
    return None if ratio is None else ParentBased(TraceIdRatioBased(ratio))


def _resource(service: str) -> Resource:
    named = {"service.namespace": "print-fabric", "service.version": version()}
    if "OTEL_SERVICE_NAME" not in os.environ:
        named["service.name"] = f"fabric-{service}"
    return Resource.create(named)
