"""Where a new job's document lies: decided and written in the transaction that accepts the job."""

from __future__ import annotations

from typing import Any

from chassis.errors import DigestMismatch, FabricError, WrongOffset
from spooler.job import Job
from spooler.new_job import INLINE_BYTES, Duplicate, Incoming, Inline, NewJob, Uploaded, UploadNotFound
from spooler.spool.record import Extent
from spooler.sql.accept import Kept
from spooler.sql.cursor import Cursor
from spooler.sql.postgres import chunks


def keep(cursor: Cursor, new: NewJob, whole: tuple[int, bytes]) -> Kept:
    """Put a document where it belongs, in the transaction that accepts its job."""
    if isinstance(new.document, Inline):
        data = new.document.data
        if len(data) <= INLINE_BYTES:
            return Kept(data, None, len(data))
        document = chunks.new_document(cursor)
        chunks.put(cursor, document, 0, data)
        return Kept(data, Extent(document, 0, len(data)), len(data))
    if isinstance(new.document, Incoming):
        return Kept(size_bytes=new.document.size_bytes, incoming=True)
    return keep_upload(cursor, new.document, new.digest, whole)


def keep_upload(cursor: Cursor, upload: Uploaded, announced: bytes, whole: tuple[int, bytes]) -> Kept:
    """Return where an upload lies, or why it is not the document; `whole` is the size and the digest that were read."""
    hashed, digest = whole
    missing: Any
    try:
        document, size = chunks.upload_size(cursor, upload.upload_id)
    except UploadNotFound as error:
        return Kept(missing=error)
    if size != hashed:
        missing = WrongOffset("the upload grew while its job was accepted", expected=size)
    elif upload.size_bytes is not None and size < upload.size_bytes:
        missing = WrongOffset(f"the upload has {size} of {upload.size_bytes} bytes", expected=size)
    elif upload.size_bytes is not None and size > upload.size_bytes:
        missing = DigestMismatch("the upload is longer than announced", size_bytes=size)
    elif announced and digest != announced:
        missing = DigestMismatch("the upload is not the document announced", announced=announced)
    else:
        return Kept(b"", Extent(document, 0, size), size, digest, upload.upload_id)
    return Kept(missing=missing)


def settle(cursor: Cursor, kept: Kept, answer: Job | Duplicate | FabricError) -> None:
    """Give back what no job took."""
    taken = isinstance(answer, Job)
    if kept.upload_id:
        if taken or isinstance(answer, Duplicate):
            chunks.end_upload(cursor, kept.upload_id, keep_document=taken)
    elif kept.extent is not None and not taken:
        chunks.drop(cursor, [kept.extent.segment])
