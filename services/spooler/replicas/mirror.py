"""What other members write, in this one's memory: jobs, printers and pauses, told to those who watch here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import fields

from chassis import logs
from chassis.errors import FabricError
from spooler.book import Queue
from spooler.dispatcher import Dispatcher
from spooler.job import Job
from spooler.membership import Membership, News, UnfinishedJobs
from spooler.printer import Printer
from spooler.store import Store

log = logs.get(__name__)

COMPARE_S = 15.0  # how long a notification that was lost may go unnoticed
_RETRY_S = 1.0
_AT_ONCE = 500  # jobs in one question
_ENOUGH = 2  # comparisons with the same that is stored


class Mirror:
    """Hears of changes and looks them up.

    What is read is old by the time it is taken in. For another's printer that does no harm, a newer reading follows.
    Of this member's own nothing is taken in but jobs that were unknown here for as long as the reading took.
    """

    def __init__(self, membership: Membership, store: Store, dispatcher: Dispatcher) -> None:
        self.on_owners: Callable[[], object] = lambda: None  # members came or went, or printers changed hands
        self.on_asks: Callable[[News], object] = lambda _news: (
            None
        )  # something is asked or answered, or may be
        self._ended: set[int] = set()  # jobs that have ended here since the present reading began
        self._membership = membership
        self._store = store
        self._dispatcher = dispatcher
        self._book = dispatcher.book
        self._hub = dispatcher.hub
        self._heard = News()
        # The store's fingerprint when everything was compared last, with no news since; and how often with that one.
        self._compared: object = None
        self._same = 0
        self._arrived = asyncio.Event()
        dispatcher.on_ended = lambda job: self._ended.add(job.number)
        dispatcher.on_elsewhere = lambda number: self._hear(News(jobs=frozenset({number})))

    def _hear(self, news: News) -> None:
        self._heard = _both(self._heard, news)
        self._arrived.set()

    async def listen(self) -> None:
        """Take in what others say, until the line is cut. Raises StoreUnavailable."""
        async for news in self._membership.news():
            if news.owners or news.lost:
                self.on_owners()
            if news.asks or news.answers or news.lost:
                self.on_asks(news)
            self._hear(news)

    async def run(self) -> None:
        """Look up what was heard of, for ever; when nothing was for a while, make sure that there is nothing."""
        while True:
            nothing_came = False
            try:
                async with asyncio.timeout(COMPARE_S):
                    await self._arrived.wait()
            except TimeoutError:
                nothing_came = True
            else:
                # A change that was heard, and one back that was not, leave the same fingerprint.
                self._compared = None
            self._arrived.clear()
            news, self._heard = self._heard, News()
            try:
                await self.take_in(news)
                if nothing_came:
                    await self._compare()
            except FabricError as error:
                log.warning("changes of others cannot be read", error=str(error))
                self._hear(News(lost=True))
                await asyncio.sleep(_RETRY_S)

    async def _compare(self) -> None:
        """Compare everything, unless nothing stored has changed since that was done twice.

        Twice: what one comparison takes away (jobs) may let the next take more (their printer).
        """
        found = await self._membership.fingerprint()
        if found == self._compared and self._same >= _ENOUGH:
            return
        self.on_owners()
        await self.take_in(News(lost=True))
        self._same = self._same + 1 if found == self._compared else 1
        self._compared = found

    async def take_in(self, news: News) -> None:
        """Bring memory up to date. Raises StoreUnavailable."""
        if news.printers or news.lost:
            await self._take_printers()
        if news.pauses or news.lost:
            await self._take_pauses()
        await self._take_jobs(await self._changed() if news.lost else sorted(news.jobs))
        for number in sorted(news.gone):
            self._hub.deleted(f"jobs/{number}")

    async def _changed(self) -> list[int]:
        stored = await self._membership.revisions()
        known = {job.number: job.revision for job in self._book.jobs.values()}
        newer = [number for number, revision in stored.items() if known.get(number, -1) < revision]
        return sorted({*newer, *(known.keys() - stored.keys())})

    async def refresh(self, printers: Collection[str]) -> UnfinishedJobs:
        """Know everything of printers that are this member's since a moment ago; return what goes on there.

        Nobody else writes of them any more, so that what is read now stays true. Raises StoreUnavailable.
        """
        going_on = await self._membership.going_on(printers)
        jobs = list(going_on.jobs)
        looked_at = {job.number for job in jobs}
        while unsure := self._known_of(printers) - looked_at:
            # It has ended, is another printer's by now, or came in since.
            there = await self._membership.jobs(unsure)
            jobs += there
            looked_at |= unsure
            for number in unsure - {job.number for job in there}:
                self._forget(number)
        for job in jobs:
            self._put(job)
        return going_on

    def _known_of(self, printers: Collection[str]) -> set[int]:
        queues = (self._book.queues[name] for name in printers if name in self._book.queues)
        return {number for queue in queues for number in queue.jobs}

    async def _take_jobs(self, numbers: list[int]) -> None:
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            self._ended.clear()
            ours = {name for name, queue in self._book.queues.items() if queue.mine}
            jobs = await self._membership.jobs(some)
            if any(job.printer not in self._book.queues for job in jobs):
                await self._take_printers()
            for job in jobs:
                self._take_job(job, ours)
            for number in set(some) - {job.number for job in jobs}:
                self._forget(number)

    def _take_job(self, job: Job, ours: Collection[str]) -> None:
        """Take in a reading; `ours`: the printers that were this member's when it began."""
        known = self._book.jobs.get(job.number)
        if known is not None and not self._book.is_others(known.printer):
            return
        if self._book.is_others(job.printer):
            self._put(job)
        elif job.printer not in ours:
            self._hear(News(jobs=frozenset({job.number})))  # read before the printer changed hands: once more
        elif not job.ended and job.number not in self._ended:
            self._put(job)
            self._dispatcher.came_in(job)

    def _put(self, job: Job) -> None:
        known = self._book.jobs.get(job.number)
        if known is not None and known.revision >= job.revision and known.ledger == job.ledger:
            return
        if known is not None and known.revision > job.revision:
            return
        if job.ended:
            self._book.forget(job)
        elif known is None:
            self._book.add(job)
        else:
            self._book.change(job)
        self._hub.mirrored(job)

    def _forget(self, number: int) -> None:
        """A job that is not stored any more."""
        known = self._book.jobs.get(number)
        if known is not None and self._book.is_others(known.printer):
            self._book.forget(known)
            self._hub.deleted(f"jobs/{number}")

    async def _take_printers(self) -> None:
        before = set(self._book.queues)  # what came or went here during the reading is not in it
        stored = {printer.name: printer for printer in await self._store.list_printers()}
        here = self._book.queues
        changed = [printer for name, printer in stored.items() if self._is_newer(printer, name in before)]
        gone = [name for name in before & here.keys() if name not in stored and self._is_unused(here[name])]
        for printer in changed:
            self._book.put_printer(printer)
            self._hub.printer(printer)
        for name in gone:
            self._book.drop_printer(name)
            self._hub.deleted(f"printers/{name}")
        if changed or gone:
            self._dispatcher.printers_changed()

    def _is_newer(self, printer: Printer, was_here: bool) -> bool:
        queue = self._book.queues.get(printer.name)
        return not was_here if queue is None else queue.printer.revision < printer.revision

    @staticmethod
    def _is_unused(queue: Queue) -> bool:
        return not queue.jobs and not queue.mine

    async def _take_pauses(self) -> None:
        paused = self._dispatcher.paused_ports
        stored = {port.key: (port, how) for port, how in await self._membership.paused_ports()}
        for key in paused.keys() - stored.keys():
            del paused[key]
        for key, (_port, how) in stored.items():
            paused[key] = how
        for lane in list(self._dispatcher.lanes.values()):
            self._dispatcher.lane_changed(lane.port)


def _both(one: News, other: News) -> News:
    """Return two pieces of news as one."""
    return News(
        **{field.name: getattr(one, field.name) | getattr(other, field.name) for field in fields(News)}
    )
