"""Spans, kept for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.tracing import Span, tracing


class TraceExporter:
    """Keeps what it is told; `keeps`: whether traces that begin here are recorded."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.keeps = True

    def samples(self, trace_id: int, name: str) -> bool:
        return self.keeps

    def tell(self, span: Span) -> None:
        self.spans.append(span)


@contextmanager
def telling() -> Iterator[TraceExporter]:
    """Have this process tell its spans here until the context ends."""
    exporter = TraceExporter()
    tracing.begin(exporter)
    try:
        yield exporter
    finally:
        tracing.end()
