"""What has to be known to accept a batch of jobs, asked for all of them at once: others write there, too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from spooler.new_job import NewJob
from spooler.sql.accept import AcceptState
from spooler.sql.cursor import Cursor
from spooler.sql.postgres.clock import CLOCK_MS
from spooler.sql.printers import PENDING_DELETION
from spooler.sql.rows import JOB_READ
from spooler.sql.schema import jobs, sql
from spooler.sql.uid_time import ms_of

# Numbers, and in the same way to the server and back its clock, and the newest uid that is committed.
_NUMBERS = f"""
    SELECT nextval('job_numbers'), {CLOCK_MS}, (SELECT uid FROM jobs ORDER BY uid DESC LIMIT 1)
    FROM generate_series(1, ?)
"""  # noqa: S608 - made of constants
# A printer that somebody deletes now is waited for; one that jobs come for now is not deleted meanwhile. The flag is
# looked for as it is written: PostgreSQL reads no JSON in which any text has a NUL. Nowhere else can this stand: a
# quotation mark within a text has a backslash before it, and what a printer has by free names are texts, no flags.
_PRINTERS = f"""
    SELECT name, strpos(body, '{PENDING_DELETION}') > 0 FROM printers WHERE name = ANY(?) ORDER BY name FOR KEY SHARE
"""  # noqa: S608 - made of constants
_EARLIER = f"""
    SELECT asked.o, asked.r, found.* FROM unnest(?::text[], ?::text[]) AS asked(o, r)
    CROSS JOIN LATERAL ({sql(select(jobs.c.fingerprint, *JOB_READ))} WHERE owner = o AND request_id = r LIMIT 1) AS found
"""  # noqa: S608 - made of constants

Ask = Callable[[str, Sequence[Any]], Iterable[Any]]


@dataclass(slots=True)
class Expected(AcceptState):
    """What is known for one batch. Numbers that it does not need are given to nobody."""

    given: deque[int] = field(default_factory=deque)
    clock_ms: int = 0  # of the server
    # Jobs that requests of the batch had made before it, and requests that had made none.
    known: dict[tuple[str, str], Sequence[Any]] = field(default_factory=dict)
    unseen: set[tuple[str, str]] = field(default_factory=set)

    def expect(self, wanted: Sequence[NewJob], ask: Ask) -> None:
        """Get ready to accept jobs. What `ask` returns is not looked at before all has been asked."""
        names = sorted({new.printer for new in wanted})
        requests = {(new.owner, new.request_id) for new in wanted if new.request_id}
        numbers = ask(_NUMBERS, (len(wanted),))
        pending = ask(_PRINTERS, (names,))
        earlier = ask(_EARLIER, [list(part) for part in zip(*requests, strict=True)]) if requests else ()
        rows = list(numbers)
        self.given = deque(number for number, _, _ in rows)
        _, self.clock_ms, newest = rows[0]
        if newest is not None:
            self.newest_ms = max(self.newest_ms, ms_of(newest))
        for name in names:
            self.printers.pop(name, None)
        self.printers.update(pending)
        self.known = {(owner, request_id): row for owner, request_id, *row in earlier}
        self.unseen = requests - self.known.keys()

    def uid_ms(self, now_ms: int) -> int:
        """Return the time for the uids of new jobs: by the server's clock."""
        return AcceptState.uid_ms(self, self.clock_ms)

    def next_number(self) -> int:
        """Return the number of a new job."""
        return self.given.popleft()

    def earlier(self, cursor: Cursor, new: NewJob) -> Sequence[Any] | None:
        """Return the fingerprint and the job of the same request, if it made one."""
        request = (new.owner, new.request_id)
        if request in self.known:
            return self.known[request]
        if request in self.unseen:
            self.unseen.remove(request)  # whoever repeats it in this batch asks the database
            return None
        return AcceptState.earlier(self, cursor, new)
