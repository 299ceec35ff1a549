"""One slot of a journal: where its words are, and what they prove."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterable
from functools import lru_cache

from portmon.document import FAR_BUFFER_BYTES, MOST_OFFSET, DocKey, Evidence, Phase, Progress

STATE, UID_A, UID_B, ATTEMPT, INTENT, ACCEPTED, ACKED, BASE, STARTED, ENDED = range(10)
CHECK, FABRIC, DEVICE, WINDOW, DOUBT, CONFIRMED = range(10, 16)
FREE, IN_PROGRESS, DONE, SETTLED = range(4)  # the low byte of STATE
# In STATE of ended documents: accepted is where the device is, to the byte; with a DOUBT, this very device.
EXACT = 1 << 16
PIPE = 1 << 32  # in ATTEMPT: a byte pipe, which goes on at any byte that is proven
PREFIX = 1 << 33  # in ATTEMPT: bytes of nobody's document were sent first
KEEPS = 1 << 34  # in ATTEMPT: what was accepted is with the device for as long as that is there
Words = memoryview
_ENTRY = struct.Struct("@16s13Q")  # UID_A to CONFIRMED
_FIXED = struct.Struct("@16s3Q")  # what CHECK is of


def key_of(words: Words, at: int) -> DocKey:
    """Return which document a slot is about."""
    return DocKey(struct.pack("@2Q", words[at + UID_A], words[at + UID_B]), words[at + ATTEMPT] & 0xFFFFFFFF)


def begun(key: DocKey, kind: int, offset: int, run: int, fabric: int, device: int) -> Words:
    """Return the words behind STATE of a document that begins now at `offset`, in one piece to be put there.

    `kind`: see `kind_of`. `run`: the generation of this one. `fabric`, `device`: see `hash_word`.
    """
    attempt, started = key.attempt | kind, time.time_ns()
    fixed = _FIXED.pack(key.uid, attempt, offset, started)
    entry = _ENTRY.pack(
        key.uid,
        attempt,
        offset,
        offset,
        offset,
        offset,
        started,
        run,
        _digest(fixed),
        fabric,
        device,
        0,
        0,
        0,
    )
    return memoryview(entry).cast("Q")


def check_of(words: Words, at: int) -> int:
    """Return the checksum of what never changes in a slot; a torn one does not match its stored word."""
    fixed = words[at + UID_A : at + ATTEMPT + 1].tobytes() + words[at + BASE : at + STARTED + 1].tobytes()
    return _digest(fixed)


def kind_of(*, pipe: bool, keeps: bool, prefix: bool) -> int:
    """Return what ATTEMPT says beside the attempt."""
    return (PIPE if pipe else 0) | (KEEPS if keeps else 0) | (PREFIX if prefix else 0)


@lru_cache(1024)  # of fabrics and devices: a few a host, and asked for with each document
def hash_word(text: str) -> int:
    """Return a text as one 64-bit word, to be compared only."""
    return _digest(text.encode())


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def ms_of(uid: bytes) -> int | None:
    """Return the milliseconds since the epoch in a UUIDv7 (RFC 9562, 5.7), or None for any other id."""
    return int.from_bytes(uid[:6], "big") if len(uid) == 16 and uid[6] >> 4 == 7 else None


def lose_track(words: Words, places: Iterable[int]) -> None:
    """Say of documents in progress that they may have got to their ends, wherever those are."""
    for at in places:
        if words[at] & 0xFF == IN_PROGRESS:
            words[at + INTENT] = MOST_OFFSET


def lose_devices(words: Words, places: Iterable[int]) -> None:
    """Say that no device keeps anything that it was given: this is another boot."""
    for at in places:
        if words[at + ATTEMPT] & KEEPS:
            words[at + DEVICE] = 0


def is_whole(words: Words, at: int) -> bool:
    """Tell whether a document came to its end, and that is proven."""
    state = words[at]
    return state & 0xFF in (DONE, SETTLED) and not state >> 32 and bool(state & 0xFF00)


def furthest(words: Words, at: int) -> int:
    """Return how far a document may have got at most, as it was written down before and after each device write."""
    return max(words[at + ACCEPTED], words[at + INTENT])


def in_prefix(words: Words, at: int) -> bool:
    """Tell whether a document had not got beyond the bytes that were sent before it."""
    return bool(words[at + ATTEMPT] & PREFIX) and words[at + ACCEPTED] == words[at + BASE]


def read(words: Words, at: int, generation: int, device: int) -> Progress:
    """Return what a slot proves. Safe while the port's thread goes on writing.

    `generation`: which run of the process is alive. `device`: what hangs on the port now.
    """
    state = words[at]
    # Order matters beside a running write: intent is stored before accepted, so it is read after it. A document that
    # ended has the end of its doubt there.
    found = Progress(
        key_of(words, at), Phase.ENDED, words[at + ACCEPTED], words[at + ACKED], words[at + BASE]
    )
    intent = words[at + INTENT]
    found.confirmed = words[at + CONFIRMED]
    found.win32, found.evidence = state >> 32, Evidence(state >> 8 & 0xFF)
    same = words[at + DEVICE] == device
    same_pipe = same and bool(words[at + ATTEMPT] & PIPE)
    if state & 0xFF == IN_PROGRESS:
        live = words[at + ENDED] == generation
        found.phase = Phase.IN_PROGRESS if live else Phase.INTERRUPTED
        if not live:
            judge_interrupted(words, at, found, device)
            found.resumable = same_pipe and not found.uncertain_end and not in_prefix(words, at)
    else:
        if words[at + DOUBT] and not (same and state & EXACT):
            found.uncertain_start, found.uncertain_end = words[at + DOUBT] - 1, intent
        found.resumable = bool(found.win32 and same_pipe and state & EXACT)
    return found


def judge_interrupted(words: Words, at: int, found: Progress, device: int) -> None:
    """Say what is in doubt about a document whose process died. `device`: what hangs on the port now."""
    end, start = furthest(words, at), found.accepted
    if not (words[at + ATTEMPT] & KEEPS and words[at + DEVICE] == device):
        # The connection died with the process, or the driver's queue did: the kernel drops what a line that is stopped
        # has not sent. What the far end had acknowledged may have died with them, or with the device.
        unknown = 0 if words[at + ATTEMPT] & PIPE else FAR_BUFFER_BYTES
        start = max(found.resume_offset, found.acked - (words[at + WINDOW] or unknown), found.confirmed)
    if end > start:
        found.uncertain_start, found.uncertain_end = start, end


def recoverable(words: Words, at: int, device: int) -> bool:
    """Tell whether an interrupted document may go on at all: a pipe, the same device, not amid its prefix.

    Of what keeps all that it took, the device may still be asked how far the last write got.
    """
    kind = words[at + ATTEMPT]
    if not kind & PIPE or words[at + DEVICE] != device or in_prefix(words, at):
        return False
    found = Progress(
        key_of(words, at), Phase.INTERRUPTED, words[at + ACCEPTED], words[at + ACKED], words[at + BASE]
    )
    found.confirmed = words[at + CONFIRMED]
    judge_interrupted(words, at, found, device)
    return bool(kind & KEEPS) or not found.uncertain_end
