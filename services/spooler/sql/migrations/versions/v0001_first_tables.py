"""The first tables."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out, not taken from spooler.sql.schema: a step must do tomorrow what it does today.
_STATEMENTS = (
    """
    CREATE TABLE attempts (
        job_number INTEGER NOT NULL,
        number INTEGER NOT NULL,
        job_uid BLOB NOT NULL,
        port_host TEXT NOT NULL,
        port_name TEXT NOT NULL,
        fence INTEGER NOT NULL,
        copy INTEGER NOT NULL,
        resume_offset INTEGER NOT NULL,
        resume_prefix TEXT NOT NULL,
        mark TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        ledger TEXT,
        outcome TEXT NOT NULL,
        error TEXT,
        PRIMARY KEY (job_number, number)
    )
     WITHOUT ROWID
    """,
    """
    CREATE INDEX attempts_open ON attempts (job_number) WHERE ended_at IS NULL
    """,
    """
    CREATE TABLE history (
        id INTEGER NOT NULL,
        what TEXT NOT NULL,
        who TEXT NOT NULL,
        detail TEXT NOT NULL,
        job_number INTEGER NOT NULL,
        printer TEXT NOT NULL,
        at INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        port_host TEXT,
        port_name TEXT,
        state INTEGER,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX history_by_job ON history (job_number) WHERE job_number != 0
    """,
    """
    CREATE INDEX history_by_port ON history (port_host COLLATE NOCASE, port_name COLLATE NOCASE)
    WHERE port_name IS NOT NULL
    """,
    """
    CREATE INDEX history_by_printer ON history (printer) WHERE printer != ''
    """,
    """
    CREATE TABLE inline_documents (
        job_number INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (job_number)
    )
    """,
    """
    CREATE TABLE jobs (
        number INTEGER NOT NULL,
        uid BLOB NOT NULL,
        document_name TEXT NOT NULL,
        format TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        digest BLOB NOT NULL,
        owner TEXT NOT NULL,
        user TEXT NOT NULL,
        client TEXT NOT NULL,
        request_id TEXT,
        fingerprint BLOB,
        created_at INTEGER NOT NULL,
        copies INTEGER NOT NULL,
        attributes TEXT,
        printer TEXT NOT NULL,
        state INTEGER NOT NULL,
        reasons TEXT NOT NULL,
        hold_reason TEXT NOT NULL,
        priority INTEGER NOT NULL,
        not_before INTEGER,
        expires_at INTEGER,
        window TEXT,
        retain INTEGER NOT NULL,
        port_host TEXT,
        port_name TEXT,
        attempts INTEGER NOT NULL,
        copies_printed INTEGER NOT NULL,
        resume_offset INTEGER NOT NULL,
        rest TEXT,
        ledger TEXT,
        outcome TEXT NOT NULL,
        last_error TEXT,
        started_at INTEGER,
        ended_at INTEGER,
        redirected INTEGER NOT NULL,
        has_document INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        PRIMARY KEY (number),
        CONSTRAINT jobs_state CHECK (state BETWEEN 3 AND 9),
        UNIQUE (uid)
    )
    """,
    """
    CREATE INDEX jobs_by_printer ON jobs (printer, number)
    """,
    """
    CREATE UNIQUE INDEX jobs_by_request ON jobs (owner, request_id) WHERE request_id IS NOT NULL
    """,
    """
    CREATE INDEX jobs_by_user ON jobs (user, number)
    """,
    """
    CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL AND retain = 0
    """,
    """
    CREATE INDEX jobs_unfinished ON jobs (number) WHERE state < 7
    """,
    """
    CREATE TABLE meta (
        "key" TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY ("key")
    )
    """,
    """
    CREATE TABLE paused_ports (
        host_key TEXT NOT NULL,
        port_key TEXT NOT NULL,
        host TEXT NOT NULL,
        port TEXT NOT NULL,
        who TEXT NOT NULL,
        at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (host_key, port_key)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE printers (
        name TEXT NOT NULL,
        revision INTEGER NOT NULL,
        body TEXT NOT NULL,
        owner TEXT NOT NULL,
        request_id TEXT,
        fingerprint BLOB,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE UNIQUE INDEX printers_by_request ON printers (owner, request_id) WHERE request_id IS NOT NULL
    """,
    """
    CREATE TABLE spooled_documents (
        job_number INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        position INTEGER NOT NULL,
        length INTEGER NOT NULL,
        PRIMARY KEY (job_number)
    )
    """,
    """
    CREATE INDEX spooled_by_segment ON spooled_documents (segment, position, length)
    """,
    """
    CREATE TABLE uploads (
        id BLOB NOT NULL,
        owner TEXT NOT NULL,
        request_id TEXT,
        attributes TEXT,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX uploads_by_request ON uploads (owner, request_id) WHERE request_id IS NOT NULL
    """,
    "INSERT INTO meta VALUES ('fabric_id', lower(hex(randomblob(16))))",
    "INSERT INTO meta VALUES ('store_id', lower(hex(randomblob(16))))",
    "INSERT INTO meta VALUES ('epoch', '0')",
    "INSERT INTO meta VALUES ('last_number', '0')",
)


def upgrade() -> None:
    """Create all tables, and the identities that are made once."""
    for statement in _STATEMENTS:
        op.execute(statement)
