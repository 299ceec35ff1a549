"""The documents that lie on this host whole: a directory with a quota, and who may print them when.

Called from the event loop's threads and from the ports' own; a document's file is touched under its lock.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from chassis import logs
from chassis.errors import DeadlineExceeded, FabricError, SpoolFull, Verdict
from portmon.document import DocKey, Phase, Progress
from portmon.journal.file import sync_dir
from portmon.staging.document import BadStaged, StagedFacts, StagedFile
from portmon.staging.state import StagedEvent, StagedState, step

RESERVE_BYTES = 64 << 20  # left on the disk for the journals, whose pages must never fail to be written
QUOTA_BYTES = 256 << 20
KEEP_S = 86400.0
EVICT_S = 60.0  # what came, and was not ordered for so long, makes room for others
_UNORDERED = (StagedState.RECEIVING, StagedState.STAGED)
_SUFFIX = ".staged"
log = logs.get(__name__)


class NotStaged(FabricError):
    """The host does not have the document that it shall print; it is sent again."""

    reason, win32, code, verdict = "NOT_STAGED", 2, "NOT_FOUND", Verdict.RETRY


class StagedDocument:
    """One document; a `Source` for the port that prints it. May be used from any thread."""

    def __init__(self, file: StagedFile) -> None:
        self._file = file
        self.facts = file.facts
        self.used_at = time.time()
        self._lock = threading.Lock()  # guards the file and its state

    @property
    def state(self) -> StagedState:
        """Where it stands."""
        return self._file.state

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is missing."""
        return self.state not in (StagedState.RECEIVING, StagedState.GONE)

    @property
    def order(self) -> int:
        """Rises from one order to the next."""
        return self._file.order

    @property
    def end(self) -> int:
        """See `Source.end`."""
        return self.facts.end

    @property
    def finishes(self) -> bool:
        """See `Source.finishes`."""
        return self.facts.finishes

    # --- it comes

    def receive(self, offset: int, data: bytes) -> None:
        """Add bytes. Raises what `StagedFile.append` does; of a whole document the bytes are dropped."""
        with self._lock:
            if self.state is StagedState.RECEIVING:
                self._file.append(offset, data)
            self.used_at = time.time()

    def sync(self) -> int:
        """Make what is here durable; return the payload offset up to which it is."""
        with self._lock:
            if self.state is StagedState.RECEIVING:
                self._file.sync()
                return self._file.reach()
            return self.end

    def complete(self, digest: bytes) -> None:
        """All of it was sent. Raises DigestMismatch, NotStaged: bytes are missing; SpoolFull."""
        with self._lock:
            if self.state is not StagedState.RECEIVING:
                return
            if self._file.reach() != self.end:
                raise NotStaged(
                    f"document {self.facts.key}: bytes {self._file.reach()} to {self.end} are missing"
                )
            self._file.sync()
            self._file.check(digest)
            self._file.put_state(step(self.state, StagedEvent.COMPLETE), 0)

    # --- it is printed

    def put_in_order(self) -> bool:
        """Its spooler says that it shall be printed, durably; False: not all of it is here. Raises SpoolFull."""
        with self._lock:
            if self.state in (StagedState.RECEIVING, StagedState.GONE):
                return False
            if self.state is StagedState.STAGED:
                self._file.put_state(step(self.state, StagedEvent.ORDER), time.time_ns())
            return True

    def begin(self) -> None:
        """See `Source.begin`."""
        with self._lock:
            if self.facts.expires_at is not None and time.time() > self.facts.expires_at:
                raise DeadlineExceeded(f"the time of document {self.facts.key} ran out before it was begun")
            if self.state is not StagedState.BEGUN:
                self._file.put_state(step(self.state, StagedEvent.BEGIN), self.order)

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        return self._file.read(offset, size)

    def answered(self, progress: Progress) -> None:
        """See `Source.answered`: what was not begun is the spooler's again, what has ended needs no bytes."""
        if progress.phase is Phase.NEVER_SEEN:
            self.give_back()
        elif progress.phase is Phase.ENDED:
            self.drop()

    def give_back(self) -> None:
        """From now on it is printed only when its spooler says so again. Raises StoreUnavailable: not so."""
        with self._lock:
            if self.state in (StagedState.ORDERED, StagedState.BEGUN):
                self._file.put_state(step(self.state, StagedEvent.GIVE_BACK), 0)

    def drop(self) -> None:
        """Give its bytes back. What had to be durable is in the journal, or was written before."""
        with self._lock:
            self._file.state = step(self.state, StagedEvent.DROP)
            self._file.remove()


class Staging:
    """All staged documents of a host. `quota_bytes` 0: none are taken. `keep_s`: how long one waits for its order."""

    def __init__(self, directory: Path, quota_bytes: int = QUOTA_BYTES, keep_s: float = KEEP_S) -> None:
        self._directory, self.quota_bytes, self.keep_s = directory, quota_bytes, keep_s
        self._documents: dict[DocKey, StagedDocument] = {}
        self._lock = threading.Lock()  # guards _documents
        self.refused = 0  # for want of room, since the start
        if directory.is_dir():
            self._load()

    def _load(self) -> None:
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            try:
                found = StagedDocument(StagedFile.load(path))
            except BadStaged as error:
                # Its journal knows what was printed of it; the spooler has the bytes.
                log.warning("staged document dropped", file=path.name, why=str(error))
                path.unlink()
                continue
            self._documents[found.facts.key] = found

    def __len__(self) -> int:
        return len(self._documents)

    def documents(self) -> list[StagedDocument]:
        """Return all that are here."""
        with self._lock:
            return [one for one in self._documents.values() if one.state is not StagedState.GONE]

    @property
    def used_bytes(self) -> int:
        """How much of the quota is taken, by what is still to come too."""
        return sum(one.facts.size_bytes for one in self.documents())

    def find(self, key: DocKey) -> StagedDocument | None:
        """Return a document, if it is here."""
        found = self._documents.get(key)
        return None if found is None or found.state is StagedState.GONE else found

    def take(self, facts: StagedFacts) -> StagedDocument:
        """Return the document to be filled; one that is here goes on, unless it is to be printed otherwise now.

        Raises:
            SpoolFull: there is no room now (verdict RETRY), or can never be (HOLD).
        """
        with self._lock:
            known = self._documents.get(facts.key)
            if known is not None and known.state is not StagedState.GONE:
                settled = known.state in (StagedState.ORDERED, StagedState.BEGUN)
                if settled or known.facts == facts:
                    return known
                known.drop()
            self._make_room(facts)
            if not self._directory.is_dir():
                self._directory.mkdir(parents=True)
                sync_dir(self._directory.parent)
            name = f"{facts.key.uid.hex()}-{facts.key.attempt}{_SUFFIX}"
            made = StagedDocument(StagedFile.create(self._directory / name, facts))
            self._documents[facts.key] = made
            return made

    def _make_room(self, facts: StagedFacts) -> None:
        size, quota = facts.size_bytes, self.quota_bytes
        self._evict(facts.key.uid, quota - size)
        used = sum(one.facts.size_bytes for one in self._documents.values())
        if used + size > quota:
            self.refused += 1
            raise SpoolFull(
                f"the host keeps at most {quota} bytes of staged documents: {used} are taken, {size} are wanted",
                verdict=Verdict.RETRY if size <= quota else Verdict.HOLD,
                quota=quota,
                used=used,
            )
        disk = self._directory if self._directory.exists() else self._directory.parent
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        if free < size + RESERVE_BYTES:
            self.refused += 1
            raise SpoolFull(
                f"the host's disk has {free} bytes left, of which {RESERVE_BYTES} are kept free",
                verdict=Verdict.RETRY,
                free=free,
            )

    def _evict(self, uid: bytes, most_bytes: int) -> None:
        """Drop what will not be ordered: other attempts of the job, and, for want of room, what waits the longest."""
        idle = [one for one in self._documents.values() if one.state in _UNORDERED]
        for one in idle:
            if one.facts.key.uid == uid:
                one.drop()
        self._documents = {
            key: one for key, one in self._documents.items() if one.state is not StagedState.GONE
        }
        used = sum(one.facts.size_bytes for one in self._documents.values())
        for one in sorted(idle, key=lambda one: one.used_at):
            if used > most_bytes and one.facts.key.uid != uid and time.time() - one.used_at > EVICT_S:
                one.drop()
                used -= self._documents.pop(one.facts.key).facts.size_bytes

    # --- orders

    def ordered(self, port: str, fabric: str) -> list[StagedDocument]:
        """Return what a port shall print or has begun for a fabric, in the order in which it was said."""
        there = (StagedState.ORDERED, StagedState.BEGUN)
        found = [one for one in self.documents() if one.state in there]
        ours = [one for one in found if (one.facts.port, one.facts.fabric) == (port, fabric)]
        return sorted(ours, key=lambda one: one.order)

    def is_ordered(self, key: DocKey) -> bool:
        """Whether a document is to be printed and may be begun at any moment."""
        found = self.find(key)
        return found is not None and found.state is StagedState.ORDERED

    def is_untouched(self, key: DocKey) -> bool:
        """Whether it is proven by what lies here that nothing of a document was printed."""
        found = self.find(key)
        return found is not None and found.state in _UNORDERED

    def give_back(self, port: str, fabric: str) -> None:
        """The spooler has the port again: what was ordered and not begun waits for it to say so anew."""
        for one in self.ordered(port, fabric):
            if one.state is StagedState.ORDERED:
                one.give_back()

    def forget(self, keys: Iterable[DocKey]) -> None:
        """Give back the bytes of documents that nobody will ask for."""
        for key in keys:
            if (found := self.find(key)) is not None:
                found.drop()

    # --- time

    async def expire(self) -> None:
        """Drop what nobody ordered for too long. Runs for ever; what comes meanwhile is due later than a sleep lasts."""
        while True:
            due_s = await asyncio.to_thread(self.drop_expired)
            await asyncio.sleep(due_s)

    def drop_expired(self) -> float:
        """Drop what nobody ordered for too long; return in how many seconds to look again."""
        now, due = time.time(), self.keep_s
        for one in self.documents():
            if one.state not in _UNORDERED:
                continue
            left = one.used_at + self.keep_s - now
            if left > 0:
                due = min(due, left)
                continue
            log.info("staged document expired", document=str(one.facts.key), port=one.facts.port)
            try:
                one.drop()
            except FabricError as error:
                log.warning("staged document not removed", why=error.message)
        return due
