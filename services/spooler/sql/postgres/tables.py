"""The tables in PostgreSQL: those of `spooler.sql.schema`, and chunks of documents. Made when there are none.

Spoolers of two versions share a database while they are replaced one by one, and after a way back. So a step only adds:
columns with a default, tables, indexes. Statements name their columns, and see nothing of it. A step that cannot do so
raises `LEAST`: older spoolers are refused then.

A step waits for nobody who reads or writes for long, as a backup does: all others would wait behind it. It gives up after a
moment, and is tried again.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Index, Integer, LargeBinary, Table

from chassis.errors import StoreUnavailable
from spooler.sql.postgres import asks, filling, members
from spooler.sql.postgres.connection import Failure, PostgresCursor, is_locked
from spooler.sql.schema import SPARE, metadata

VERSION = 4  # of these tables; steps from one to the next are in `_STEPS`
LEAST = 4  # the oldest version whose spoolers work with these tables
CHUNK_BYTES = 256 * 1024  # of a document in one row, at most

# Documents that are larger than a row should be. `document` numbers them; a job's is named by its row in
# spooled_documents, whose `segment` it is, an upload's by its row in upload_documents.
_CHUNKS = (
    "CREATE SEQUENCE documents",
    """CREATE TABLE document_chunks (
        document BIGINT NOT NULL, at BIGINT NOT NULL, data BYTEA NOT NULL, PRIMARY KEY (document, at)
    )""",
    # Labels and pages in printers' languages are often compressed already; time is better spent elsewhere.
    "ALTER TABLE document_chunks ALTER COLUMN data SET STORAGE EXTERNAL",
    """CREATE TABLE upload_documents (
        upload_id BYTEA PRIMARY KEY, document BIGINT NOT NULL, size_bytes BIGINT NOT NULL, touched_at BIGINT NOT NULL
    )""",
    # Names of hosts and ports compare whatever their case. Unquoted, as the statements write it.
    "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
)
# What databases of this version may lack. It needs no version: a spooler that does not know it keeps it.
# An index that is there is not made again: to look whether it is would lock the table.
_LATER = {"jobs_spare": f"CREATE INDEX jobs_spare ON jobs (number) WHERE {SPARE}"}
# Numbers of jobs: of one who is answered before another sends, the lower, whichever replica answers.
FIRST_NUMBER = "SELECT setval('job_numbers', value::bigint) FROM meta WHERE key = 'last_number'"
_SHARED = (
    *members.TABLES,
    *asks.TABLES,
    "CREATE SEQUENCE job_numbers MINVALUE 0 START 0",
    FIRST_NUMBER,
)
# As SQLite's 0004. Tables that are made anew have all of it.
_DECISIONS = (
    "ALTER TABLE history ADD COLUMN IF NOT EXISTS decision BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE history ADD COLUMN IF NOT EXISTS decided_bytes BIGINT NOT NULL DEFAULT 0",
    """UPDATE history SET decision = known.n, decided_bytes = known.b FROM (
        SELECT id AS i, row_number() OVER (ORDER BY id) AS n,
            sum(64 + length(what) + length(who) + length(detail) + length(printer)) OVER (ORDER BY id) AS b
        FROM history WHERE who NOT IN ('', 'spooler')
    ) AS known WHERE history.id = known.i""",
    "DROP INDEX IF EXISTS history_of_things",
    "CREATE INDEX history_of_things ON history (at) WHERE job_number = 0 AND decision = 0",
    "CREATE INDEX IF NOT EXISTS history_decisions ON history (decision) WHERE decision > 0",
)
_STEPS: dict[int, tuple[str, ...]] = {
    1: _SHARED,
    2: _DECISIONS,
    3: filling.TABLES,
}  # version -> the statements that lead to the next
_FOR = """INSERT INTO meta (key, value) VALUES ('tables_for', ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value"""
_PREPARING = 0x50465352  # held while the tables are looked at and changed
_PATIENTLY = "SET LOCAL lock_timeout = '1s'"  # for so long, once in a while, others may wait behind a step
_LONGEST = """
    SELECT coalesce(nullif(application_name, ''), 'somebody'), pid, extract(epoch FROM now() - xact_start)::bigint
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 1
"""


class TablesInUse(Exception):
    """Somebody has used a table for too long for it to be changed now."""


def prepare(cursor: PostgresCursor, where: str) -> None:
    """Bring the tables to VERSION, in one transaction; one spooler at a time. Newer ones stay as they are.

    Raises:
        StoreUnavailable: they are of a version too new for this one, or of another program.
        TablesInUse: nothing was changed.
    """
    try:
        _prepare(cursor, where)
    except Failure as error:
        if not is_locked(error):
            raise
        cursor.execute("ROLLBACK")
        longest = cursor.execute(_LONGEST).fetchone()
        who = (
            "{} (process {}) has had a transaction open for {} s".format(*longest)
            if longest
            else "it is over"
        )
        raise TablesInUse(
            f"the tables of the database at {where} cannot be changed while others use them: {who}"
        ) from error


def _prepare(cursor: PostgresCursor, where: str) -> None:
    cursor.execute("BEGIN")
    cursor.execute(_PATIENTLY)
    cursor.execute("SELECT pg_advisory_xact_lock(?)", (_PREPARING,))
    found = _version(cursor, where)
    if found > VERSION:
        cursor.execute("COMMIT")
        return
    if found == 0:
        for statement in (*_CHUNKS, *_created()):
            cursor.execute(statement)
        first = {
            "fabric_id": uuid4().hex,
            "store_id": secrets.token_hex(16),
            "epoch": "0",
            "last_number": "0",
        }
        for key, value in (*first.items(), ("tables", "1")):
            cursor.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
    for version in range(found or 1, VERSION):
        for statement in _STEPS[version]:
            cursor.execute(statement)
        cursor.execute("UPDATE meta SET value = ? WHERE key = 'tables'", (str(version + 1),))
    cursor.execute(_FOR, (str(LEAST),))
    for name, statement in _LATER.items():
        if cursor.execute("SELECT to_regclass(?)", (name,)).fetchone() == (None,):
            cursor.execute(statement)
    for statement in members.FUNCTIONS:
        cursor.execute(statement)
    cursor.execute("COMMIT")


def _version(cursor: PostgresCursor, where: str) -> int:
    names = {
        name
        for (name,) in cursor.execute(
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        )
    }
    if not names & set(metadata.tables):
        return 0
    said = dict(cursor.execute("SELECT key, value FROM meta")) if "meta" in names else {}
    if "tables" not in said:
        raise StoreUnavailable(
            f"the database at {where} belongs to another program; give the spooler its own"
        )
    found = int(said["tables"])
    if found > VERSION and int(said.get("tables_for", found)) > VERSION:
        raise StoreUnavailable(
            f"the database at {where} was made by a newer version (tables {found}, this one knows {VERSION})"
        )
    return found


def _created() -> list[str]:
    """Return the statements that make the tables of the common schema."""
    made = []
    for table in metadata.sorted_tables:
        rows = [_column(column) for column in table.columns]
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
        made.append(f"CREATE TABLE {table.name} ({', '.join(rows)}, PRIMARY KEY ({keys}))")
        made += [_index(table, index) for index in table.indexes]
    return made


def _column(column: Column[Any]) -> str:
    kind = "BIGINT" if isinstance(column.type, Integer) else "TEXT"
    if isinstance(column.type, LargeBinary):
        kind = "BYTEA"
    elif kind == "TEXT" and column.primary_key:
        kind = 'TEXT COLLATE "C"'  # sorted by bytes, as in SQLite
    own = (
        " GENERATED BY DEFAULT AS IDENTITY" if column.table.name == "history" and column.name == "id" else ""
    )
    return f'"{column.name}" {kind}{own}{"" if column.nullable else " NOT NULL"}{" UNIQUE" if column.unique else ""}'


def _index(table: Table, index: Index) -> str:
    parts = ", ".join(
        f'"{part.name}"' if isinstance(part, Column) else str(part) for part in index.expressions
    )
    where = index.dialect_options["sqlite"]["where"]
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX {index.name} ON {table.name} ({parts}){'' if where is None else f' WHERE {where}'}"
