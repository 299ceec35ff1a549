"""Metrics of the documents that lie on the host whole, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from portmon.staging.area import Staging
from portmon.staging.state import StagedState


class StagingCollector(Collector):
    """How many, how large, and how much room there is."""

    def __init__(self, host: str, staging: Staging) -> None:
        self._host, self._staging = host, staging

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        staging = self._staging
        states = [one.state for one in staging.documents()]
        count = GaugeMetricFamily(
            "printfabric_staged_documents",
            "Documents brought to the host before they are printed, by where they stand.",
            labels=["host", "state"],
        )
        for state in StagedState:
            if state is not StagedState.GONE:
                count.add_metric([self._host, state], states.count(state))
        yield count
        for kind, name, about, value in (
            (GaugeMetricFamily, "bytes", "Bytes of these documents, those still to come included.", staging.used_bytes),
            (GaugeMetricFamily, "quota_bytes", "Most bytes of such documents that the host keeps.", staging.quota_bytes),
            (CounterMetricFamily, "refused", "Documents refused for want of room.", staging.refused),
        ):  # fmt: skip
            family = kind(f"printfabric_staged_{name}", about, labels=["host"])
            family.add_metric([self._host], value)
            yield family
