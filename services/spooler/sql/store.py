"""The store in SQLite: `spooler.db` for what must be found, a spool log beside it for larger documents.

One thread writes (`writer`), the spool's documents that came whole too; two read (`read`). Durable: WAL with
synchronous=FULL, so a commit is on the disk before anyone is told of it. A spooled document is synced before the row
that names it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from chassis.errors import StoreUnavailable
from spooler.group_commit import Entry, GroupThread
from spooler.new_job import Answers, NewJob, Place, Told, is_at_hand
from spooler.spool.log import SEGMENT_BYTES, SegmentUse, Spool
from spooler.spool.record import Extent
from spooler.spool.space import Reserve
from spooler.sql import printers as sql_printers
from spooler.sql import read as sql_read
from spooler.sql import record as sql_record
from spooler.sql.accept import Kept, accept
from spooler.sql.batch import Operation, get_meta, set_meta
from spooler.sql.cursor import Cursor
from spooler.sql.documents import SqlDocuments
from spooler.sql.errors import told
from spooler.sql.open import FileLock, inspect, migrate, reader_engine, writer_engine
from spooler.sql.read import Reader
from spooler.sql.rows import micros
from spooler.sql.spool_line import SpoolLine
from spooler.sql.spooled import into_spool
from spooler.sql.writer import ROW_BYTES, Writer
from spooler.store import Changes, Snapshot, StoreUsage


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What may be chosen about the store."""

    reserve_bytes: int | None = None  # kept free on the volume; None: 64 MiB, or 5 % of a small one
    segment_bytes: int = SEGMENT_BYTES  # a shared spool segment is closed when it is larger


_DEFAULTS = StoreSettings()
_IN_LINE_BYTES = 4 << 20  # of large documents in the writer's queue: some milliseconds of it


class SqlStore(SqlDocuments):
    """`spooler.store.Store` in a folder of the local disk. Made by `open`."""

    def __init__(
        self, path: Path, lock: FileLock, writer: Writer, reader: Reader, spool: Spool, reserve: Reserve
    ) -> None:
        super().__init__(GroupThread("store", self._commit), reader, spool)
        self._line = SpoolLine(_IN_LINE_BYTES)
        self._path = path
        self._lock = lock
        self._writer = writer
        self._reserve = reserve

    @classmethod
    async def open(cls, directory: Path, settings: StoreSettings = _DEFAULTS) -> SqlStore:
        """Open the store in `directory`, made if it is missing; blocks for the start.

        Raises:
            StoreUnavailable: another spooler has it, or it is damaged, or of a newer version, or cannot be read or
                written. The message names the file and says what to do; nothing was changed.
            SpoolFull: there is not even room to open it.
        """
        path = directory / "spooler.db"
        lock = FileLock(directory)
        with ExitStack() as opened:
            opened.callback(lock.release)
            try:
                store = cls._open_locked(path, lock, settings, opened)
            except sqlite3.Error as error:
                raise told(error, path) from error
            opened.pop_all()
            return store

    @classmethod
    def _open_locked(cls, path: Path, lock: FileLock, settings: StoreSettings, opened: ExitStack) -> SqlStore:
        version = inspect(path)
        reserve = Reserve(path.parent, settings.reserve_bytes)
        engine = writer_engine(path, reserve.reserve_bytes)
        migrate(engine, version)
        writer = Writer(engine, path, reserve)
        opened.callback(writer.close)
        reader = Reader(reader_engine(path), path)
        opened.callback(reader.close)
        spool = reader.ask_here(lambda cursor: _open_spool(cursor, path.parent / "spool", reserve, settings))
        return cls(path, lock, writer, reader, spool, reserve)

    async def load(self) -> Snapshot:
        """Return what was going on when the last spooler stopped."""

        def question(cursor: Cursor) -> Snapshot:
            jobs = sql_read.unfinished_jobs(cursor)
            waiting = {job.number for job in jobs}
            beyond = (sql_read.jobs_beyond(cursor, *one) for one in self._spool.lost.items())
            lost = sorted(waiting.intersection(number for found in beyond for number in found))
            return Snapshot(
                get_meta(cursor, "fabric_id"),
                jobs,
                sql_read.open_attempts(cursor),
                sql_printers.all_printers(cursor),
                sql_read.unfinished_uploads(cursor),
                int(get_meta(cursor, "last_number")),
                lost,
                sql_read.ports_paused(cursor),
            )

        return await self._reader.ask(question)

    async def next_epoch(self) -> int:
        """Return a number greater than any before."""

        def run(cursor: Cursor) -> int:
            epoch = int(get_meta(cursor, "epoch")) + 1
            set_meta(cursor, "epoch", str(epoch))
            return epoch

        return int(await self._write(run))

    async def usage(self) -> StoreUsage:
        """Return how full it is."""

        def question(_: Cursor) -> StoreUsage:
            database = sum(
                file.stat().st_size
                for file in self._path.parent.glob(f"{self._path.name}*")
                if file.is_file()
            )
            return StoreUsage(
                database,
                self._spool.disk_bytes(),
                self._spool.live.total(),
                self._reserve.free_bytes(),
                self._reserve.reserve_bytes,
            )

        return await self._reader.ask(question)

    async def died(self) -> NoReturn:
        """Wait until the thread that writes has died, which is no failure of a call but of this process.

        Raises:
            StoreUnavailable: it has, and why.
        """
        raise StoreUnavailable(await asyncio.shield(self._thread.dead))

    async def close(self) -> None:
        """Write what is waiting and let go of all files."""
        await self._thread.close()
        await self._spool.close()
        self._reader.close()
        self._writer.close()
        self._lock.release()

    async def accept(
        self, new_jobs: Sequence[NewJob], place: Place | None = None, told: Told | None = None
    ) -> Answers:
        """Make jobs durable; the rules are `Jobs.accept`'s."""
        kept = await self._keep_all(new_jobs)
        large = 0  # small ones never wait: they keep the order in which they came
        if not all(is_at_hand(new.document) for new in new_jobs):
            large = sum(len(one.data) for one in kept if one.to_spool)
        if not large:
            return await self._accept(new_jobs, kept, place, told)
        async with self._line.place(large):
            return await self._accept(new_jobs, kept, place, told)

    async def _accept(
        self, new_jobs: Sequence[NewJob], kept: list[Kept], place: Place | None, told: Told | None
    ) -> Answers:
        # Nothing is awaited between here and the thread's queue: what is placed first is numbered first.
        placed = [place(new) for new in new_jobs] if place is not None else new_jobs
        in_spool = any(one.extent is not None or one.upload_id or one.to_spool for one in kept)
        settle = (lambda answers: self._settle(kept, answers)) if in_spool else None
        operation = Operation(
            lambda cursor: accept(cursor, self._writer.accepting, zip(placed, kept, strict=True)),
            takes_bytes=sum(ROW_BYTES + (0 if one.to_spool else len(one.data)) for one in kept),
            settle=settle,
            kept=kept if in_spool else None,
        )
        answers: Answers = await self._thread.submit(operation, told)
        return answers

    def _commit(self, batch: Sequence[Entry[Operation]]) -> None:
        """Make a batch durable, documents before the rows that name them: the writer's thread."""
        into_spool(self._spool, batch)
        self._writer.commit(batch)

    def _recording(self, changes: Changes, *, waited: bool) -> Operation:
        def run(cursor: Cursor) -> list[Extent]:
            return sql_record.record(cursor, changes, micros(datetime.now(UTC)))

        return Operation(run, waited=waited, settle=self._release if changes.drop_documents else None)

    async def _forget(self, choose: Callable[[Cursor], list[int]]) -> int:
        def run(cursor: Cursor) -> tuple[int, list[Extent]]:
            return sql_record.remove(cursor, choose(cursor))

        def settle(result: Any) -> None:
            self._release(result and result[1])

        count, _ = await self._thread.enqueue(Operation(run, settle=settle))
        return int(count)


def _open_spool(cursor: Cursor, directory: Path, reserve: Reserve, settings: StoreSettings) -> Spool:
    return Spool.open(
        directory,
        bytes.fromhex(get_meta(cursor, "store_id")),
        [SegmentUse(*row) for row in sql_read.segments(cursor)],
        {upload.id: upload.created_at.timestamp() for upload in sql_read.unfinished_uploads(cursor)},
        reserve=reserve,
        segment_bytes=settings.segment_bytes,
    )
