"""A port as the spooler sees it: what it asks of a host, and what it hears back. No wire in here.

Interfaces belong to their consumer: `spooler.remote_port` implements these over gRPC, tests by hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from chassis.errors import FabricError
from spooler.ledger import EvidenceLevel, EvidenceSource
from spooler.printer import STRAIGHT, Way


class DocumentKey(NamedTuple):
    """One document on its way: the job's uid (16 bytes) and the attempt, from 1."""

    uid: bytes
    attempt: int


# A host refuses a document so while half of another one lies in the device.
UNFINISHED = "UNFINISHED_DOCUMENT"


class Closing(NamedTuple):
    """What goes before a document because half of another one lies in the device; no part of either."""

    document: DocumentKey  # the half one
    data: bytes = b""  # empty: it is left as it is
    words: str = ""  # for the record of what begins behind it


class DataQuestion(NamedTuple):
    """What is asked of a device beside documents (GetPrinterDataFromPort): a value by its name, or a device control."""

    value_name: str = ""
    control_id: int = 0  # 0: the value
    data: bytes = b""  # the control's input
    request_id: str = ""  # a repeat with the same has the same answer


class Phase(StrEnum):
    """Where a document stands at its host."""

    NEVER_SEEN = "never_seen"  # the host can prove that it never saw it
    QUEUED = "queued"  # received, not begun
    IN_PROGRESS = "in_progress"
    SENT = "sent"  # all bytes are with the device; its own word is awaited
    ENDED = "ended"  # offsets and error are final
    UNKNOWN = "unknown"  # the journal that would know is gone


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one document has got at its host. Offsets are payload bytes and never go back."""

    key: DocumentKey
    phase: Phase
    accepted: int = 0
    acked: int = 0
    confirmed: int = 0
    uncertain_start: int = 0
    uncertain_end: int = 0
    level: EvidenceLevel = EvidenceLevel.NONE
    source: EvidenceSource | None = None
    transport: EvidenceSource | None = None  # who says what is `acked`, where that is not `source`
    error: FabricError | None = None
    resume_offset: int = 0
    resumable: bool = False
    staged: bool = False  # the host has all of it, and prints it to the end though nobody can be reached

    @property
    def final(self) -> bool:
        """Nothing more will be heard of it."""
        return self.phase in (Phase.ENDED, Phase.NEVER_SEEN, Phase.UNKNOWN)

    @property
    def untouched(self) -> FabricError | None:
        """Why it ended, if no byte of it can have reached the device."""
        nothing = self.accepted <= self.resume_offset and not self.uncertain_end
        return self.error if self.phase is Phase.ENDED and nothing else None


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What a device shall know about a document (DOC_INFO_2 and more)."""

    printer: str
    job_number: int
    document_name: str = ""
    output_file: str = ""
    format: str = ""
    size_bytes: int = 0
    open_ended: bool = False  # it is longer than that, nobody knows yet by how much
    user: str = ""
    copy: int = 1
    resume_offset: int = 0
    resume_prefix: bytes = b""  # sent before that byte, not counted
    closing: Closing | None = None
    traceparent: str = ""  # the attempt's place in its trace; empty: it has none


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a document: its start, bytes and end in any combination that is in order."""

    key: DocumentKey
    start: DocumentInfo | None = None
    offset: int = 0
    data: bytes = b""
    end_size: int | None = None  # set in the last slice: the document's size in bytes
    staged: bool = False  # its bytes are at the host already; with start and end


@dataclass(frozen=True, slots=True)
class StagedDocument:
    """A document that is brought to its host whole: what the host has to know to print it by itself."""

    key: DocumentKey
    info: DocumentInfo
    way: Way = STRAIGHT
    finishes: bool = True  # also by a host that restarts while cut off
    expires_at: datetime | None = None  # after this the host does not begin it any more


class StagedPart(NamedTuple):
    """A piece of it; the last one has the SHA-256 of all."""

    offset: int
    data: bytes = b""
    digest: bytes = b""


class OpenPort(Protocol):
    """A hold on one port, and the stream that documents go through while it lasts."""

    documents: Sequence[Progress]  # what the host still knew when the port was opened

    async def send(self, slices: Sequence[Slice], settled: Sequence[DocumentKey] = ()) -> None:
        """Pass slices on, in order; returns when there is room for more.

        `settled` are documents whose outcome is durable here: the host may forget them.

        Raises:
            FabricError: the stream is broken. What arrived is found out by opening the port again.
        """

    def progress(self) -> AsyncIterator[Sequence[Progress]]:
        """Yield news of documents until the stream ends; then raise why, unless it was closed from here."""

    async def take_back(self, key: DocumentKey) -> Progress:
        """Stop a document, whether it waits or prints, and return how far it got."""

    async def have_back(self, key: DocumentKey) -> Progress:
        """Take a document back that has not begun: NEVER_SEEN. One that has goes on, and is told of."""

    async def printer_data(self, question: DataQuestion) -> bytes:
        """Return what the device answers. Raises FabricError, as the host says."""

    def drop(self) -> None:
        """Let go of the stream and keep the hold: documents in progress wait at the host for the next opening."""

    async def close(self) -> None:
        """Release the port (ClosePort): a document in progress is broken off. Never raises."""


class PortHost(Protocol):
    """The port-monitor service of one host."""

    name: str

    @property
    def near(self) -> bool:
        """Tell whether it is on this machine, so that nothing can come between."""

    async def open_port(self, port: str, fence: int, printer: str, way: Way = STRAIGHT) -> OpenPort:
        """Acquire a port (OpenPort, or OpenPortEx by a `way`) under a fence that is higher than any before.

        Raises:
            PortBusy: another fabric holds it.
            StaleFence: a newer owner of this fabric has it.
            InvalidPrintMonitor: the port lacks what the language monitor needs.
            PortNotFound, DeviceNotConnected, AccessDenied …: as the host says.
            HostUnreachable: the host does not answer.
        """

    async def query(self, port: str, keys: Sequence[DocumentKey]) -> Sequence[Progress]:
        """Ask the host's journal about documents; one answer for each key, in order."""

    async def settle(self, port: str, keys: Sequence[DocumentKey]) -> None:
        """Tell the host that it may forget these documents."""

    async def stage(
        self, port: str, document: StagedDocument, parts: AsyncIterator[StagedPart]
    ) -> tuple[int, bool]:
        """Bring parts of a document to the host; return up to where it has it durably, and whether that is all.

        What the host has already may be sent again. Without parts it is only asked.

        Raises:
            SpoolFull: it has no room now, or never will (verdict HOLD).
            DigestMismatch: its disk gives other bytes back; begin anew.
            HostUnreachable, NotSupported …: as the host says.
        """
