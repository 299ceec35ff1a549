"""A document as a port sees it: its key, what is said about it, and how far it has got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from chassis.errors import FabricError

MOST_OFFSET = (1 << 62) - 1  # of a payload byte; far beyond any document, and safe in every sum

# What a TCP peer may have acknowledged and then lost, bytes, when its window was never seen.
FAR_BUFFER_BYTES = 262144


class DocKey(NamedTuple):
    """One job's attempt: the key of everything a journal knows. `uid` is 16 bytes and never reused."""

    uid: bytes
    attempt: int

    def __str__(self) -> str:
        return f"{self.uid.hex()}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class DocInfo:
    """What the device may want to know about a document (DOC_INFO_2 and more).

    `size_bytes` less the offset it begins at is what the device will be given, exactly; None when nobody knows.
    """

    printer: str = ""
    job_number: int = 0
    document_name: str = ""
    output_file: str = ""
    format: str = ""
    size_bytes: int | None = None
    user: str = ""
    copy: int = 1
    channel: bool = False  # a conversation with the device, and no document (DI_CHANNEL)

    def behind(self, prefix_bytes: int) -> DocInfo:
        """Return what a device is told of the document when bytes of the spooler's own go first."""
        size = None if self.size_bytes is None else self.size_bytes + prefix_bytes
        return replace(self, size_bytes=size) if prefix_bytes else self


class Disposition(StrEnum):
    """How a document ends."""

    COMPLETE = "complete"  # all bytes were sent: flush, wait for what proof there is
    ABORT = "abort"  # cancelled: stop at once
    RESTART = "restart"  # it will be sent again: stop at once
    WITHDRAW = "withdraw"  # had back if it has not begun; else it goes on


class Phase(StrEnum):
    """Where a document stands at this host."""

    NEVER_SEEN = "never_seen"  # the journal proves that nothing of it was printed
    QUEUED = "queued"  # received, not begun
    IN_PROGRESS = "in_progress"
    SENT = "sent"  # its last byte is with the device, whose own word is awaited
    INTERRUPTED = "interrupted"  # the process died in it: offsets as journaled, nobody works on it
    ENDED = "ended"  # offsets and error are final
    UNKNOWN = "unknown"  # the journal that would know is gone


class Evidence(IntEnum):
    """What the end of a document rests on; the numbers are in journal files and never change."""

    NONE = 0
    DRIVER_WRITE = 1  # the driver returned from write()
    TCP_ACK = 2  # the peer's TCP acknowledged every byte
    TCP_CLOSE = 3  # … and then closed its side: the peer's program read up to the end
    OUTPUT_QUEUE = 4  # the terminal's output queue ran empty
    DEVICE_WRITE = 5  # the printer class driver finished the write at the device
    PIPE_READ = 6  # the reader of the pipe took every byte
    FILE_SYNC = 7  # the file was synced and renamed
    PJL = 8  # the printer reported the end of the job
    ESCPOS = 9  # the printer sent the process id that was put behind the document
    ZPL = 10  # the printer's label counter and buffer say so
    NO_ANSWER = 11  # the far end's transport has every byte; the printer was asked and did not answer
    NO_ANSWER_WRITTEN = 12  # the driver has every byte; the printer was asked and did not answer
    LPD = 13  # the line printer daemon acknowledged the data file
    IPP_TAKEN = 14  # the IPP printer took the document; the end of its job was not waited for, or is not told
    IPP_JOB = 15  # the IPP printer's job is completed
    TCP_NO_CLOSE = 16  # the peer's TCP acknowledged every byte; its close was waited for and did not come
    IPP_NO_END = 17  # the IPP printer took the document; its job had not ended when the wait for that did
    ESCPOS_ANSWERED = 18  # as ESCPOS, where the printer may have been off and on before the last byte, unseen
    ZPL_ANSWERED = 19  # the printer's buffer is empty, where it may have been off and on before, unseen


# What the printer itself said: all of the document is out.
SAID_BY_PRINTER = frozenset({Evidence.PJL, Evidence.ESCPOS, Evidence.ZPL, Evidence.IPP_JOB})


@dataclass(slots=True)
class Progress:
    """How far one document has got. Offsets are payload bytes and never go back.

    `uncertain_start` to `uncertain_end`: these may or may not have come out; both 0 means none. `resumable`: a new
    attempt may begin at `accepted`, and what comes out is one whole document.
    """

    key: DocKey
    phase: Phase
    accepted: int = 0
    acked: int = 0
    resume_offset: int = 0
    uncertain_start: int = 0
    uncertain_end: int = 0
    resumable: bool = False
    evidence: Evidence = Evidence.NONE
    transport: Evidence = Evidence.NONE  # who says what is `acked`; not journaled
    win32: int = 0
    error: FabricError | None = None
    confirmed: int = 0  # by the printer itself, to a language monitor
    staged: bool = False  # the host has all of it and needs nobody to go on


class Source(Protocol):
    """A document that lies on this host whole, so that it is printed to its end though nobody can be reached."""

    @property
    def end(self) -> int:
        """Return the offset behind its last payload byte."""

    @property
    def finishes(self) -> bool:
        """Tell whether the next run of this process prints it too."""

    def begin(self) -> None:
        """Say durably that the device may have bytes of it from now on. Raises FabricError: it must not be begun."""

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` payload bytes from an offset on. Raises StoreUnavailable."""

    def answered(self, progress: Progress) -> None:
        """Take note, durably, of what its spooler is told next."""


class Closing(NamedTuple):
    """What closes a document that lies in the device unfinished: bytes that go before the next one and do not count."""

    document: DocKey
    data: bytes  # may be empty: it is left as it is


# Called on the event loop with how far the document is, and whether the slice is done with.
Reply = Callable[[Progress, bool], None]


@dataclass(slots=True)
class Slice:
    """A piece of a document on its way to the port's thread: its start, bytes and end, in any combination.

    Every slice gets any number of replies and then a last one.
    """

    key: DocKey
    reply: Reply
    start: DocInfo | None = None
    resume_offset: int = 0
    resume_prefix: bytes = b""
    guarded: bool = False  # it is not begun behind half a document that `closing` does not name
    closing: Closing | None = None
    offset: int = 0
    data: bytes = b""
    end: Disposition | None = None
    size: int | None = None
    source: Source | None = None  # where its bytes are, when they do not come in slices
    traceparent: str = ""  # with the start: the attempt's place in a trace
