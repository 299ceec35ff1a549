"""The one connection that writes for a member: a commit on it proves that the member had not been deposed.

When it breaks, or another has deposed it, this spooler is over: its printers may be others' by now, and a commit whose
answer was lost may be there. A new process loads what is true.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.group_commit import Entry
from spooler.sql.accept import AcceptState
from spooler.sql.batch import BatchWriter, Operation
from spooler.sql.postgres import asks, members
from spooler.sql.postgres.clock import CLOCK_MS
from spooler.sql.postgres.connection import (
    REFUSED_VALUES,
    Connection,
    Failure,
    PostgresCursor,
    concerns_all,
    is_race,
    told,
)
from spooler.sql.postgres.tables import prepare
from spooler.sql.postgres.telling import CHANNEL, Telling
from spooler.sql.printers import all_printers, printer_of_text
from spooler.sql.uid_time import ms_of

log = logs.get(__name__)

# Numbers, and in the same way to the server and back its clock, and the newest uid that is committed.
_NUMBERS = f"""
    SELECT nextval('job_numbers'), {CLOCK_MS}, (SELECT uid FROM jobs ORDER BY number DESC LIMIT 1)
    FROM generate_series(1, ?)
"""  # noqa: S608 - made of constants
# A printer that somebody deletes now is waited for; one that jobs come for now is not deleted meanwhile.
_PRINTERS = "SELECT name, body, revision FROM printers WHERE name = ANY(?) ORDER BY name FOR KEY SHARE"


class Deposed(Exception):
    """This member is none any more."""


@dataclass(slots=True)
class SharedNumbers(AcceptState):
    """Numbers come from the database, as many as a batch may need; what it does not need is given to nobody."""

    given: deque[int] = field(default_factory=deque)
    clock_ms: int = 0  # of the server

    def uid_ms(self, now_ms: int) -> int:
        """Return the time for the uids of new jobs: by the server's clock."""
        return AcceptState.uid_ms(self, self.clock_ms)

    def next_number(self) -> int:
        """Return the number of a new job."""
        return self.given.popleft()


class PostgresWriter(BatchWriter):
    """The one connection that writes to the server."""

    begin = "BEGIN"
    failures = (Failure, Deposed, *REFUSED_VALUES)
    accepting: SharedNumbers

    def __init__(self, connection: Connection, where: str, name: str = "", lease_s: float = 10.0) -> None:
        """Bring the tables up to date, and become a member.

        connection: shares the lock; closed with the writer.
        where: the database, without password, for messages.
        name: the member's, for people.
        lease_s: how long it may be silent.

        Raises:
            StoreUnavailable: another program's database, or of a newer version.
        """
        self.on_lost: Callable[[str], object] = lambda _why: None
        self._lost: FabricError | None = None
        self._connection = connection
        cursor = PostgresCursor(connection.cursor())
        try:
            prepare(cursor, where)
            self.me = members.join(cursor, name, lease_s)
            self.telling = Telling(self.me)
            super().__init__(cursor, where)
        except Failure as error:
            connection.close()
            raise told(error, where) from error
        except FabricError:
            connection.close()
            raise

    def close(self) -> None:
        """Be a member no more, and close the connection."""
        with suppress(Failure):
            if self._lost is None:
                with self._connection.transaction():
                    asks.forget_of(self._cursor, self.me)
                    members.remove(self._cursor, self.me)
                    self.telling.clear()
                    self.telling.owners = True
                    self._tell()
            self._connection.close()

    def _accept_state(self) -> SharedNumbers:
        return SharedNumbers(0, {})

    def _begin(self, todo: Sequence[Entry[Operation]]) -> None:
        self.telling.clear()
        self._cursor.execute(self.begin)
        if not members.is_member(self._cursor, self.me):
            raise Deposed(f"member {self.me}")
        wanted = [new for entry in todo for new in entry.work.accepts]
        if wanted:
            self._expect({new.printer for new in wanted}, len(wanted))

    def _expect(self, printers: set[str], jobs: int) -> None:
        """Get ready to accept jobs for printers, as they are now: others change them too."""
        rows = list(self._cursor.execute(_NUMBERS, (jobs,)))
        self.accepting.given = deque(number for number, _, _ in rows)
        _, self.accepting.clock_ms, newest = rows[0]
        if newest is not None:
            self.accepting.uid_ms(ms_of(newest))
        for name in printers:
            self.accepting.printers.pop(name, None)
        for name, body, revision in self._cursor.execute(_PRINTERS, (sorted(printers),)):
            self.accepting.printers[name] = printer_of_text(body, revision).pending_deletion

    def _end(self) -> None:
        self._tell()
        self._cursor.execute("COMMIT")

    def _tell(self) -> None:
        for text in self.telling.texts():
            self._cursor.execute("SELECT pg_notify(?, ?)", (CHANNEL, text))

    def _refuse(self, batch: Sequence[Entry[Operation]]) -> None:
        for entry in batch if self._lost is not None else ():
            entry.error = self._lost

    def _concerns_all(self, error: Exception) -> bool:
        return concerns_all(error)

    def _told(self, error: Exception) -> FabricError:
        if isinstance(error, Deposed):
            return StoreUnavailable(
                f"the others at {self.where} have not heard of this spooler for its lease, and have taken its printers",
                database=self.where,
            )
        return told(error, self.where)

    def _after_failure(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        if self._connection.broken or self._connection.closed or isinstance(error, Deposed):
            self._lose(todo, error)
        elif len(todo) == 1 and is_race(error):
            self._once_more(todo)
        else:
            super()._after_failure(todo, error)

    def _once_more(self, todo: Sequence[Entry[Operation]]) -> None:
        """Another member was faster: now its rows are seen."""
        self._roll_back()
        try:
            self._transaction(todo)
        except self.failures as again:
            if is_race(again):
                self._roll_back()
                self._fail(todo, again)
            else:
                self._after_failure(todo, again)

    def _lose(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        self._lost = self._told(error)
        log.error("database lost", database=self.where, error=self._lost.message)
        for entry in todo:
            entry.error = self._lost
        self.on_lost(self._lost.message)

    def _roll_back(self) -> None:
        self._cursor.execute("ROLLBACK")
        self._load_printers()

    def _load_printers(self) -> None:
        self.accepting.printers = {one.name: one.pending_deletion for one in all_printers(self._cursor)}
