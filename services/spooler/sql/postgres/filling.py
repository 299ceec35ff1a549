"""How full the database is, as far as the server tells: what documents take is counted as they come and go."""

from __future__ import annotations

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
# Uploads that have not ended are few.
SIZES = """
    SELECT pg_database_size(current_database()), pg_total_relation_size('document_chunks'),
        (SELECT coalesce(sum(bytes), 0)::bigint FROM document_bytes)
        + (SELECT coalesce(sum(size_bytes), 0)::bigint FROM upload_documents)
"""
_ENDLESS = 1 << 62  # how much room there is, the server does not say


def usage(cursor: Cursor) -> StoreUsage:
    """Return how full it is. Takes as long with a million documents as with none."""
    database, documents, needed = cursor.execute(SIZES).fetchone()
    return StoreUsage(database, documents, needed, _ENDLESS, 0)
