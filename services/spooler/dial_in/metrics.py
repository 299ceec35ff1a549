"""Metrics of the hosts that dial in, read when somebody asks.

| metric | type | labels | meaning |
|---|---|---|---|
| printfabric_dial_in_hosts | gauge | | hosts that are here by a connection of their own |
| printfabric_dial_in_tunnels | gauge | | connections of this spooler's that go through those |
| printfabric_dial_in_arrivals_total | counter | outcome | hosts that dialled in: taken, refused for another of that name is here |
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from spooler.dial_in.arrivals import DialIn


class DialInCollector(Collector):
    """Who is here, and how often hosts came."""

    def __init__(self, dial_in: DialIn) -> None:
        self._dial_in = dial_in

    @contextmanager
    def shown_in(self, registry: CollectorRegistry) -> Iterator[None]:
        """Show the numbers on a page meanwhile."""
        registry.register(self)
        try:
            yield
        finally:
            registry.unregister(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        dial_in = self._dial_in
        yield GaugeMetricFamily(
            "printfabric_dial_in_hosts", "Hosts that have dialled in.", value=len(dial_in)
        )
        yield GaugeMetricFamily(
            "printfabric_dial_in_tunnels", "Connections that go through hosts' own.", value=dial_in.tunnels
        )
        arrivals = CounterMetricFamily(
            "printfabric_dial_in_arrivals", "Hosts that dialled in.", labels=["outcome"]
        )
        arrivals.add_metric(["taken"], dial_in.arrived)
        arrivals.add_metric(["refused"], dial_in.refused)
        yield arrivals
