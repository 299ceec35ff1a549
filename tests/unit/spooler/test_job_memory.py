"""What a waiting job takes, counted by the allocator: its own values, its place in the book and in its queue."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from spooler.book import Book
from spooler.job import Job
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.sql.store import SqlStore

JOBS = 12_000  # the tables are as full as with a hundred thousand
MOST_BYTES = 850  # 789 were measured for new jobs, 798 for those of a start (Python 3.11)


def new(number: int) -> NewJob:
    """Return a job as it comes from the wire: each text is an object of its own."""
    return NewJob(
        b"labels".decode(),
        Inline(bytes(16)),
        f"label {number}",
        b"application/vnd.zebra".decode(),
        b"spiffe://fabric/shop".decode(),
        b"ann@shop".decode(),
        b"10.0.0.1".decode(),
        str(UUID(int=number)),
    )


def empty() -> Book:
    book = Book(0)
    book.put_printer(Printer("labels"))
    return book


def keep(book: Book, jobs: Sequence[object]) -> None:
    for job in jobs:
        assert isinstance(job, Job)
        book.add(job)


@contextmanager
def counted() -> Iterator[list[float]]:
    """Yield a list that has the bytes of each of so many jobs in the end."""
    bytes_each: list[float] = []
    gc.collect()
    tracemalloc.start()
    try:
        yield bytes_each
        gc.collect()
        bytes_each.append(tracemalloc.get_traced_memory()[0] / JOBS)
    finally:
        tracemalloc.stop()


async def test_a_waiting_job_takes_less_than_a_kilobyte_whether_it_is_new_or_of_the_last_run(
    tmp_path: Path,
) -> None:
    store = await SqlStore.open(tmp_path)
    try:
        await store.create_printer(Printer("labels"))
        with counted() as as_new:
            book = empty()
            for first in range(0, JOBS, 500):
                keep(book, await store.accept([new(number) for number in range(first, first + 500)]))
        assert len(book.queue("labels").waiting) == JOBS
        with counted() as as_loaded:
            book = empty()
            keep(book, (await store.load()).jobs)
        assert len(book.queue("labels").waiting) == JOBS
    finally:
        await store.close()
    assert max(as_new + as_loaded) < MOST_BYTES, (as_new, as_loaded)
