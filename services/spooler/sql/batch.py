"""Batches of operations in one transaction each, whatever the engine: one fsync for many callers, each its own answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import bindparam, select, update

from chassis import logs
from chassis.errors import FabricError
from spooler.group_commit import Entry
from spooler.new_job import NewJob
from spooler.printer import Printer
from spooler.refusal import of_one
from spooler.sql.accept import AcceptState, Kept
from spooler.sql.cursor import Cursor
from spooler.sql.schema import meta, sql
from spooler.sql.uid_time import newest_ms

log = logs.get(__name__)

_GET = sql(select(meta.c.value).where(meta.c.key == bindparam("key")))
_SET = sql(update(meta).values(value=bindparam("value")).where(meta.c.key == bindparam("k")))


def get_meta(cursor: Cursor, key: str) -> str:
    """Return one of the store's own values."""
    return str(cursor.execute(_GET, (key,)).fetchone()[0])


def set_meta(cursor: Cursor, key: str, value: str) -> None:
    """Change one of the store's own values."""
    cursor.execute(_SET, (value, key))


@dataclass(slots=True)
class Operation:
    """One caller's work: `run` in a transaction, raising a FabricError only before it has written anything."""

    run: Callable[[Cursor], Any]
    takes_bytes: int = 0  # refused if these would touch the reserve; what ends jobs takes none
    printer: str = ""  # changes this printer, and returns it, or None if it is gone
    accepts: Sequence[NewJob] = ()
    waited: bool = True  # tried again later if nobody waits for it
    settle: Callable[[Any], None] | None = None  # told the result once it is durable, or None if it failed
    kept: list[Kept] | None = None  # documents: what has to lie in the spool is put there before `run`


class BatchWriter(ABC):
    """The handler of a GroupThread: what it does is done on that thread only.

    begin: the statement that begins a transaction.
    failures: what the driver raises, for its own trouble or for a value that cannot be stored.
    """

    begin: ClassVar[str]
    failures: ClassVar[tuple[type[Exception], ...]]

    def __init__(self, cursor: Cursor, where: str) -> None:
        """Read what acceptance needs to know. `where` names the database in messages."""
        self.where = where
        self._cursor = cursor
        self.accepting = self._accept_state()
        self._load_printers()

    def _accept_state(self) -> AcceptState:
        return AcceptState(int(get_meta(self._cursor, "last_number")), {}, newest_ms(self._cursor))

    def commit(self, batch: Sequence[Entry[Operation]]) -> None:
        """Run a batch in one transaction. If one operation spoils it, the others are tried without it."""
        self._refuse(batch)
        todo = [entry for entry in batch if entry.error is None]
        try:
            if todo:
                self._transaction(todo)
        except Exception as error:  # noqa: BLE001 - a bug, too: nothing of it may be left in the transaction
            self._after_failure(todo, error)
        for entry in batch:
            if entry.work.settle is not None:
                self._settle(entry, entry.work.settle)

    @abstractmethod
    def _refuse(self, batch: Sequence[Entry[Operation]]) -> None:
        """Set the error of operations that cannot be run now."""

    @abstractmethod
    def _roll_back(self) -> None:
        """End a transaction that failed, and call `_load_printers`: what it remembered is not true."""

    @abstractmethod
    def _load_printers(self) -> None:
        """Set `accepting.printers` to what is stored."""

    @abstractmethod
    def _concerns_all(self, error: Exception) -> bool:
        """Return whether the store failed, rather than one operation of a batch."""

    @abstractmethod
    def _told(self, error: Exception) -> FabricError:
        """Return what callers are told."""

    def _transaction(self, todo: Sequence[Entry[Operation]]) -> None:
        cursor = self._cursor
        last_number = self.accepting.last_number
        self._begin(todo)
        for entry in todo:
            try:
                entry.result = entry.work.run(cursor)
            except FabricError as error:
                entry.error = error
            else:
                if entry.work.printer:
                    self._remember(entry.work.printer, entry.result)
        if self.accepting.last_number != last_number:
            set_meta(cursor, "last_number", str(self.accepting.last_number))
        self._end()

    def _begin(self, _todo: Sequence[Entry[Operation]]) -> None:
        self._cursor.execute(self.begin)

    def _end(self) -> None:
        self._cursor.execute("COMMIT")

    def _after_failure(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        """Fail all if the store failed; else try halves, and halves of these, so that only what spoiled the batch fails."""
        self._roll_back()  # the numbers given stay given; gaps do no harm
        if len(todo) == 1 or self._concerns_all(error):
            self._fail(todo, error)
            return
        middle = len(todo) // 2
        for half in (todo[:middle], todo[middle:]):
            for entry in half:
                entry.error = entry.result = None
            try:
                self._transaction(half)
            except Exception as again:  # noqa: BLE001 - a bug, too: the half before it is committed
                self._after_failure(half, again)

    def _fail(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        answer = self._told(error) if self._concerns_all(error) else of_one(self._told(error))
        bug = None if isinstance(error, self.failures) else error
        log.error(
            "commit failed", database=self.where, error=answer.message, operations=len(todo), exc_info=bug
        )
        for entry in todo:
            entry.error = answer
            entry.retry = not entry.work.waited and self._concerns_all(error)

    def _settle(self, entry: Entry[Operation], settle: Callable[[Any], None]) -> None:
        """What is committed stays told as it is, and the others are settled, whatever becomes of one."""
        try:
            settle(entry.result if entry.error is None else None)
        except Exception as error:
            log.exception("what follows a commit failed", database=self.where, error=repr(error))

    def _remember(self, name: str, printer: Printer | None) -> None:
        """Let the operations that follow, in this batch too, know of a printer's change."""
        if printer is None:
            self.accepting.printers.pop(name, None)
        else:
            self.accepting.printers[name] = printer.pending_deletion
