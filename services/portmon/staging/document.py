"""One staged document on the disk: a sector that says how far it has come, the facts to print it by, its bytes.

The sector is written in one piece, which a disk does whole or not at all; a checksum notices one that did not.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chassis.errors import DigestMismatch, FabricError, SpoolFull, StoreUnavailable, WrongOffset
from portmon.document import DocInfo, DocKey
from portmon.journal.file import sync_dir
from portmon.staging.state import StagedState

MAGIC = b"PFSTGD\r\n"
VERSION = 1
SECTOR_BYTES = 512
_SECTOR = struct.Struct("<8sIIIQ")  # magic, version, state, bytes of facts, when it was ordered
_CHECK = struct.Struct("<I")  # of these and of the facts
_READ_BYTES = 1 << 20
_STATES = tuple(StagedState)  # their places are in files and never change


class BadStaged(Exception):
    """The file is not a staged document that can be trusted; the text says why."""


@dataclass(frozen=True, slots=True)
class StagedFacts:
    """What has to be known to print a document without its spooler. Its bytes are `resume_offset` to `end`."""

    key: DocKey
    fabric: str
    port: str  # as names are compared
    info: DocInfo
    end: int  # one past the last payload byte
    resume_offset: int = 0
    resume_prefix: bytes = b""
    finishes: bool = True  # after a restart without a spooler; else it waits
    language: str = ""  # of the language monitor the port is opened through; "" for none
    bidirectional: bool = True
    expires_at: float | None = None  # since the epoch; after this it is not begun any more

    @property
    def size_bytes(self) -> int:
        """How many bytes are to be kept."""
        return self.end - self.resume_offset

    def text(self) -> bytes:
        """Return them as they are written down."""
        body = asdict(self) | {
            "key": [self.key.uid.hex(), self.key.attempt],
            "resume_prefix": base64.b64encode(self.resume_prefix).decode(),
        }
        return json.dumps(body, separators=(",", ":")).encode()

    @classmethod
    def of_text(cls, text: bytes) -> StagedFacts:
        """Return the facts of a text. Raises ValueError, KeyError or TypeError for anything else."""
        body: dict[str, Any] = json.loads(text)
        uid, attempt = body["key"]
        body["key"], body["info"] = DocKey(bytes.fromhex(uid), attempt), DocInfo(**body["info"])
        body["resume_prefix"] = base64.b64decode(body["resume_prefix"])
        return cls(**body)


class StagedFile:
    """One file. Nothing is kept open between calls; the caller sees to it that only one writes."""

    def __init__(self, path: Path, facts: StagedFacts, body_at: int, state: StagedState, order: int) -> None:
        self.path, self.facts, self.state, self.order = path, facts, state, order
        self._body_at = body_at

    @classmethod
    def create(cls, path: Path, facts: StagedFacts) -> StagedFile:
        """Begin a file, replacing one of that name; it is durable with the first `sync`. Raises SpoolFull."""
        text = facts.text()
        made = cls(path, facts, SECTOR_BYTES + len(text), StagedState.RECEIVING, 0)
        with _said(path), open(path, "wb", opener=_private) as file:
            file.write(made._sector(text).ljust(SECTOR_BYTES, b"\0") + text)
        return made

    @classmethod
    def load(cls, path: Path) -> StagedFile:
        """Return a file that a former run has left.

        Raises:
            BadStaged: truncated, foreign, or torn.
        """
        try:
            with path.open("rb") as file:
                head = file.read(_SECTOR.size)
                (check,) = _CHECK.unpack(file.read(_CHECK.size))
                magic, version, state, size, order = _SECTOR.unpack(head)
                if magic != MAGIC or version != VERSION or not 0 <= state < len(_STATES):
                    raise BadStaged("not a staged document of this version")
                file.seek(SECTOR_BYTES)
                text = file.read(size)
            if zlib.crc32(head + text) != check:
                raise BadStaged("it fails its checksum")
            facts = StagedFacts.of_text(text)
        except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
            raise BadStaged(str(error)) from error
        found = cls(path, facts, SECTOR_BYTES + size, _STATES[state], order)
        if found.state is not StagedState.RECEIVING and found.reach() != facts.end:
            raise BadStaged(f"it ends at byte {found.reach()}, not {facts.end}")
        return found

    def _sector(self, text: bytes) -> bytes:
        head = _SECTOR.pack(MAGIC, VERSION, _STATES.index(self.state), len(text), self.order)
        return head + _CHECK.pack(zlib.crc32(head + text))

    def reach(self) -> int:
        """Return the payload offset up to which there are bytes, on the disk or not."""
        return self.facts.resume_offset + self.path.stat().st_size - self._body_at

    def append(self, offset: int, data: bytes) -> None:
        """Add bytes at a payload offset; those that are here already are dropped.

        Raises:
            WrongOffset: bytes before them are missing, or they go beyond the document's end.
            SpoolFull, StoreUnavailable: the disk takes no more.
        """
        there = self.reach()
        if offset > there:
            text = f"document {self.facts.key}: bytes {there} to {offset} are missing"
            raise WrongOffset(text, expected=there)
        if offset + len(data) > self.facts.end:
            text = f"document {self.facts.key} has {self.facts.end} bytes, not {offset + len(data)}"
            raise WrongOffset(text, expected=there)
        with _said(self.path), self.path.open("r+b") as file:
            file.seek(self._body_at + there - self.facts.resume_offset)
            file.write(data[there - offset :])

    def check(self, digest: bytes) -> None:
        """Read what the disk has and compare. Raises DigestMismatch: it is not what was sent."""
        with self.path.open("rb") as file:
            file.seek(self._body_at)
            found = hashlib.sha256()
            while piece := file.read(_READ_BYTES):
                found.update(piece)
        if found.digest() != digest:
            raise DigestMismatch(f"document {self.facts.key}: the bytes on the host have another digest")

    def sync(self) -> None:
        """Make all that was written durable, the file's name included."""
        with _said(self.path):
            with self.path.open("rb") as file:
                os.fdatasync(file.fileno())
            sync_dir(self.path.parent)

    def put_state(self, state: StagedState, order: int) -> None:
        """Write how far it has come, durably."""
        before = self.state, self.order
        self.state, self.order = state, order
        try:
            with _said(self.path), self.path.open("r+b") as file:
                file.write(self._sector(self.facts.text()))
                file.flush()
                os.fdatasync(file.fileno())
        except FabricError:
            self.state, self.order = before
            raise

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` payload bytes from an offset on. Raises StoreUnavailable."""
        with _said(self.path), self.path.open("rb") as file:
            file.seek(self._body_at + offset - self.facts.resume_offset)
            return file.read(size)

    def remove(self) -> None:
        """Give the bytes back."""
        self.path.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # it is a document of somebody's


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Say what a disk's failure means."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull(f"the host's disk is full: {path.parent}") from error
        raise StoreUnavailable(f"a staged document cannot be read or written: {error}") from error
