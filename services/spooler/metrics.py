"""What the spooler measures. Labels never carry jobs or users.

| metric | type | labels | meaning |
|---|---|---|---|
| printfabric_jobs_total | counter | outcome | jobs accepted, and ended as printed, not_printed, partial, unknown, canceled, aborted |
| printfabric_jobs_waiting | gauge | printer | jobs that have not ended |
| printfabric_oldest_job_age_seconds | gauge | printer | age of the oldest of them, in seconds |
| printfabric_uncertain_jobs | gauge | printer | jobs of which nobody knows what came out: a person decides |
| printfabric_uncertain_units | gauge | printer | labels, receipts and pages among them that may or may not have come out |
| printfabric_submit_seconds | histogram | | time from a submission to its answer, in seconds |
| printfabric_attempts_total | counter | | attempts that began at a port and have ended |
| printfabric_spool_bytes | gauge | | documents on the disk, in bytes |
| printfabric_spool_free_bytes | gauge | | free on the spool's volume, or of what documents may take of a database, in bytes |
| printfabric_spool_reserve_bytes | gauge | | what is kept free of it: below that documents are refused |
| printfabric_host_online | gauge | host | 1 while a host's port monitor answers |
| printfabric_host_not_believed | gauge | host, reason | 1 while somebody answers for a host and is not taken for it |

Why printers do not print is worked out by `api.printer_verdicts`. Counters are plain numbers, for the event loop is their only writer; the gauges of printers are what the book counts
as jobs come and go, so that a look at the page costs by printers with jobs, and not by jobs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from spooler.job import Job
from spooler.job_state import JobState

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ACCEPTED = "accepted"


class Tally(NamedTuple):
    """The jobs of a printer that have not ended, in numbers."""

    printer: str
    jobs: int
    since: datetime  # when the first of them was accepted
    uncertain_jobs: int  # that wait for a decision about what came out
    uncertain_units: int  # labels, receipts and pages of them that may or may not have


class SpoolerMetrics(Collector):
    """One spooler's numbers."""

    def __init__(self) -> None:
        self._tallies: Callable[[], Iterable[Tally]] = tuple
        self._hosts: Callable[[], Iterable[tuple[str, bool]]] = tuple
        self._not_believed: Callable[[], Iterable[tuple[str, str]]] = tuple
        self.spool_bytes = 0  # this and the next two: kept up to date by `retention`
        self.spool_free_bytes = 0
        self.spool_reserve_bytes = 0  # 0: the store does not know its volume
        self._jobs: dict[str, int] = {_ACCEPTED: 0}
        self._attempts = 0
        self._submit_s = 0.0
        self._buckets = [0] * (len(BOUNDS_S) + 1)

    @contextmanager
    def shown_in(
        self,
        registry: CollectorRegistry,
        tallies: Callable[[], Iterable[Tally]],
        hosts: Callable[[], Iterable[tuple[str, bool]]] = tuple,
        not_believed: Callable[[], Iterable[tuple[str, str]]] = tuple,
    ) -> Iterator[None]:
        """Show the numbers on a page meanwhile.

        tallies: gives the printers with jobs that have not ended; called in the page's thread.
        hosts: gives each host's name and whether it answers; the same.
        not_believed: gives hosts for which somebody answers who is not taken for them, and the reason; the same.
        """
        self._tallies = tallies
        self._hosts, self._not_believed = hosts, not_believed
        registry.register(self)
        try:
            yield
        finally:
            registry.unregister(self)

    def accepted(self, jobs: int, seconds: float) -> None:
        """Count jobs that were accepted together, and how long it took."""
        self._jobs[_ACCEPTED] += jobs
        self._submit_s += seconds * jobs
        self._buckets[bisect_left(BOUNDS_S, seconds)] += jobs

    def job_changed(self, job: Job) -> None:
        """Count a job that ends with this change; others cost one comparison."""
        if job.ended:
            outcome = str(job.outcome) if job.state is JobState.COMPLETED else str(job.state)
            self._jobs[outcome] = self._jobs.get(outcome, 0) + 1

    def attempts_ended(self, count: int) -> None:
        """Count attempts that have ended."""
        self._attempts += count

    def collect(self) -> Iterator[Metric]:
        """Return all of it, for the page."""
        jobs = CounterMetricFamily("printfabric_jobs", "Jobs accepted and ended", labels=["outcome"])
        for outcome, count in list(self._jobs.items()):
            jobs.add_metric([outcome], count)
        yield jobs
        yield from self._of_printers()
        yield self._of_submissions()
        yield CounterMetricFamily(
            "printfabric_attempts", "Attempts that began at a port and have ended", value=self._attempts
        )
        yield from self._of_spool()
        yield from self._of_hosts()

    def _of_hosts(self) -> Iterator[Metric]:
        online = GaugeMetricFamily(
            "printfabric_host_online", "1 while a host's port monitor answers", labels=["host"]
        )
        for host, answers in self._hosts():
            online.add_metric([host], float(answers))
        yield online
        not_believed = GaugeMetricFamily(
            "printfabric_host_not_believed",
            "1 while somebody answers for a host and is not taken for it",
            labels=["host", "reason"],
        )
        for host, reason in self._not_believed():
            not_believed.add_metric([host, reason], 1)
        yield not_believed

    def _of_spool(self) -> Iterator[Metric]:
        volume = self.spool_reserve_bytes > 0
        for name, text, value in (
            ("printfabric_spool_bytes", "Documents on the disk, in bytes", self.spool_bytes),
            (
                "printfabric_spool_free_bytes",
                "Free on the spool's volume, or of what documents may take of a database, in bytes",
                self.spool_free_bytes if volume else None,
            ),
            (
                "printfabric_spool_reserve_bytes",
                "Kept free of it, in bytes",
                self.spool_reserve_bytes if volume else None,
            ),
        ):
            yield GaugeMetricFamily(name, text, value=value)

    def _of_printers(self) -> Iterator[Metric]:
        tallies, now = list(self._tallies()), datetime.now(UTC)
        ages = [max((now - tally.since).total_seconds(), 0.0) for tally in tallies]
        uncertain = [tally.uncertain_jobs for tally in tallies]
        units = [tally.uncertain_units for tally in tallies]
        for name, text, values in (
            ("printfabric_jobs_waiting", "Jobs that have not ended", [tally.jobs for tally in tallies]),
            ("printfabric_oldest_job_age_seconds", "Age of the oldest waiting job, in seconds", ages),
            ("printfabric_uncertain_jobs", "Jobs that wait for a person's decision about paper", uncertain),
            ("printfabric_uncertain_units", "Units of them that may or may not have come out", units),
        ):
            family = GaugeMetricFamily(name, text, labels=["printer"])
            for tally, value in zip(tallies, values, strict=True):
                family.add_metric([tally.printer], value)
            yield family

    def _of_submissions(self) -> Metric:
        total, rows = 0, []
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], list(self._buckets), strict=True):
            total += count
            rows.append((bound, total))
        family = HistogramMetricFamily(
            "printfabric_submit_seconds", "Time from a submission to its answer, in seconds"
        )
        family.add_metric([], rows, self._submit_s)
        return family
