"""What one port knows of its documents, in spite of a kill at any instruction.

Before every device write the journal says how far the write may get (intent), after it how far it got (accepted).
Whoever reads it after a kill knows the offset exactly when the two are equal, and else the span in doubt. A document
stays until the spooler settles it; settled ones can still be asked about until their slot is needed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from chassis import logs
from chassis.errors import FabricError, PortBusy
from portmon.document import DocKey, Evidence, Phase, Progress
from portmon.journal import slot
from portmon.journal.fabric_times import FabricTimes
from portmon.journal.file import CLEAN, GENERATION, SINCE_NS, USED, JournalFile, create_all, trusted
from portmon.journal.last_document import LastDocument
from portmon.journal.places import Places
from portmon.journal.port_note import PortNote

log = logs.get(__name__)


class Journal:
    """The journal of one port. `begin` to `end` belong to the thread of an opening; the rest may be called from the loop.

    A document that is not in it was never seen when its id (UUIDv7) is younger than what its fabric has told since the
    journal lost something last: both are of the fabric's clock. `times`: what this run was told.
    """

    def __init__(self, file: JournalFile, times: FabricTimes | None = None) -> None:
        self._file = file
        self._words = file.words
        self._times = times or FabricTimes()
        self._places = Places(file)
        # A hash of what hangs on the port now: a pipe's document goes on at the same device only.
        self.device = 0
        self._words[GENERATION] += 1
        self.generation = self._words[GENERATION]
        self.note = PortNote(file)
        self.last = LastDocument(file)  # that the device had bytes of
        self._load()

    @classmethod
    def open(cls, path: Path, port: str, *, slots: int = 4096, times: FabricTimes | None = None) -> Journal:
        """Open or make a port's journal. A file that cannot be trusted is set aside, never deleted, never fatal."""
        file = trusted(path, port) if path.exists() else None
        if file is None:
            cls.begin_all({path: port}, slots)
            file = JournalFile(path)
        return cls(file, times)

    @staticmethod
    def begin_all(ports: Mapping[Path, str], slots: int) -> None:
        """Make the journals of ports that have none yet; see `create_all`. Raises StoreUnavailable: none was made."""
        for folder in {path.parent for path in ports}:
            folder.mkdir(parents=True, exist_ok=True)
        create_all({path: {"port": port, "fences": {}, "line": None} for path, port in ports.items()}, slots)

    def _load(self) -> None:
        words, torn = self._words, 0
        settled: list[tuple[int, int]] = []
        for number in range(min(words[USED], self._file.slots)):
            at = self._file.slot(number)
            state = words[at] & 0xFF
            sound = state <= slot.SETTLED and words[at + slot.CHECK] == slot.check_of(words, at)
            if state == slot.FREE or not sound:
                torn += state != slot.FREE
                words[at] = slot.FREE
                settled.append((0, at))
                continue
            self._places.enter(slot.key_of(words, at), at)
            if state == slot.IN_PROGRESS and words[at + slot.ENDED] == self.generation - 1:
                self.last.take_up(at)
            if state == slot.SETTLED:
                settled.append((words[at + slot.ENDED], at))
        self._places.free(at for _, at in sorted(settled))
        rebooted = self._file.is_of_another_boot()
        if rebooted:
            slot.lose_devices(words, self._places.all())
        if torn or (rebooted and self.generation > 1 and not words[CLEAN]):
            # Stores that never reached the disk may be missing: what fabrics have told before is over.
            # And of what was in progress only a part may have been written down.
            words[SINCE_NS] = max(time.time_ns(), words[SINCE_NS] + 1)
            slot.lose_track(words, self._places.all())
            log.warning("journal may lack documents of before the power cut", port=self.note.port, torn=torn)
        self._file.store_boot_id()
        words[CLEAN] = 0
        self._file.sync()

    def device_is(self, identity: str) -> None:
        """Say what hangs on the port now."""
        self.device = slot.hash_word(identity)

    # --- the port's thread

    def begin(
        self,
        key: DocKey,
        fabric: str,
        resume_offset: int,
        *,
        pipe: bool,
        keeps: bool = False,
        prefix: bool = False,
        closes: bool = False,
    ) -> int:
        """Enter a document and return its place, to be handed to the other calls.

        `pipe`: the device takes bytes in order and keeps no connection. `keeps`: what it accepted outlives this
        process, as long as the device is the same. `prefix`: bytes that do not count go first.
        `closes`: these close another document, which stays the last one until a byte of this one is taken.

        Raises:
            PortBusy: every slot is taken by documents that no spooler has settled.
        """
        at, words = self._take_place(fabric), self._words
        words[at] = slot.FREE
        kind = slot.kind_of(pipe=pipe, keeps=keeps, prefix=prefix)
        entry = slot.begun(key, kind, resume_offset, self.generation, slot.hash_word(fabric), self.device)
        words[at + slot.UID_A : at + slot.CONFIRMED + 1] = entry
        words[at] = slot.IN_PROGRESS  # last: a kill before this line leaves no trace, and no byte was sent
        self._places.enter(key, at)
        if not closes:
            self.last.is_at(at)
        return at

    def _take_place(self, fabric: str) -> int:
        at = self._places.take()
        if at is None:
            self._reclaim(fabric)
            at = self._places.take()
        if at is None:
            raise PortBusy(
                f"port {self.note.port} has {self._file.slots} documents that wait to be settled",
                port=self.note.port,
                unsettled=self._file.slots,
            )
        return at

    def _reclaim(self, fabric: str) -> None:
        """Drop what ended for other fabrics: one that went away for good must not block the port for ever."""
        ours, words = slot.hash_word(fabric), self._words
        for at in self._places.all():
            key, theirs = slot.key_of(words, at), words[at + slot.FABRIC]
            if words[at] & 0xFF == slot.DONE and theirs != ours:
                self.note.lacks(theirs)
                if self._places.settle(key, theirs, self.generation):
                    what = "unsettled document of another fabric dropped"
                    log.warning(what, port=self.note.port, document=str(key))

    def intend(self, at: int, offset: int) -> None:
        """Say that the next device write may take the document up to `offset`."""
        self._words[at + slot.INTENT] = offset

    def accept(self, at: int, offset: int) -> None:
        """Say that the device took the document up to `offset`."""
        self._words[at + slot.ACCEPTED] = offset
        self.last.is_at(at)

    def acknowledge(self, at: int, offset: int, window: int = 0) -> None:
        """Say that the far end's transport has the document up to `offset`, and how much it may still lose."""
        # In this order: a kill in between may make the doubt larger, and never smaller.
        self._words[at + slot.WINDOW] = window
        self._words[at + slot.ACKED] = offset

    def confirm(self, at: int, offset: int) -> None:
        """Say that the printer itself confirmed the document up to `offset`."""
        self._words[at + slot.CONFIRMED] = offset

    def intent(self, at: int) -> int:
        """Return how far the last device write was meant to get."""
        return self._words[at + slot.INTENT]

    def recoverable(self, at: int) -> bool:
        """Tell whether an interrupted document may go on at all."""
        return slot.recoverable(self._words, at, self.device)

    def resume(self, at: int, offset: int) -> None:
        """Make an interrupted document this process's own again, at an offset that is proven."""
        self._words[at + slot.INTENT] = self._words[at + slot.ACCEPTED] = offset
        self._words[at + slot.ENDED] = self.generation

    def end(
        self,
        at: int,
        win32: int,
        evidence: Evidence = Evidence.NONE,
        *,
        exact: bool = True,
        doubt: int | None = None,
        left: int | None = None,
    ) -> None:
        """Close a document for good: 0 for success, else the code it was broken off with.

        `exact`: the device is at `accepted`, to the byte. `doubt`: from here to the intent nobody can say; with `exact`,
        once the device is another one. `left`: what is known to have left this host ended here, so that the doubt does too.
        """
        words = self._words
        if doubt is not None and left is not None:
            # Of a doubt a byte remains at least, else `accepted` would be taken for the place that is known.
            least = min(doubt + 1, slot.furthest(words, at))
            words[at + slot.INTENT] = max(least, words[at + slot.ACKED], left)
        words[at + slot.DOUBT] = 0 if doubt is None else doubt + 1
        words[at + slot.ENDED] = time.time_ns()
        words[at] = slot.DONE | (int(evidence) << 8) | (slot.EXACT if exact else 0) | (win32 << 32)

    # --- questions

    def find(self, key: DocKey) -> int | None:
        """Return the place of a document, or None."""
        return self._places.find(key)

    def progress(self, at: int) -> Progress:
        """Return what is known about the document at a place, at any time from any thread."""
        return slot.read(self._words, at, self.generation, self.device)

    def known(self, key: DocKey, error: FabricError | None = None) -> Progress:
        """Return what this run knows of a document, with an error beside it; absent ones were not begun in it."""
        at = self._places.find(key)
        found = Progress(key, Phase.NEVER_SEEN) if at is None else self.progress(at)
        found.error = error
        return found

    def outcome(self, key: DocKey, fabric: str) -> Progress:
        """Answer what became of a document; NEVER_SEEN only when that is proven, else UNKNOWN."""
        at = self._places.find(key)
        if at is not None and self._words[at + slot.FABRIC] == slot.hash_word(fabric):
            return self.progress(at)
        made_ms, since_ms = slot.ms_of(key.uid), self._since_ms(fabric)
        proven = at is None and made_ms is not None and since_ms is not None and made_ms > since_ms
        return Progress(key, Phase.NEVER_SEEN if proven else Phase.UNKNOWN)

    def _since_ms(self, fabric: str) -> int | None:
        told_ms = self.note.told_ms(fabric)
        return self._times.get(fabric) if told_ms is None else told_ms

    def store_fence(self, fabric: str, fence: int) -> None:
        """Remember a fence durably, before the port's first document under it.

        Raises OSError, ValueError: the header does not take it.
        """
        self.note.store_fence(fabric, fence, self._times.get(fabric))

    def unsettled(self, fabric: str) -> list[Progress]:
        """Return every document of a fabric that is in progress, interrupted, or ended and not settled."""
        ours = slot.hash_word(fabric)
        return [
            self.progress(at)
            for at in self._places.all()
            if self._words[at + slot.FABRIC] == ours and self._words[at] & 0xFF != slot.SETTLED
        ]

    def settle(self, keys: Iterable[DocKey], fabric: str) -> int:
        """Let go of ended or interrupted documents; return how many. Others, and strangers', are left alone."""
        ours = slot.hash_word(fabric)
        return sum(self._places.settle(key, ours, self.generation) for key in keys)

    def awaits_settling(self, key: DocKey) -> bool:
        """Whether a document is here whose outcome its spooler has not made durable."""
        at = self._places.find(key)
        return at is not None and self._words[at] & 0xFF != slot.SETTLED

    @property
    def fill(self) -> float:
        """The share of its slots that are taken by documents not yet settled, 0 to 1; at 1 it takes no more."""
        return float(self._places.taken / self._file.slots)

    def close(self) -> None:
        """Sync and say that nothing is missing."""
        self._file.sync()
        self._words[CLEAN] = 1
        self._file.sync()
        self._file.close()
