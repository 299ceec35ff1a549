"""Prometheus: the registry, and what every server measures. `metrics_page` shows it.

| metric | type | labels | meaning |
|---|---|---|---|
| printfabric_build_info | gauge | service, version | 1 |
| printfabric_rpc_handled_total | counter | method, code, reason | RPCs answered; reason is ErrorInfo's, empty for OK |
| printfabric_rpc_seconds | histogram | method | time to answer, of streams from first to last message, in seconds |
| printfabric_rpc_in_flight | gauge | method | RPCs being answered now |
| printfabric_task_restarts_total | counter | task | supervised loops that failed and were started again |
| printfabric_failed_handshakes_total | counter | reason | connections that ended before a call, by why TLS failed |
| printfabric_certificate_end_timestamp_seconds | gauge | file | when a certificate in use ends, Unix time |

Methods are `/package.Service/Method`, known ones only; health checks are not counted. The process_* and python_gc_*
metrics of prometheus-client stand beside them. A service defines its own in its `metrics.py`, on `REGISTRY`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis import certificate

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

BUILD = Gauge("printfabric_build_info", "Always 1", ["service", "version"], registry=REGISTRY)
TASK_RESTARTS = Counter(
    "printfabric_task_restarts_total",
    "Supervised loops that failed and were started again",
    ["task"],
    registry=REGISTRY,
)
FAILED_HANDSHAKES = Counter(
    "printfabric_failed_handshakes_total",
    "Connections to this service whose TLS handshake failed",
    ["reason"],
    registry=REGISTRY,
)

# From a hit on a warm store (0.25 ms) to a stream that lives for minutes.
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class MethodStats:
    """The counts of one method, kept in plain numbers: the event loop is the only writer, so no lock is paid for."""

    __slots__ = ("buckets", "handled", "in_flight", "method", "seconds")

    def __init__(self, method: str) -> None:
        self.method = method
        self.in_flight = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.handled: dict[tuple[str, str], int] = {}

    def done(self, outcome: tuple[str, str], seconds: float) -> None:
        """Count one RPC: its (code, reason) and how long it took."""
        self.in_flight -= 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.handled[outcome] = self.handled.get(outcome, 0) + 1


class _RpcCollector(Collector):
    """Turns the plain numbers into families when somebody looks; reads copies, for it runs in the page's thread."""

    def __init__(self) -> None:
        self.methods: dict[str, MethodStats] = {}

    def collect(self) -> Iterator[Metric]:
        handled = CounterMetricFamily(
            "printfabric_rpc_handled", "RPCs answered", labels=["method", "code", "reason"]
        )
        seconds = HistogramMetricFamily(
            "printfabric_rpc_seconds", "Time to answer, in seconds", labels=["method"]
        )
        in_flight = GaugeMetricFamily(
            "printfabric_rpc_in_flight", "RPCs being answered now", labels=["method"]
        )
        for stats in list(self.methods.values()):
            for (code, reason), count in list(stats.handled.items()):
                handled.add_metric([stats.method, code, reason], count)
            total, rows = 0, []
            for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], list(stats.buckets), strict=True):
                total += count
                rows.append((bound, total))
            if total:
                seconds.add_metric([stats.method], rows, stats.seconds)
            in_flight.add_metric([stats.method], stats.in_flight)
        yield from (handled, seconds, in_flight)


_rpcs = _RpcCollector()
REGISTRY.register(_rpcs)


def method_stats(method: str) -> MethodStats:
    """Return the counts of a method, the same for every server of this process."""
    return _rpcs.methods.setdefault(method, MethodStats(method))


class _CertificateCollector(Collector):
    """Reads certificates when somebody looks, so that one that was replaced shows its new end."""

    def __init__(self) -> None:
        self.files: set[Path] = set()

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "printfabric_certificate_end_timestamp_seconds",
            "When a certificate in use ends, Unix time",
            labels=["file"],
        )
        for path in sorted(self.files):
            with suppress(OSError, ValueError):  # half of a replacement; whoever uses it says what is wrong
                ends = certificate.ends_at(path.read_text(encoding="ascii"))
                family.add_metric([str(path)], ends.timestamp())
        yield family


_certificates = _CertificateCollector()
REGISTRY.register(_certificates)


def show_certificate(path: Path) -> None:
    """Show from now on when the certificate in a file ends."""
    _certificates.files.add(path)
