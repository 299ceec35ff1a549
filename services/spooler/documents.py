"""Documents' bytes, whole and on their way in: the part of the store's interface about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from spooler.job import NO_ATTRIBUTES, HistoryEvent, Job
from spooler.new_job import Upload, Uploaded


class Documents(Protocol):
    """What a store does with documents."""

    async def read(self, number: int, offset: int, max_bytes: int) -> bytes:
        """Return at most `max_bytes` of a job's document from `offset`; empty at its end.

        Raises:
            JobNotFound: there is no such job.
            DocumentLost: the bytes were given back, or are not on the disk as they were written.
        """

    async def read_small(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the whole documents of those jobs whose bytes lie in the database; the others are left out."""

    async def create_upload(
        self, owner: str, *, request_id: str = "", attributes: Mapping[str, str] = NO_ATTRIBUTES
    ) -> Upload:
        """Begin a document. The same owner and request id (not empty) get the same upload again."""

    async def get_upload(self, upload_id: bytes) -> Upload:
        """Return an upload with its present size: where the sender goes on. Raises UploadNotFound."""

    async def append_upload(self, upload_id: bytes, offset: int, *data: bytes) -> int:
        """Append document bytes, which follow each other, at `offset` and return the new size in bytes.

        `offset` must equal the present size; bytes sent again below it are dropped, so a sender may resume after a
        broken stream. Nothing is durable before `accept`: after a kill the size may be smaller, after a power cut
        smaller by more, and `get_upload` tells it. Calls for one upload must not overlap.

        Raises:
            WrongOffset: there would be a gap; `expected` tells where to go on.
            DigestMismatch: the bytes sent again are not the ones sent before.
            SpoolFull: the volume's reserve would be touched; what was appended stays.
            UploadNotFound: there is no such upload.

        After google.storage.v2 `WriteObject` and containerd `content.Write`.
        """

    async def sync_upload(self, upload_id: bytes) -> int:
        """Make durable what has come, as far as whole pieces go, and return where that ends.

        May be called while bytes are appended. Raises UploadNotFound, StoreUnavailable.
        """

    async def complete_upload(self, number: int, upload: Uploaded, digest: bytes) -> Job:
        """End the upload of a job that was accepted as `Incoming`: its document is whole, durably. Return the job.

        `digest` is what the sender announced; empty: not checked.

        Raises:
            WrongOffset: the upload is shorter than announced, and may go on.
            DigestMismatch: it is longer, or another document.
            UploadNotFound: it was abandoned.
            SpoolFull, StoreUnavailable: nothing was changed.
        """

    async def read_upload(self, upload_id: bytes, offset: int, max_bytes: int) -> bytes:
        """Return bytes of a document that is still coming in, as far as they have come. Raises UploadNotFound."""

    async def abandon_upload(self, upload_id: bytes, history: Sequence[HistoryEvent] = ()) -> None:
        """Forget an upload and give its space back, with lines that say so; harmless if there is none."""

    async def abandon_idle_uploads(self, idle_since: datetime) -> int:
        """Abandon uploads that got no byte since then. Return how many."""
