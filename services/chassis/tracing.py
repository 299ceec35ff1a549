"""Traces: where something stands in one (W3C trace context), and its spans, told once they are over. Off until configured.

A span is told whole, with the times that were kept of it, and not held open meanwhile: so it can be told by another
process than the one in which it began. `chassis.tracing_export` brings them out; nothing here imports OpenTelemetry.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

TRACEPARENT = "traceparent"  # W3C trace context, 3.2: in metadata of calls, and with what is kept of a job

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_MOST_CHARACTERS = 128  # version 00 has 55; later ones may append

Value = str | int | float | bool
NO_VALUES: Mapping[str, Value] = MappingProxyType({})


class Position(NamedTuple):
    """A span's place: its trace, itself, and whether the trace is recorded, which was decided where it began."""

    trace_id: int
    span_id: int
    sampled: bool = True

    @property
    def text(self) -> str:
        """The form of it that travels."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.sampled:02x}"

    def child(self, span_id: int = 0) -> Position:
        """Return the position of a span below this one; 0: it gets an id that nobody else has."""
        return self._replace(span_id=span_id or new_id(8))


class Kind(StrEnum):
    """A span's relation to its parent and children, OpenTelemetry's words."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Event(NamedTuple):
    """Something that happened at one moment of a span."""

    name: str
    at_ns: int  # since the epoch
    values: Mapping[str, Value] = NO_VALUES


@dataclass(frozen=True, slots=True)
class Span:
    """A span that is over. Times are nanoseconds since the epoch; `parent` 0: it is its trace's first."""

    name: str
    position: Position
    parent: int
    start_ns: int
    end_ns: int
    kind: Kind = Kind.INTERNAL
    values: Mapping[str, Value] = field(default_factory=lambda: NO_VALUES)
    events: Sequence[Event] = ()
    error: str = ""  # the reason of a failure; empty: there was none


class Exporter(Protocol):
    """Takes spans to wherever they are collected."""

    def samples(self, trace_id: int, name: str) -> bool:
        """Decide whether a trace that begins here is recorded."""

    def tell(self, span: Span) -> None:
        """Take a span. From any thread; returns at once and never raises: what there is no room for is dropped."""


class Tracing:
    """What this process does about traces."""

    __slots__ = ("exporter", "on")

    def __init__(self) -> None:
        self.on = False  # the one question that hot paths ask
        self.exporter: Exporter | None = None

    def begin(self, exporter: Exporter) -> None:
        """Tell spans from now on."""
        self.exporter, self.on = exporter, True

    def end(self) -> None:
        """Tell none any more."""
        self.exporter, self.on = None, False

    def tell(self, span: Span) -> None:
        """Tell a span, if anybody listens."""
        if self.exporter is not None:
            self.exporter.tell(span)

    def samples(self, trace_id: int, name: str) -> bool:
        """Decide whether a trace that begins here is recorded."""
        return self.exporter is not None and self.exporter.samples(trace_id, name)


tracing = Tracing()


def position_of(text: str) -> Position | None:
    """Return the position that a traceparent names; None for what is none (W3C: it is then as if there was none)."""
    found = _FORM.fullmatch(text) if len(text) <= _MOST_CHARACTERS else None
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return Position(trace_id, span_id, bool(flags & 1)) if trace_id and span_id else None


def new_id(size: int) -> int:
    """Return a random id of so many bytes: 16 for a trace, 8 for a span; never 0."""
    return int.from_bytes(os.urandom(size), "big") or 1
