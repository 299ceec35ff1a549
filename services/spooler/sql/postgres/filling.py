"""How full the database is, and how full it may be: what documents take is counted as they come and go."""

from __future__ import annotations

import time

from chassis.errors import SpoolFull
from spooler.sql.cursor import Cursor
from spooler.store import StoreUsage

COUNTED_ANEW = (
    "DELETE FROM document_bytes",
    "INSERT INTO document_bytes SELECT 0, coalesce(sum(length), 0) FROM spooled_documents",
)
# One sum in several rows, so that spoolers seldom wait for each other; counted in the transaction that changes it.
# A document's length never changes. The locks of the triggers keep others from writing documents until all is counted.
TABLES = (
    "CREATE TABLE IF NOT EXISTS document_bytes (part INTEGER PRIMARY KEY, bytes BIGINT NOT NULL)",
    """CREATE OR REPLACE FUNCTION count_document_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE more BIGINT;
        BEGIN
            SELECT coalesce(sum(length), 0) INTO more FROM changed;
            IF TG_OP = 'DELETE' THEN more := -more; END IF;
            IF more <> 0 THEN
                INSERT INTO document_bytes AS counted (part, bytes) VALUES (mod(pg_backend_pid(), 32), more)
                ON CONFLICT (part) DO UPDATE SET bytes = counted.bytes + EXCLUDED.bytes;
            END IF;
            RETURN NULL;
        END $$""",
    "DROP TRIGGER IF EXISTS documents_came ON spooled_documents",
    "DROP TRIGGER IF EXISTS documents_went ON spooled_documents",
    """CREATE TRIGGER documents_came AFTER INSERT ON spooled_documents
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_document_bytes()""",
    """CREATE TRIGGER documents_went AFTER DELETE ON spooled_documents
        REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_document_bytes()""",
    *COUNTED_ANEW,
)
# Who brings a whole store in one transaction counts at its end: a row that is changed there a million times gets slow.
COUNTING = "ALTER TABLE spooled_documents ENABLE TRIGGER USER"
NOT_COUNTING = "ALTER TABLE spooled_documents DISABLE TRIGGER USER"
# What documents take of a quota. Uploads that have not ended are few.
TAKEN = """
    SELECT (SELECT coalesce(sum(bytes), 0)::bigint FROM document_bytes)
        + (SELECT coalesce(sum(size_bytes), 0)::bigint FROM upload_documents),
        pg_total_relation_size('inline_documents')
"""
# The size of a whole database is a look at each of its files, a millisecond where it is empty: not for whoever waits for an answer.
SIZES = "SELECT pg_database_size(current_database()), pg_total_relation_size('document_chunks')"
_ENDLESS = 1 << 62  # how much room there is, the server does not say
_MOST_RESERVE_BYTES = 64 << 20
_SHARE = 20  # one part in twenty of a small quota is the reserve
# For so long nobody looks again; what others that share the database take meanwhile is seen late.
_LOOK_S = 1.0


class Quota:
    """How many bytes documents may take. Small ones count by the pages of their table, which a server seldom gives back.

    most_bytes: None: whatever the server has.
    where: the database, for messages.
    """

    def __init__(self, most_bytes: int | None, where: str) -> None:
        self._most_bytes = most_bytes
        self._reserve_bytes = 0 if most_bytes is None else min(_MOST_RESERVE_BYTES, most_bytes // _SHARE)
        self._where = where
        self._left = 0
        self._looked_at = float("-inf")

    def usage(self, cursor: Cursor) -> StoreUsage:
        """Return how full it is. Takes as long with a million documents as with none."""
        database, documents = cursor.execute(SIZES).fetchone()
        needed, free = self._taken(cursor)
        return StoreUsage(database, documents, needed, free, self._reserve_bytes)

    def _taken(self, cursor: Cursor) -> tuple[int, int]:
        """Return the bytes that documents need, and those that are free."""
        needed, small = cursor.execute(TAKEN).fetchone()
        return needed, _ENDLESS if self._most_bytes is None else max(self._most_bytes - needed - small, 0)

    def refusal(self, cursor: Cursor, wanted_bytes: int) -> SpoolFull | None:
        """Return why there is no room for so many bytes more; None: there is, and it is taken. On the writer's thread."""
        if self._most_bytes is None:
            return None
        if wanted_bytes > self._left or time.monotonic() - self._looked_at > _LOOK_S:
            self._left = self._taken(cursor)[1] - self._reserve_bytes
            self._looked_at = time.monotonic()
        if wanted_bytes <= self._left:
            self._left -= wanted_bytes
            return None
        free = self._left + self._reserve_bytes
        return SpoolFull(
            f"the database at {self._where} is full: documents may take {self._most_bytes} bytes (database_bytes), "
            f"{free} are free, {self._reserve_bytes} of them kept in reserve",
            database=self._where,
            free_bytes=free,
            reserve_bytes=self._reserve_bytes,
            wanted_bytes=wanted_bytes,
        )
