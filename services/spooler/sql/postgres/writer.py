"""The one connection that writes for a member: a commit on it proves that the member had not been deposed.

When it breaks, or another has deposed it, this spooler is over: its printers may be others' by now, and a commit whose
answer was lost may be there. A new process loads what is true.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.group_commit import Entry
from spooler.sql.batch import BatchWriter, Operation
from spooler.sql.postgres import asks, members
from spooler.sql.postgres.connection import (
    REFUSED_VALUES,
    CommitUnproven,
    Connection,
    Failure,
    PostgresCursor,
    concerns_all,
    cut,
    is_deposed,
    is_race,
    on_unproven_commit,
    place_of,
    told,
)
from spooler.sql.postgres.expecting import Expected
from spooler.sql.postgres.filling import Quota
from spooler.sql.postgres.lock import locked_connection
from spooler.sql.postgres.tables import TablesInUse, prepare
from spooler.sql.postgres.telling import CHANNEL, Telling
from spooler.sql.printers import all_printers

log = logs.get(__name__)

# What the writer looks for has a key. A plan that was made for a table of one page must not read it whole when it has
# grown since, as it may by thousands of rows before the server counts them again.
BY_KEYS = "SET enable_seqscan = off"
_LOOK_S = 0.25  # how often one looks whether the member of its name is gone
# It renews its lease once a second. Who finds the same lease so often in a row, over so long a time, has been told by a server
# that answers that it has let three beats go by.
_SILENT_S, _SILENT_LOOKS = 3.5, 8
_REST_S = 3.0  # between two tries to change tables that are in use: others work on meanwhile


async def open_writer(
    url: str, name: str, wait_s: float, lease_s: float, most_bytes: int | None = None
) -> PostgresWriter:
    """Become a member of the store at `url`.

    Waited for is who has the database alone, or uses tables that a newer version has to change, for `wait_s`, and a member
    of the same name, for `lease_s` besides: it may be the last run of this very spooler. When it gives no sign of life
    meanwhile it is put out, whatever is left of its lease.

    Raises:
        StoreUnavailable: it cannot be reached, is another program's or of a newer version, or is in use, or such a member
            lives on.
    """
    where, began, said = place_of(url), time.monotonic(), False
    watched = _Watched()
    while True:
        connection = await locked_connection(url, name, wait_s, shared=True)
        silent = watched.silent(time.monotonic())
        try:
            return await asyncio.to_thread(
                PostgresWriter, connection, where, name, lease_s, most_bytes, silent
            )
        except members.NameTaken as taken:
            watched.saw(taken.last, time.monotonic())
            why = f"another {name} is on the database at {where}: give each spooler a spooler_id of its own"
            patience_s, rest_s = max(wait_s, lease_s, _SILENT_S + 1), _LOOK_S
        except TablesInUse as error:
            why, patience_s, rest_s = str(error), wait_s, _REST_S
        if time.monotonic() - began >= patience_s:
            raise StoreUnavailable(why, database=where)
        if not said:
            log.warning("stands by", why=why, database=where, spooler=name)
            said = True
        await asyncio.sleep(rest_s)


class _Watched:
    """The member of one's own name, looked at again and again."""

    def __init__(self) -> None:
        self._last: members.Beat | None = None
        self._since = 0.0
        self._looks = 0

    def saw(self, last: members.Beat, now: float) -> None:
        """Note its last sign of life."""
        if last != self._last:
            self._last, self._since, self._looks = last, now, 0
        self._looks += 1

    def silent(self, now: float) -> members.Beat | None:
        """Return its last sign of life, if it has given none for long."""
        enough = self._looks >= _SILENT_LOOKS and now - self._since >= _SILENT_S
        return self._last if enough else None


class PostgresWriter(BatchWriter):
    """The one connection that writes to the server."""

    begin = "BEGIN"
    failures = (Failure, *REFUSED_VALUES)
    accepting: Expected
    _cursor: PostgresCursor

    def __init__(
        self,
        connection: Connection,
        where: str,
        name: str = "",
        lease_s: float = 10.0,
        most_bytes: int | None = None,
        silent: members.Beat | None = None,
    ) -> None:
        """Bring the tables up to date, and become a member.

        connection: shares the lock; closed with the writer.
        where: the database, without password, for messages.
        name: the member's, for people.
        lease_s: how long it may be silent.
        most_bytes: that documents may take; None: whatever the server has.
        silent: see `members.join`.

        Raises:
            StoreUnavailable: another program's database, or of a newer version.
            NameTaken: a member of this name lives.
            TablesInUse: see `prepare`.
        """
        self.on_lost: Callable[[str], object] = lambda _why: None
        self._lost: FabricError | None = None
        self._unproven = ""  # what the server says of a commit that its standby may not have
        self._connection = connection
        self.quota = Quota(most_bytes, where)
        on_unproven_commit(connection, self._doubt)
        cursor = PostgresCursor(connection)
        try:
            prepare(cursor, where)
            cursor.execute(BY_KEYS)
            self.me = members.join(cursor, name, lease_s, silent)
            self.telling = Telling(self.me)
            super().__init__(cursor, where)
        except Failure as error:
            connection.close()
            raise told(error, where) from error
        except (FabricError, members.NameTaken, TablesInUse):
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
        with suppress(Failure):
            self._connection.close()

    def cut(self) -> None:
        """Let what is under way fail, as if the server were gone; from any thread. This member is over."""
        cut(self._connection)

    def _doubt(self, words: str) -> None:
        self._unproven = words

    def _accept_state(self) -> Expected:
        return Expected(0, {})

    def _transaction(self, todo: Sequence[Entry[Operation]]) -> None:
        with self._cursor.pipelined():
            super()._transaction(todo)
        if self._unproven:
            raise CommitUnproven(self._unproven)

    def _begin(self, todo: Sequence[Entry[Operation]]) -> None:
        self.telling.clear()
        self._cursor.execute(self.begin)
        members.stay(self._cursor, self.me)
        wanted = [new for entry in todo for new in entry.work.accepts]
        if wanted:
            self.accepting.expect(wanted, self._ask)

    def _ask(self, question: str, parameters: Sequence[Any]) -> Iterable[Any]:
        """Send a question; what is returned waits for its answer."""
        return PostgresCursor(self._connection).execute(question, parameters)

    def _end(self) -> None:
        self._tell()
        self._cursor.execute("COMMIT")

    def _tell(self) -> None:
        for text in self.telling.texts():
            self._cursor.execute("SELECT pg_notify(?, ?)", (CHANNEL, text))

    def _refuse(self, batch: Sequence[Entry[Operation]]) -> None:
        for entry in batch:
            entry.error = self._lost or self._no_room_for(entry.work)

    def _no_room_for(self, work: Operation) -> FabricError | None:
        with suppress(Failure):  # the transaction that follows will tell
            return self.quota.refusal(self._cursor, work.takes_bytes) if work.takes_bytes else None
        return None

    def _concerns_all(self, error: Exception) -> bool:
        return concerns_all(error)

    def _told(self, error: Exception) -> FabricError:
        if is_deposed(error):
            return StoreUnavailable(
                f"the others at {self.where} have not heard of this spooler for its lease, and have taken its printers",
                database=self.where,
            )
        return told(error, self.where)

    def _after_failure(self, todo: Sequence[Entry[Operation]], error: Exception) -> None:
        if self._connection.closed or is_deposed(error) or isinstance(error, CommitUnproven):
            self._lose(todo, error)
            return
        try:
            if len(todo) == 1 and is_race(error):
                self._once_more(todo)
            else:
                super()._after_failure(todo, error)
        except Failure as worse:  # not even a rollback is answered
            self._lose(todo, worse)

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
