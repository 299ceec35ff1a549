import os
from pathlib import Path

from chassis.errors import FabricError
from spooler.spool.log import SegmentUse, Spool
from spooler.spool.record import Extent, framed_bytes
from spooler.spool.space import Reserve

STORE_ID = bytes(range(16))
UPLOAD = b"u" * 16
SMALL = 200_000  # a shared segment's size here: a few documents fill it


class Opening:
    """Opens a spool in one folder again and again, as a service that restarts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.opened: list[Spool] = []

    def __call__(self, *documents: Extent, uploads: tuple[bytes, ...] = (), reserve_bytes: int = 0) -> Spool:
        spool = Spool.open(
            self.directory,
            STORE_ID,
            uses(documents),
            dict.fromkeys(uploads, 0.0),
            reserve=Reserve(self.directory.parent, reserve_bytes),
            segment_bytes=SMALL,
        )
        self.opened.append(spool)
        return spool

    def segments(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("*.spool"))

    def path(self, extent: Extent) -> Path:
        return self.directory / f"{extent.segment:012d}.spool"


def uses(documents: tuple[Extent, ...]) -> list[SegmentUse]:
    """What the database would say of these documents."""
    return [
        SegmentUse(
            segment,
            sum(framed_bytes(one.length) for one in documents if one.segment == segment),
            max(one.end for one in documents if one.segment == segment),
        )
        for segment in {one.segment for one in documents}
    ]


def put(spool: Spool, data: bytes) -> Extent:
    """Keep one document; raise why it cannot be kept."""
    (place,) = spool.put([data])
    if isinstance(place, FabricError):
        raise place
    return place


async def fill(spool: Spool, size: int, chunk: int = 100_000) -> bytes:
    """Upload `size` bytes in pieces and return them."""
    data = os.urandom(size)
    spool.begin(UPLOAD)
    for offset in range(0, size, chunk):
        await spool.append(UPLOAD, offset, data[offset : offset + chunk])
    return data
