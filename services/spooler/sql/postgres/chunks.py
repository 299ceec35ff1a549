"""Documents as rows of at most 256 KiB each. What runs on the writer's connection, or a reader's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from chassis.errors import DigestMismatch, DocumentLost, WrongOffset
from spooler.spool.record import Extent
from spooler.sql.accept import upload_missing
from spooler.sql.cursor import Cursor
from spooler.sql.postgres.tables import CHUNK_BYTES
from spooler.sql.rows import micros


class UploadSize(NamedTuple):
    """How much of an upload has come, and the number of its document."""

    document: int
    size_bytes: int


def new_document(cursor: Cursor) -> int:
    """Return a number for a document."""
    return int(cursor.execute("SELECT nextval('documents')").fetchone()[0])


def put(cursor: Cursor, document: int, at: int, data: bytes) -> None:
    """Add bytes of a document."""
    view = memoryview(data)
    cursor.executemany(
        "INSERT INTO document_chunks (document, at, data) VALUES (?, ?, ?)",
        [
            (document, at + start, view[start : start + CHUNK_BYTES])
            for start in range(0, len(data), CHUNK_BYTES)
        ],
    )


def drop(cursor: Cursor, documents: Iterable[int]) -> None:
    """Forget documents."""
    cursor.executemany("DELETE FROM document_chunks WHERE document = ?", [(one,) for one in documents])


def read(cursor: Cursor, extent: Extent, offset: int, max_bytes: int) -> bytes:
    """Return at most `max_bytes` of a document. Raises DocumentLost when some of them are not there."""
    end = min(offset + max_bytes, extent.length)
    if offset >= end:
        return b""
    rows = cursor.execute(
        "SELECT at, data FROM document_chunks WHERE document = ? AND at > ? AND at < ? ORDER BY at",
        (extent.segment, offset - CHUNK_BYTES, end),
    )
    data = bytearray()
    for at, chunk in rows:
        begin = offset + len(data)
        if at > begin:
            break
        data += chunk[begin - at : end - at]
    if len(data) != end - offset:
        raise DocumentLost(f"bytes {offset + len(data)} to {end} of a document are not in the database")
    return bytes(data)


def digest(cursor: Cursor, extent: Extent) -> bytes:
    """Return a document's SHA-256."""
    found = hashlib.sha256()
    for offset in range(0, extent.length, 4 * CHUNK_BYTES):
        found.update(read(cursor, extent, offset, 4 * CHUNK_BYTES))
    return found.digest()


# --- uploads


def begin_upload(cursor: Cursor, upload_id: bytes) -> None:
    """Make room for an upload's bytes."""
    cursor.execute(
        "INSERT INTO upload_documents (upload_id, document, size_bytes, touched_at) VALUES (?, ?, 0, ?)",
        (upload_id, new_document(cursor), micros(datetime.now(UTC))),
    )


def upload_size(cursor: Cursor, upload_id: bytes) -> UploadSize:
    """Return how much of an upload has come. Raises UploadNotFound."""
    row = cursor.execute(
        "SELECT document, size_bytes FROM upload_documents WHERE upload_id = ?", (upload_id,)
    ).fetchone()
    if row is None:
        raise upload_missing(upload_id)
    return UploadSize(*row)


def upload_digest(cursor: Cursor, upload_id: bytes) -> tuple[int, bytes]:
    """Return how much of an upload has come, and the SHA-256 of that. Raises UploadNotFound."""
    document, size = upload_size(cursor, upload_id)
    return size, digest(cursor, Extent(document, 0, size))


def append(cursor: Cursor, upload_id: bytes, offset: int, data: bytes) -> int:
    """Append bytes; the rules are `Documents.append_upload`'s."""
    document, size = upload_size(cursor, upload_id)
    if offset > size:
        raise WrongOffset(f"the upload has {size} bytes, not {offset}", expected=size)
    again = min(size - offset, len(data))
    if again and read(cursor, Extent(document, 0, size), offset, again) != data[:again]:
        raise DigestMismatch("the bytes that were sent again are not those sent before", offset=offset)
    fresh = data[again:]
    if fresh:
        put(cursor, document, size, fresh)
        cursor.execute(
            "UPDATE upload_documents SET size_bytes = ?, touched_at = ? WHERE upload_id = ?",
            (size + len(fresh), micros(datetime.now(UTC)), upload_id),
        )
    return size + len(fresh)


def end_upload(cursor: Cursor, upload_id: bytes, *, keep_document: bool) -> None:
    """Forget an upload; its document stays if it is a job's by now."""
    row = cursor.execute(
        "DELETE FROM upload_documents WHERE upload_id = ? RETURNING document", (upload_id,)
    ).fetchone()
    if row is not None and not keep_document:
        drop(cursor, [row[0]])


def idle_uploads(cursor: Cursor, since: datetime) -> Iterator[bytes]:
    """Yield the uploads that got no byte since then."""
    for (upload_id,) in cursor.execute(
        "SELECT upload_id FROM upload_documents WHERE touched_at < ?", (micros(since),)
    ):
        yield bytes(upload_id)
