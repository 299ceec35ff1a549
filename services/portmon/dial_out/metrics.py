"""Metrics of the spoolers that are dialled, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from portmon.dial_out.out import DialOut


class DialOutCollector(Collector):
    """Which spoolers are connected, how often they were dialled, what goes through."""

    def __init__(self, host: str, dial_out: DialOut) -> None:
        self._host, self._dial_out = host, dial_out

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        labels = ["host", "spooler"]
        connected = GaugeMetricFamily(
            "printfabric_dial_out_connected", "Addresses of a spooler that are connected.", labels=labels
        )
        tunnels = GaugeMetricFamily(
            "printfabric_dial_out_tunnels", "Connections of a spooler's that go through those.", labels=labels
        )
        dials = CounterMetricFamily(
            "printfabric_dial_out_dials", "Times that a spooler was dialled.", labels=[*labels, "outcome"]
        )
        for one in self._dial_out.spoolers:
            names = [self._host, one.spooler]
            connected.add_metric(names, len(one.connected))
            tunnels.add_metric(names, one.tunnels)
            dials.add_metric([*names, "connected"], one.dialled)
            dials.add_metric([*names, "failed"], one.failed)
        yield from (connected, tunnels, dials)
