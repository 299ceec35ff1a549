"""Where the caller stands in a trace (W3C trace context), so that what is printed shows in the trace of who printed it.

OpenTelemetry is not needed for that, and not imported: if the program has it, it is in memory already.
"""

from __future__ import annotations

import os
import sys

_TRACEPARENT = "traceparent"
_VARIABLE = "TRACEPARENT"  # OpenTelemetry: environment variables as context propagation carriers


def traceparent() -> str:
    """Return the position of the program's current span, else the one in the environment; empty: there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        here = trace.get_current_span().get_span_context()
        if here.is_valid:
            return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"
    return os.environ.get(_VARIABLE, "")


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """Return what a call says of that."""
    found = traceparent()
    # What gRPC would refuse to send is no traceparent anyway.
    return ((_TRACEPARENT, found),) if found.isascii() and found.isprintable() and found else ()
