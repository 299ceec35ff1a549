"""How full the database is, as far as the server tells."""

from __future__ import annotations

from spooler.sql.cursor import Cursor
from spooler.store import StoreUsage

_SIZES = """
    SELECT pg_database_size(current_database()), pg_total_relation_size('document_chunks'),
        (SELECT coalesce(sum(length), 0)::bigint FROM spooled_documents)
        + (SELECT coalesce(sum(size_bytes), 0)::bigint FROM upload_documents)
"""
_ENDLESS = 1 << 62  # how much room there is, the server does not say


def usage(cursor: Cursor) -> StoreUsage:
    """Return how full it is."""
    database, documents, needed = cursor.execute(_SIZES).fetchone()
    return StoreUsage(database, documents, needed, _ENDLESS, 0)
