"""An OpenTelemetry collector that keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Received:
    """A span as it came; ids in hex, `parent` empty for the first of a trace."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    values: dict[str, Any]
    events: tuple[str, ...]
    failed: bool


class Collector(TraceServiceServicer):
    """Serves TraceService; `endpoint` is what services are told."""

    def __init__(self) -> None:
        self._spans: list[Received] = []
        self._lock = threading.Lock()  # guards the spans
        self._threads = ThreadPoolExecutor(4)
        self._server = grpc.server(self._threads)
        add_TraceServiceServicer_to_server(self, self._server)
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Export(self, request: ExportTraceServiceRequest, _context: Any) -> ExportTraceServiceResponse:
        with self._lock:
            self._spans += _received(request)
        return ExportTraceServiceResponse()

    def spans(self, name: str = "") -> list[Received]:
        """Return what came so far, or only what has a name that begins so."""
        with self._lock:
            return [one for one in self._spans if one.name.startswith(name)]

    def close(self) -> None:
        """End it."""
        self._server.stop(None).wait()
        self._threads.shutdown()


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector until the context ends."""
    running = Collector()
    try:
        yield running
    finally:
        running.close()


def _received(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for resource in request.resource_spans:
        service = _values(resource.resource.attributes).get("service.name", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _values(span.attributes),
                    tuple(event.name for event in span.events),
                    span.status.code == Status.STATUS_CODE_ERROR,
                )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair) for pair in pairs}


def _value(pair: KeyValue) -> Any:
    kind = pair.value.WhichOneof("value")
    return getattr(pair.value, kind) if kind else None
