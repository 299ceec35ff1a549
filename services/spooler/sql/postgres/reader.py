"""What is asked of the store in PostgreSQL: on connections and threads of their own, never behind the writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import TypeVar

from chassis.errors import StoreUnavailable
from spooler.job import Job
from spooler.sql.postgres.connection import (
    Connection,
    Failure,
    PostgresCursor,
    concerns_all,
    connect,
    cut,
    notifications,
    place_of,
    told,
)
from spooler.sql.read import list_jobs_sql, page_of
from spooler.sql.rows import job_of_row
from spooler.store import JobFilter, JobOrder, JobPage

Result = TypeVar("Result")

READERS = 4


class PostgresReader:
    """Runs questions on its threads. A connection that broke is made anew by the next question."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._where = place_of(url)
        self._threads = ThreadPoolExecutor(READERS, "store-read")
        self._mine = threading.local()
        self._open: list[Connection] = []  # appended by the threads

    async def ask(self, question: Callable[[PostgresCursor], Result]) -> Result:
        """Return what `question` finds. Raises StoreUnavailable, and what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.ask_here, question)

    def ask_here(self, question: Callable[[PostgresCursor], Result]) -> Result:
        """`ask`, on the caller's own thread. What is asked twice is the same: the answer is of one moment."""
        try:
            return self._once(question)
        except Failure as error:
            if not concerns_all(error):
                raise told(error, self._where) from error
        try:  # the connection may be one that an earlier restart of the server broke
            return self._once(question)
        except Failure as error:
            raise told(error, self._where) from error

    def _once(self, question: Callable[[PostgresCursor], Result]) -> Result:
        connection = self._connection()
        cursor = PostgresCursor(connection)
        try:
            with cursor.pipelined():
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                answer = question(cursor)
                cursor.execute("COMMIT")
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
        return answer

    def _connection(self) -> Connection:
        """Return this thread's connection."""
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None or connection.closed:
            connection = self._mine.connection = connect(self._url, self._name)
            self._open.append(connection)
        return connection

    async def list_jobs(self, where: JobFilter, order: JobOrder, limit: int, page_token: str) -> JobPage:
        """Return a page of jobs; the rules are `Jobs.list_jobs`'s."""
        sql, parameters, limit = list_jobs_sql(where, order, limit, page_token)

        def question(cursor: PostgresCursor) -> list[Job]:
            return [job_of_row(row) for row in cursor.execute(sql, parameters)]

        return page_of(await self.ask(question), order, limit)

    async def notifications(self, channel: str) -> AsyncGenerator[str]:
        """Yield what is told on a channel, "" first, once it listens. Raises StoreUnavailable when the line is cut."""
        try:
            async with aclosing(notifications(self._url, self._name, channel)) as texts:
                async for text in texts:
                    yield text
        except Failure as error:
            raise told(error, self._where) from error
        raise StoreUnavailable(f"the database at {self._where} tells no more", database=self._where)

    def cut(self) -> None:
        """Let running questions fail: those on connections to a server that stands still would never end."""
        for connection in list(self._open):
            cut(connection)

    def close(self) -> None:
        """Let running questions end, then close the connections."""
        self._threads.shutdown()
        while self._open:
            with suppress(Failure):
                self._open.pop().close()
