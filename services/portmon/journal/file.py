"""The journal's file: a mapped page of facts about the port, then fixed slots of 64-bit words.

Every store is one aligned 8-byte machine store into a shared mapping: a process may be killed between any two of
them and the file still says exactly what was stored. No system call is needed for that. A power cut is another
matter: it may lose the newest stores, which is why the file carries the kernel's boot id.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chassis import logs
from chassis.errors import StoreUnavailable

log = logs.get(__name__)
_libc = ctypes.CDLL(None, use_errno=True)

MAGIC = int.from_bytes(b"PFJRNL\r\n", "little")
VERSION = 1
HEADER_BYTES = 8192
SLOT_WORDS = 16
_NOTE_BYTES = 3072
_NOTE_AT = (1024, 1024 + _NOTE_BYTES)
# Header words.
_MAGIC, _VERSION, _SLOTS, GENERATION, _BOOT_A, _BOOT_B, SINCE_NS, _NOTE, CLEAN, USED, LAST = range(11)


class BadJournal(Exception):
    """The file is not a journal this version can trust; the text says why."""


def boot_id() -> bytes:
    """Return the kernel's 16-byte boot id, which changes with every boot."""
    return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", ""))


class JournalFile:
    """One mapped file. `words` is the whole file as native 64-bit words; slot `n` begins at `slot(n)`."""

    def __init__(self, path: Path) -> None:
        """Map an existing file.

        Raises:
            BadJournal: truncated, foreign, or torn. StoreUnavailable: the disk is full.
        """
        self.path = path
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            size = os.fstat(fd).st_size
            if size < HEADER_BYTES:
                raise BadJournal(f"truncated: {size} bytes")
            _reserve(fd, size, path)  # those of earlier versions have holes
            self._map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self.words = memoryview(self._map).cast("Q")
        try:
            self._validate(size)
        except BadJournal:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, slots: int, note: Mapping[str, Any]) -> JournalFile:
        """Make a journal of `slots` slots; it appears under its name only when it is whole and on disk.

        Raises:
            StoreUnavailable: the disk is full.
        """
        create_all({path: note}, slots)
        return cls(path)

    def _validate(self, size: int) -> None:
        if self.words[_MAGIC] != MAGIC:
            raise BadJournal("not a journal")
        if self.words[_VERSION] != VERSION:
            raise BadJournal(f"version {self.words[_VERSION]}, this program speaks {VERSION}")
        if size != HEADER_BYTES + self.words[_SLOTS] * SLOT_WORDS * 8:
            raise BadJournal(f"{size} bytes are not {self.words[_SLOTS]} slots")
        self.note()

    @property
    def slots(self) -> int:
        """Number of slots."""
        return self.words[_SLOTS]

    @staticmethod
    def slot(number: int) -> int:
        """Return the index in `words` of a slot's first word."""
        return HEADER_BYTES // 8 + number * SLOT_WORDS

    def is_of_another_boot(self) -> bool:
        """Tell whether the boot id that was stored is another one, or none."""
        return struct.unpack("@2Q", boot_id()) != (self.words[_BOOT_A], self.words[_BOOT_B])

    def store_boot_id(self) -> None:
        """Store this boot's id, once all that follows from another one is done."""
        self.words[_BOOT_A], self.words[_BOOT_B] = struct.unpack("@2Q", boot_id())

    def note(self) -> dict[str, Any]:
        """Return the facts about the port: its name, fences, saved line settings."""
        start = _NOTE_AT[self.words[_NOTE] & 1]
        length, crc = struct.unpack_from("@2I", self._map, start)
        text = self._map[start + 8 : start + 8 + min(length, _NOTE_BYTES)]
        if zlib.crc32(text) != crc:
            raise BadJournal("its facts fail their checksum")
        found = json.loads(text)
        if not isinstance(found, dict):
            raise BadJournal("its facts are not an object")
        return found

    def write_note(self, note: Mapping[str, Any], *, durable: bool = True) -> None:
        """Replace the facts at once: written beside, then one word switches over. `durable`: over a power cut too.

        Where one that is not durable meets a power cut, the facts are those of before, or those of before these.
        """
        other = (self.words[_NOTE] & 1) ^ 1
        data = _pack_note(note)
        self._map[_NOTE_AT[other] : _NOTE_AT[other] + len(data)] = data
        self.words[_NOTE] = other
        if durable:
            self._map.flush(0, HEADER_BYTES)

    def sync(self) -> None:
        """Write all of it to the disk."""
        self._map.flush()

    def close(self) -> None:
        """Unmap; what was stored stays."""
        self.words.release()
        self._map.close()


def _pack_note(note: Mapping[str, Any]) -> bytes:
    text = json.dumps(note, separators=(",", ":")).encode()
    if len(text) + 8 > _NOTE_BYTES:
        raise ValueError(f"{len(text)} bytes of facts do not fit into a journal's header")
    return struct.pack("@2I", len(text), zlib.crc32(text)) + text


def create_all(notes: Mapping[Path, Mapping[str, Any]], slots: int) -> None:
    """Make journals, each with its facts, in folders that are there; `slots` as in `JournalFile.create`.

    They appear under their names only when all of them are whole and on disk. However many there are, the disk is waited for
    once, and once for each folder.

    Raises:
        StoreUnavailable: the disk is full; there is none of them.
    """
    besides = {path: path.with_name(path.name + ".new") for path in notes}
    try:
        for path, beside in besides.items():
            _write_new(beside, path, slots, notes[path])
        sync_files(list(besides.values()))
        for path, beside in besides.items():
            beside.rename(path)
        for folder in {path.parent for path in notes}:
            sync_dir(folder)
    except OSError as error:
        raise StoreUnavailable(f"journals cannot be made: {error.strerror}") from error


def _write_new(beside: Path, path: Path, slots: int, note: Mapping[str, Any]) -> None:
    with beside.open("wb") as file:
        file.write(struct.pack("@9Q", MAGIC, VERSION, slots, 0, 0, 0, time.time_ns(), 0, 0))
        file.seek(_NOTE_AT[0])
        file.write(_pack_note(note))
        file.flush()
        _reserve(file.fileno(), HEADER_BYTES + slots * SLOT_WORDS * 8, path)


def _reserve(fd: int, size: int, path: Path) -> None:
    """Have every page of it on the disk: a first store into one that finds no room there ends the process (SIGBUS)."""
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        text = f"the disk has no room for the journal {path}: {error.strerror}"
        raise StoreUnavailable(text, file=str(path)) from error


def sync_dir(path: Path) -> None:
    """Make renames in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_files(paths: Sequence[Path]) -> None:
    """Make the content of files of one folder durable: one by itself, several with all that their volume has to write."""
    if not paths:
        return
    fd = os.open(paths[0], os.O_RDONLY | os.O_CLOEXEC)
    try:
        if len(paths) == 1:
            os.fsync(fd)
        elif _libc.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(fd)


def trusted(path: Path, port: str) -> JournalFile | None:
    """Return the file, or None after setting it aside."""
    try:
        file = JournalFile(path)
        about = file.note().get("port")
        if about == port:
            return file
        file.close()
        why = f"it is about port {about!r}"
    except (BadJournal, ValueError, OSError) as error:
        why = str(error)
    aside = path.with_name(f"{path.name}.bad-{time.time_ns()}")
    path.rename(aside)
    log.error("journal set aside, its documents are unknown now", port=port, file=str(aside), why=why)
    return None
