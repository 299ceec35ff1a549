"""The tables of the SQL store, as this version knows them. `migrations/` is how a database gets there.

Times are whole microseconds since 1970 (UTC), so that they compare and sort as numbers. Small composite values
are JSON text; what is asked for by a condition is a column of its own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.expression import ClauseElement

HEAD = "0004"  # the newest migration; a test holds it against the folder
APPLICATION_ID = 0x50465350  # "PFSP" in the file's header: this SQLite file is ours

# Jobs whose documents may be given back. A statement finds the index only by these very words.
SPARE = "has_document = 1 AND retain = 0 AND ended_at IS NOT NULL"

metadata = MetaData()

# One row each: fabric_id, store_id (hex), epoch, last_number.
meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

printers = Table(
    "printers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),  # JSON: all else
    Column("owner", Text, nullable=False),
    Column("request_id", Text),
    Column("fingerprint", LargeBinary),
    Index(
        "printers_by_request", "owner", "request_id", unique=True, sqlite_where=text("request_id IS NOT NULL")
    ),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True),  # SQLite's rowid: appended, never a page split
    Column("uid", LargeBinary, nullable=False, unique=True),
    Column("document_name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("owner", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("request_id", Text),
    Column("fingerprint", LargeBinary),  # of the request, when it had an id
    Column("created_at", Integer, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("attributes", Text),
    # From here on: what changes.
    Column("printer", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("hold_reason", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("not_before", Integer),
    Column("expires_at", Integer),
    Column("window", Text),
    Column("retain", Integer, nullable=False),
    Column("port_host", Text),
    Column("port_name", Text),
    Column("attempts", Integer, nullable=False),
    Column("copies_printed", Integer, nullable=False),
    Column("resume_offset", Integer, nullable=False),
    Column("rest", Text),
    Column("ledger", Text),
    Column("outcome", Text, nullable=False),
    Column("last_error", Text),
    Column("started_at", Integer),
    Column("ended_at", Integer),
    Column("redirected", Integer, nullable=False),
    Column("has_document", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    # RFC 8011, 5.3.7; a test holds it against job_state.TRANSITIONS.
    CheckConstraint("state BETWEEN 3 AND 9", name="jobs_state"),
    Index("jobs_by_request", "owner", "request_id", unique=True, sqlite_where=text("request_id IS NOT NULL")),
    Index("jobs_by_printer", "printer", "number"),
    Index("jobs_by_user", "user", "number"),
    Index("jobs_unfinished", "number", sqlite_where=text("state < 7")),
    Index("jobs_ended", "ended_at", sqlite_where=text("ended_at IS NOT NULL AND retain = 0")),
    Index("jobs_spare", "number", sqlite_where=text(SPARE)),
)

# Beside the jobs, so that a list of jobs does not read documents.
inline_documents = Table(
    "inline_documents",
    metadata,
    Column("job_number", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

spooled_documents = Table(
    "spooled_documents",
    metadata,
    Column("job_number", Integer, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Index("spooled_by_segment", "segment", "position", "length"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_number", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("job_uid", LargeBinary, nullable=False),
    Column("port_host", Text, nullable=False),
    Column("port_name", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("copy", Integer, nullable=False),
    Column("resume_offset", Integer, nullable=False),
    Column("resume_prefix", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("started_at", Integer, nullable=False),
    Column("ended_at", Integer),
    Column("ledger", Text),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
    PrimaryKeyConstraint("job_number", "number"),
    Index("attempts_open", "job_number", sqlite_where=text("ended_at IS NULL")),
    sqlite_with_rowid=False,
)

history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("what", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("job_number", Integer, nullable=False),
    Column("printer", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("port_host", Text),
    Column("port_name", Text),
    Column("state", Integer),
    # Of what a person decided: its number among these, and the bytes of all up to it. Else 0.
    Column("decision", Integer, nullable=False, server_default="0"),
    Column("decided_bytes", Integer, nullable=False, server_default="0"),
    Index("history_by_job", "job_number", sqlite_where=text("job_number != 0")),
    Index("history_of_things", "at", sqlite_where=text("job_number = 0 AND decision = 0")),
    Index("history_decisions", "decision", sqlite_where=text("decision > 0")),
    Index("history_by_printer", "printer", sqlite_where=text("printer != ''")),
    Index(
        "history_by_port",
        text("port_host COLLATE NOCASE"),
        text("port_name COLLATE NOCASE"),
        sqlite_where=text("port_name IS NOT NULL"),
    ),
)

# Ports to which people want no jobs sent. Keys are casefolded, for names compare whatever their case.
paused_ports = Table(
    "paused_ports",
    metadata,
    Column("host_key", Text, nullable=False),
    Column("port_key", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("host_key", "port_key"),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("request_id", Text),
    Column("attributes", Text),
    Column("created_at", Integer, nullable=False),
    Index(
        "uploads_by_request", "owner", "request_id", unique=True, sqlite_where=text("request_id IS NOT NULL")
    ),
)

_DIALECT = sqlite.dialect(paramstyle="qmark")


def sql(statement: ClauseElement) -> str:
    """Return a statement's SQL with `?` in the order of its parameters, for the driver's own cursor.

    Compiled once at import: what runs for each job must not pay for building a statement.
    """
    return str(statement.compile(dialect=_DIALECT))


def literal_sql(statement: ClauseElement) -> str:
    """Return the SQL of a statement without named parameters, its constants written out."""
    return str(statement.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def bound_sql(statement: ClauseElement) -> tuple[str, list[Any]]:
    """Return the SQL of a statement that is built for one question, and its values in the order of its `?`."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = compiled.params
    return str(compiled), [values[name] for name in compiled.positiontup or ()]  # type: ignore[attr-defined]


def columns(table: Table, *left_out: str) -> list[Column[Any]]:
    """Return a table's columns in their order, without some."""
    return [column for column in table.columns if column.name not in left_out]
