"""A host by hand: ports that print into memory, and misbehave when told to. It implements `spooler.port.PortHost`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from chassis.errors import (
    FabricError,
    HostUnreachable,
    InvalidArgument,
    JobCanceled,
    PortBusy,
    StaleFence,
    Verdict,
)
from spooler.ledger import EvidenceLevel, EvidenceSource
from spooler.port import (
    DataQuestion,
    DocumentKey,
    OpenPort,
    Phase,
    Progress,
    Slice,
    StagedDocument,
    StagedPart,
)
from spooler.printer import STRAIGHT, PortName, Way

_PROOF = {
    True: (EvidenceLevel.ACKED, EvidenceSource.TCP_ACK),
    False: (EvidenceLevel.ACCEPTED, EvidenceSource.DRIVER_WRITE),
}


@dataclass
class FakeDocument:
    """What the host knows of one document."""

    key: DocumentKey
    printer: str
    job_number: int
    data: bytearray = field(default_factory=bytearray)
    resume_offset: int = 0
    prefix: bytes = b""  # what came before the payload
    progress: Progress | None = None

    @property
    def accepted(self) -> int:
        return self.resume_offset + len(self.data)


@dataclass
class FakePort:
    """One port: what came out of it, and what it shall do wrong."""

    name: str
    printed: list[FakeDocument] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    documents: dict[DocumentKey, FakeDocument] = field(default_factory=dict)
    fence: int = 0
    session: FakeOpenPort | None = None
    busy: bool = False
    end_error: FabricError | None = None  # every document ends so, untouched
    refuses: FabricError | None = None  # no document is begun: the device is away
    half: FabricError | None = None  # half a document lies there: the next one is begun behind what closes it
    proves: bool = True  # its journal can say of a document that it never saw it
    break_at: int | None = None  # the next document breaks off after so many bytes
    break_resumable: bool = False
    unproven: int = 0  # so many of the next documents end with the driver's word alone
    break_uncertain: int = 0  # how many bytes before the break are uncertain
    break_unsent: int = 0  # how many more its kernel had taken, and never sent
    # The stream is cut after so many bytes of the next document; the document stays.
    cut_at: int | None = None
    sticks_at: int | None = None  # so much of each document is taken, and the rest when it may end
    keeps: bool = False  # a document that was begun cannot be taken back
    data: dict[str | int, bytes] = field(
        default_factory=dict
    )  # what the device answers, by value name or control
    asked: list[DataQuestion] = field(default_factory=list)
    paused: asyncio.Event = field(default_factory=asyncio.Event)  # set: documents end; clear: they wait
    order: list[int] = field(default_factory=list)
    staged: dict[DocumentKey, bytearray] = field(default_factory=dict)  # from the start's resume offset on
    stage_refuses: FabricError | None = None
    stage_waits: asyncio.Event = field(default_factory=asyncio.Event)  # clear: nothing is brought
    takes: asyncio.Event = field(default_factory=asyncio.Event)  # clear: whoever sends waits

    def __post_init__(self) -> None:
        self.paused.set()
        self.stage_waits.set()
        self.takes.set()


class FakeOpenPort(OpenPort):
    """A hold on a fake port."""

    def __init__(self, port: FakePort) -> None:
        self.port = port
        self.documents = [doc.progress for doc in port.documents.values() if doc.progress is not None]
        self.broken: FabricError | None = None
        self.news: asyncio.Queue[Progress | None] = asyncio.Queue()
        self.settled: list[DocumentKey] = []
        self.messages: list[tuple[int, int]] = []  # of how many slices and settled documents each is
        self.ending: set[asyncio.Task[None]] = set()

    async def send(self, slices: Sequence[Slice], settled: Sequence[DocumentKey] = ()) -> None:
        self.settled.extend(settled)
        self.messages.append((len(slices), len(settled)))
        for key in settled:
            self.port.documents.pop(key, None)
        for piece in slices:
            if self.broken is not None:
                raise self.broken
            self._slice(piece)
        await self.port.takes.wait()
        await asyncio.sleep(0)

    def _slice(self, piece: Slice) -> None:
        doc = self._document(piece)
        if doc is None or (doc.progress is not None and doc.progress.final):
            return
        assert piece.offset <= doc.accepted, f"gap: {piece.offset} after {doc.accepted}"
        whole = self.port.staged[piece.key] if piece.staged else piece.data
        data = bytes(whole[doc.accepted - piece.offset :])
        if not self._misbehave(doc, data):
            self._print(doc, piece, data)

    def _document(self, piece: Slice) -> FakeDocument | None:
        """Return the document of a slice; None when the device is away."""
        port = self.port
        doc = port.documents.get(piece.key)
        if doc is None and port.refuses is not None:
            port.calls.append("refused")
            self.news.put_nowait(Progress(piece.key, Phase.NEVER_SEEN, error=port.refuses))
        elif doc is None and port.half is not None and (piece.start is None or piece.start.closing is None):
            port.calls.append("refused")
            self.news.put_nowait(Progress(piece.key, Phase.NEVER_SEEN, error=port.half))
        elif doc is None:
            start = piece.start
            assert start is not None, "a document begins with its start"
            port.half = None
            doc = FakeDocument(
                piece.key,
                start.printer,
                start.job_number,
                resume_offset=start.resume_offset,
                prefix=start.resume_prefix,
            )
            port.documents[piece.key] = doc
            port.order.append(doc.job_number)
            port.calls.append("StartDocPort")
        return doc

    def _misbehave(self, doc: FakeDocument, data: bytes) -> bool:
        """Do what the port was told to do wrong; return whether that was all."""
        port = self.port
        others = [one for one in port.documents.values() if one is not doc]
        if port.end_error is not None:
            self._end(doc, port.end_error)
        elif any(one.data and one.progress is not None and one.progress.error for one in others):
            # Nothing is printed behind half a document until its end is durable at the spooler.
            self._end(doc, PortBusy("an earlier document broke off", verdict=Verdict.RETRY))
        elif port.cut_at is not None and doc.accepted + len(data) >= port.cut_at:
            doc.data += data[: port.cut_at - doc.accepted]
            port.cut_at = None
            self._tell(doc, Phase.IN_PROGRESS)
            self.cut()
        elif port.break_at is not None and doc.accepted + len(data) >= port.break_at:
            doc.data += data[: port.break_at - doc.accepted]
            port.break_at = None
            self._end(doc, HostUnreachable("the device went away"), broke=True)
        else:
            return False
        return True

    def _print(self, doc: FakeDocument, piece: Slice, data: bytes) -> None:
        taken = len(data) if self.port.sticks_at is None else self.port.sticks_at
        doc.data += data[:taken]
        if piece.end_size is None or taken < len(data):
            self._tell(doc, Phase.IN_PROGRESS)
        if piece.end_size is None:
            return
        assert doc.accepted + len(data[taken:]) == piece.end_size
        task = asyncio.get_running_loop().create_task(self._finish(doc, data[taken:]))
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)

    async def _finish(self, doc: FakeDocument, rest: bytes) -> None:
        await self.port.paused.wait()
        if doc.progress is None or not doc.progress.final:
            doc.data += rest
            self.port.printed.append(doc)
            self._end(doc, None)

    def _end(self, doc: FakeDocument, error: FabricError | None, broke: bool = False) -> None:
        port = self.port
        uncertain = broke and not port.break_resumable
        proven = error is not None or not port.unproven
        port.unproven -= not proven
        doc.progress = Progress(
            doc.key,
            Phase.ENDED,
            accepted=doc.accepted + (port.break_unsent if broke else 0),
            acked=(doc.accepted - (port.break_uncertain if broke else 0)) * proven,
            uncertain_start=doc.accepted - port.break_uncertain if uncertain else 0,
            uncertain_end=doc.accepted if uncertain else 0,
            level=EvidenceLevel.NONE if error else _PROOF[proven][0],
            source=None if error else _PROOF[proven][1],
            error=error,
            resume_offset=doc.resume_offset,
            resumable=broke and port.break_resumable,
        )
        if broke and port.break_resumable:
            port.printed.append(doc)
        session = port.session
        if session is not None:
            session.news.put_nowait(doc.progress)

    def _tell(self, doc: FakeDocument, phase: Phase) -> None:
        doc.progress = Progress(doc.key, phase, accepted=doc.accepted, resume_offset=doc.resume_offset)
        self.news.put_nowait(doc.progress)

    def cut(self) -> None:
        """The stream ends; the hold and its documents stay."""
        self.broken = HostUnreachable("cut")
        self.news.put_nowait(None)

    async def progress(self) -> AsyncIterator[Sequence[Progress]]:
        while (news := await self.news.get()) is not None:
            yield [news]
        if self.broken is not None:
            raise self.broken

    async def take_back(self, key: DocumentKey) -> Progress:
        doc = self.port.documents[key]
        if self.port.keeps:
            await asyncio.sleep(60)
        if doc.progress is None or not doc.progress.final:
            doc.data.clear()
            self._end(doc, JobCanceled("taken back"))
        assert doc.progress is not None
        return doc.progress

    async def have_back(self, key: DocumentKey) -> Progress:
        doc = self.port.documents.get(key)
        if doc is None:
            return Progress(key, Phase.NEVER_SEEN, error=JobCanceled("had back"))
        return doc.progress or Progress(key, Phase.IN_PROGRESS, accepted=doc.accepted)

    async def printer_data(self, question: DataQuestion) -> bytes:
        self.port.asked.append(question)
        wanted = question.control_id or question.value_name
        if wanted not in self.port.data:
            raise InvalidArgument(f"there is no {wanted!r} here")
        return self.port.data[wanted]

    def drop(self) -> None:
        self.port.calls.append("drop")

    async def close(self) -> None:
        self.port.calls.append("ClosePort")
        self.port.session = None


class FakeHost:
    """The host."""

    def __init__(self, name: str, *ports: str) -> None:
        self.name = name
        self.ports = {port: FakePort(port) for port in ports}
        self.down = False
        self.near = True
        self.on_up = lambda _host: None

    async def stage(
        self, port: str, document: StagedDocument, parts: AsyncIterator[StagedPart]
    ) -> tuple[int, bool]:
        one, start = self.ports[port], document.info.resume_offset
        await one.stage_waits.wait()
        if one.stage_refuses is not None:
            raise one.stage_refuses
        there = one.staged.setdefault(document.key, bytearray())
        async for part in parts:
            there += part.data[start + len(there) - part.offset :]
            if part.digest:
                assert part.digest == hashlib.sha256(there).digest()
                one.calls.append("StageDocument")
        return start + len(there), start + len(there) == document.info.size_bytes

    async def open_port(self, port: str, fence: int, printer: str, way: Way = STRAIGHT) -> OpenPort:
        await asyncio.sleep(0)
        one = self.ports[port]
        if self.down:
            raise HostUnreachable(f"host {self.name} is down")
        if one.busy:
            raise PortBusy(f"port {port} is held by another", port=port)
        if fence <= one.fence:
            raise StaleFence(
                f"fence {fence} is not above {one.fence}", seen=one.fence, held=one.session is not None
            )
        one.calls.append(f"OpenPortEx {way.language}" if way.language else "OpenPort")
        one.fence = fence
        one.session = FakeOpenPort(one)
        return one.session

    async def query(self, port: str, keys: Sequence[DocumentKey]) -> Sequence[Progress]:
        known = self.ports[port].documents
        unknown = Phase.NEVER_SEEN if self.ports[port].proves else Phase.UNKNOWN
        return [
            known[key].progress or Progress(key, Phase.QUEUED) if key in known else Progress(key, unknown)
            for key in keys
        ]

    async def settle(self, port: str, keys: Sequence[DocumentKey]) -> None:
        for key in keys:
            self.ports[port].documents.pop(key, None)


class FakeHosts:
    """What the dispatcher asks of `spooler.hosts.Hosts`."""

    def __init__(self, *hosts: FakeHost) -> None:
        self._hosts = {host.name: host for host in hosts}
        self.used: dict[str, set[str]] = {}  # by host, the ports that printers use
        self.on_up = lambda _host: None
        self.on_ready = lambda _port: None
        self.on_stopped = lambda _port: None
        self.stopped: set[PortName] = set()  # ports with trouble

    def link(self, host: str) -> FakeHost:
        return self._hosts[host]

    def used_ports_changed(self, used: Mapping[str, Mapping[str, str]]) -> None:
        self.used.update({host: set(ports.values()) for host, ports in used.items()})

    def monitor_of(self, port: PortName) -> str:
        """All ports are of one monitor."""
        return "Local Port"

    def is_stopped(self, port: PortName) -> bool:
        """Say whether a port has trouble."""
        return port in self.stopped
