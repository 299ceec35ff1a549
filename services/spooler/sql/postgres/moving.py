"""A store moved from SQLite into PostgreSQL: all of it in one transaction, compared row by row before its commit.

Unfinished uploads stay behind: what came of them was never accepted, and their senders begin again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from sqlalchemy import Table, insert

from chassis import logs
from chassis.errors import DocumentLost, FabricError, StoreUnavailable
from spooler.spool.record import Extent
from spooler.sql.at_rest import StoreAtRest, ordered
from spooler.sql.batch import get_meta
from spooler.sql.postgres import chunks
from spooler.sql.postgres.connection import Connection, Failure, PostgresCursor, told
from spooler.sql.postgres.filling import COUNTED_ANEW, COUNTING, NOT_COUNTING
from spooler.sql.postgres.tables import FIRST_NUMBER, TablesInUse, prepare
from spooler.sql.schema import history, inline_documents, meta, metadata, spooled_documents, sql, uploads

log = logs.get(__name__)

_ROWS = 1000  # in one statement
_AS_THEY_ARE = [table for table in metadata.sorted_tables if table not in (meta, uploads, spooled_documents)]
_JOB_DIGEST = "SELECT digest FROM jobs WHERE number = ?"


class Moved(NamedTuple):
    """What was moved."""

    rows: dict[str, int]  # by table
    document_bytes: int  # of documents that lie outside of their rows
    before: bool  # this store had been moved by an earlier run already


def move(source: StoreAtRest, connection: Connection, where: str) -> Moved:
    """Copy a store into a database without jobs, printers or history of its own.

    connection: holds the database's lock.
    where: the database, without password, for messages.

    Raises:
        StoreUnavailable: the database has something, or fails, or what arrived is not what was sent.
        DocumentLost: a document is damaged in the old store; nothing was moved.
    """
    cursor = PostgresCursor(connection)
    try:
        prepare(cursor, where)
        cursor.execute("BEGIN")
        if get_meta(cursor, "store_id") == source.store_id:
            cursor.execute("ROLLBACK")
            return Moved({}, 0, before=True)
        _refuse_unless_empty(cursor, where)
        moved = _copy(source, cursor)
        _compare(source, cursor, where)
        cursor.execute("COMMIT")
    except TablesInUse as error:
        raise StoreUnavailable(str(error), database=where) from error
    except Failure as error:
        raise told(error, where) from error
    return moved


def _refuse_unless_empty(cursor: PostgresCursor, where: str) -> None:
    for table in metadata.sorted_tables:
        condition = " WHERE key LIKE 'note %'" if table is meta else ""
        if cursor.execute(f"SELECT 1 FROM {table.name}{condition} LIMIT 1").fetchone():  # noqa: S608 - our own names
            raise StoreUnavailable(
                f"the database at {where} is not empty: it has {table.name}; nothing was moved",
                database=where,
                table=table.name,
            )


def _copy(source: StoreAtRest, cursor: PostgresCursor) -> Moved:
    rows: dict[str, int] = {}
    cursor.execute("DELETE FROM meta WHERE key != 'tables'")
    for table in (meta, *_AS_THEY_ARE):
        add = sql(insert(table))
        rows[table.name] = 0
        for batch in _batches(source.rows(table)):
            cursor.executemany(add, batch)
            rows[table.name] += len(batch)
        log.info("rows moved", table=table.name, rows=rows[table.name])
    cursor.execute(
        f"SELECT setval(pg_get_serial_sequence('{history.name}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM history), false)"  # noqa: S608
    )
    cursor.execute(FIRST_NUMBER)
    cursor.execute(NOT_COUNTING)
    add = sql(insert(spooled_documents))
    rows[spooled_documents.name] = moved_bytes = 0
    for number, *extent in source.rows(spooled_documents):
        document = chunks.new_document(cursor)
        cursor.execute(add, (number, *_put(source, cursor, document, number, Extent(*extent))))
        rows[spooled_documents.name] += 1
        moved_bytes += extent[-1]
    for statement in (COUNTING, *COUNTED_ANEW):
        cursor.execute(statement)
    log.info("documents moved", documents=rows[spooled_documents.name], bytes=moved_bytes)
    return Moved(rows, moved_bytes, before=False)


def _put(source: StoreAtRest, cursor: PostgresCursor, document: int, number: int, extent: Extent) -> Extent:
    """Copy a document; what was damaged on the old disk must not be called whole here."""
    digest, at = hashlib.sha256(), 0
    try:
        for piece in source.document(extent):
            digest.update(piece)
            chunks.put(cursor, document, at, piece)
            at += len(piece)
    except DocumentLost as error:
        raise _damaged(number, error.message) from error
    if digest.digest() != _digest(cursor, number):
        raise _damaged(number, "it is not what was accepted")
    return Extent(document, 0, extent.length)


def _damaged(number: int, why: str) -> DocumentLost:
    return DocumentLost(
        f"the document of job {number} is damaged in the old store: {why}; cancel or purge that job first",
        job=number,
    )


def _digest(cursor: PostgresCursor, number: int) -> bytes:
    return bytes(cursor.execute(_JOB_DIGEST, (number,)).fetchone()[0])


def _compare(source: StoreAtRest, cursor: PostgresCursor, where: str) -> None:
    """Read everything back. Raises StoreUnavailable."""
    for table in _AS_THEY_ARE:
        for one, other in zip_longest(source.rows(table), _read_back(cursor, table)):
            if one != other:
                raise _differs(where, f"table {table.name}")
    wrong = cursor.execute(
        f"SELECT job_number FROM {inline_documents.name} JOIN jobs ON jobs.number = job_number"  # noqa: S608
        " WHERE sha256(data) != digest LIMIT 1"
    ).fetchone()
    if wrong:
        raise _differs(where, f"the document of job {wrong[0]}")
    arrived = list(_read_back(cursor, spooled_documents))
    if [(row[0], row[3]) for row in arrived] != [(row[0], row[3]) for row in source.rows(spooled_documents)]:
        raise _differs(where, "the list of documents")
    for number, *extent in arrived:
        if chunks.digest(cursor, Extent(*extent)) != _digest(cursor, number):
            raise _differs(where, f"the document of job {number}")
    log.info("compared", database=where)


def _read_back(cursor: PostgresCursor, table: Table) -> Iterator[tuple[Any, ...]]:
    cursor.execute(f"DECLARE arrived CURSOR FOR {ordered(table)}")
    try:
        while rows := cursor.execute(f"FETCH {_ROWS} FROM arrived").fetchall():
            yield from rows
    finally:
        cursor.execute("CLOSE arrived")


def _differs(where: str, what: str) -> FabricError:
    return StoreUnavailable(
        f"what arrived at {where} is not what was sent: {what}; nothing was moved", database=where
    )


def _batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    rows = iter(rows)
    while batch := list(islice(rows, _ROWS)):
        yield batch
