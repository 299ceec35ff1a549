"""Why printers with jobs do not print: for those who ask, and as a metric for alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis import logs
from spooler.api.look import Look
from spooler.book import Book, Queue
from spooler.explain.facts import Explanation, Verdict
from spooler.explain.jobs import explain_printer
from spooler.explain.loss import is_undecided
from spooler.job import Job, order_key

log = logs.get(__name__)

_WELL = (Verdict.FINE, Verdict.ENDED)
_MOST_SAID = 300  # characters of a label: a device's name may be long
_PAGE_WAITS_S = 2.0  # a loop that is busier than that has other troubles than this metric


class PrinterVerdicts(Collector):
    """One verdict for each printer, worked out when somebody asks; what nobody asks for costs nothing."""

    def __init__(self, book: Book, look: Look) -> None:
        self._book, self._look = book, look
        self._loop: asyncio.AbstractEventLoop | None = None

    def of(self, queue: Queue) -> Explanation:
        """Return why a printer does not print, or that nothing is wrong."""
        first = self._next(queue)
        doubtful = [self._book.jobs[number] for number in queue.doubtful]
        return explain_printer(
            queue.printer,
            tuple(self._look.port_facts(port) for port in queue.printer.ports),
            len(queue.jobs),
            [job for job in doubtful if is_undecided(job)],
            self._look.job_facts(first) if first is not None else None,
            datetime.now(UTC),
        )

    def _next(self, queue: Queue) -> Job | None:
        """Return the job that tells how a printer is: one on its way, else the one that is next, or has to wait for its time."""
        jobs = self._book.jobs
        if queue.at_port:
            return min((jobs[number] for number in queue.at_port), key=order_key)
        number = queue.waiting.first()
        if number is None:
            number = next(iter(queue.later), None)
        return None if number is None else jobs[number]

    @contextmanager
    def shown_in(self, registry: CollectorRegistry) -> Iterator[None]:
        """Show the metric on a page meanwhile. To be called on the event loop, where verdicts are worked out."""
        self._loop = asyncio.get_running_loop()
        registry.register(self)
        try:
            yield
        finally:
            registry.unregister(self)
            self._loop = None

    def describe(self) -> Iterator[Metric]:
        """Return the metric without values: whoever registers it holds the loop, and does not wait for it."""
        yield _family()

    def collect(self) -> Iterator[Metric]:
        """Return the verdicts, for the page; called in its thread."""
        family = _family()
        if self._loop is not None:
            asked = asyncio.run_coroutine_threadsafe(self._stuck(), self._loop)
            try:
                for printer, said in asked.result(_PAGE_WAITS_S):
                    family.add_metric([printer, said.verdict, said.headline.says[:_MOST_SAID]], 1.0)
            except (TimeoutError, CancelledError):
                asked.cancel()
                log.warning("the verdicts of printers are missing on the page", waited_s=_PAGE_WAITS_S)
        yield family

    async def _stuck(self) -> list[tuple[str, Explanation]]:
        """Return this spooler's printers that have jobs and do not print."""
        found = []
        for name, queue in list(self._book.queues.items()):
            if not queue.jobs or not queue.mine:
                continue
            said = self.of(queue)
            if said.verdict not in _WELL:
                found.append((name, said))
            await asyncio.sleep(0)  # jobs pass between two printers
        return found


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "printfabric_printer_verdict",
        "1 while a printer with jobs does not print, with the beginning of the sentence that says why",
        labels=["printer", "verdict", "says"],
    )
