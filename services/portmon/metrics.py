"""Port metrics, read from the ports' counters when somebody asks: the hot path pays an addition.

Labels are host, port and monitor, and never jobs or users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from portmon.host_port import HostPort
from portmon.port_state import PortState
from portmon.ports import Ports
from portmon.reports import Severity

_LABELS = ["host", "port", "monitor"]
_COUNTERS: dict[str, tuple[str, Callable[[HostPort], float]]] = {
    "printfabric_port_busy_seconds": (
        "Seconds with a document in progress; its rate is the port's utilization.",
        lambda port: port.counters.busy_s(),
    ),
    "printfabric_port_written_bytes": ("Bytes the driver took.", lambda port: port.counters.written_bytes),
    "printfabric_port_read_bytes": ("Bytes the device sent back.", lambda port: port.counters.read_bytes),
    "printfabric_port_open": ("Times the port was opened.", lambda port: port.counters.opens),
    "printfabric_port_hold_changes": (
        "Times somebody got the port, by opening it or by taking it over.",
        lambda port: port.counters.holds,
    ),
}


class PortCollector(Collector):
    """Turns the counters of all ports into metric families."""

    def __init__(self, host: str, ports: Ports) -> None:
        self._host, self._ports = host, ports

    def _labels(self, port: HostPort) -> list[str]:
        return [self._host, port.name, port.monitor.name]

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        for name, (text, value) in _COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=_LABELS)
            for port in self._ports:
                counter.add_metric(self._labels(port), value(port))
            yield counter
        yield self._documents()
        yield self._stalls()
        yield self._states()
        yield self._reports()
        held = GaugeMetricFamily(
            "printfabric_port_held", "1 while somebody has the port open.", labels=_LABELS
        )
        for port in self._ports:
            held.add_metric(self._labels(port), float(port.hold is not None))
        yield held
        fill = GaugeMetricFamily(
            "printfabric_port_journal_used_ratio",
            "Share of the journal that waits to be settled.",
            labels=_LABELS,
        )
        for port in self._ports:
            fill.add_metric(self._labels(port), port.journal_fill())
        yield fill

    def _documents(self) -> Metric:
        text = "Documents that ended, by how."
        family = CounterMetricFamily("printfabric_port_documents", text, labels=[*_LABELS, "outcome"])
        for port in self._ports:
            for outcome, count in port.counters.documents.items():
                family.add_metric([*self._labels(port), outcome], count)
        return family

    def _stalls(self) -> Metric:
        text = "Seconds in a document in which no byte could move, by who was waited for."
        family = CounterMetricFamily("printfabric_port_stall_seconds", text, labels=[*_LABELS, "cause"])
        for port in self._ports:
            for cause, seconds in port.counters.stalls_s.items():
                family.add_metric([*self._labels(port), cause], seconds)
        return family

    def _reports(self) -> Metric:
        text = "What is said about the port now (SNMP, IPP, language monitors), by severity."
        family = GaugeMetricFamily("printfabric_port_reports", text, labels=[*_LABELS, "severity"])
        for port in self._ports:
            said = [one.severity for one in port.reports.now()]
            for severity in Severity:
                family.add_metric([*self._labels(port), severity.name.lower()], said.count(severity))
        return family

    def _states(self) -> Metric:
        text = "1 for the state the port is in, 0 for the others."
        family = GaugeMetricFamily("printfabric_port_state", text, labels=[*_LABELS, "state"])
        for port in self._ports:
            now = port.state
            for state in PortState:
                family.add_metric([*self._labels(port), state], float(state is now))
        return family
