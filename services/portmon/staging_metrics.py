"""Metrics of the documents that lie on the host whole, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from portmon.staged_state import StagedState
from portmon.staging import Staging


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
        used = GaugeMetricFamily(
            "printfabric_staged_bytes",
            "Bytes of these documents, those still to come included.",
            labels=["host"],
        )
        used.add_metric([self._host], staging.used_bytes)
        yield used
        quota = GaugeMetricFamily(
            "printfabric_staged_quota_bytes",
            "Most bytes of such documents that the host keeps.",
            labels=["host"],
        )
        quota.add_metric([self._host], staging.quota_bytes)
        yield quota
        refused = CounterMetricFamily(
            "printfabric_staged_refused", "Documents refused for want of room.", labels=["host"]
        )
        refused.add_metric([self._host], staging.refused)
        yield refused
