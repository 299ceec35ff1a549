"""A printer that speaks IPP (RFC 8011), as its port uses it: what it takes, one job, and what became of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chassis.errors import DeviceFault, DeviceOffline, FabricError, NotSupported, PortBusy, Verdict
from portmon.facts import Fact
from portmon.ipp import message as ipp_message
from portmon.ipp.facts import DESCRIPTION, facts_of
from portmon.ipp.http_exchange import HttpExchange, Tls
from portmon.ipp.identity import JobLook, OurJob, UpTime, look_in, made_by
from portmon.ipp.message import BadIpp, IppMessage, JobState, Operation, Tag
from portmon.ipp.settings import IppSettings
from portmon.monitor import OpenContext
from portmon.tcp.link import TcpLink

ANY = "application/octet-stream"
_LOOK = (
    "printer-state", "printer-state-reasons", "printer-is-accepting-jobs", "document-format-supported",
    "operations-supported", "printer-commands", "printer-uuid", "printer-up-time", *DESCRIPTION,
)  # fmt: skip
_JOB = (
    "job-id", "job-state", "job-state-reasons", "job-impressions-completed", "job-media-sheets-completed", "job-uuid",
    "time-at-creation", "job-printer-up-time",
)  # fmt: skip
# How documents begin, where nobody said what they are.
_SIGNS = (
    (b"%PDF-", "application/pdf"), (b"RaS2", "image/pwg-raster"), (b"UNIRAST\0", "image/urf"),
    (b"%!", "application/postscript"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x1b%-12345X", "application/vnd.hp-PCL"),
    (b"^XA", "application/vnd.zebra-zpl"),
)  # fmt: skip
_BUSY = {0x0505, 0x0506, 0x0507}
_NOT_FOUND = 0x0406
_NO_FORMAT = {0x040A, 0x0411}
Attribute = tuple[Tag, str, ipp_message.Value | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Look:
    """What the printer says of itself."""

    state: int | None = None
    reasons: tuple[str, ...] = ()
    accepting: bool = True
    formats: frozenset[str] = frozenset()
    operations: frozenset[int] = frozenset()
    commands: frozenset[str] = frozenset()  # of CUPS' command files
    facts: Mapping[str, Fact] = field(default_factory=dict)
    uuid: str = ""
    clock: UpTime = field(default_factory=UpTime)


@dataclass(frozen=True, slots=True)
class IppPlace:
    """Where the printer is. `uri` is what it calls itself, `target` the path of requests."""

    host: str
    uri: str
    target: str
    connect_timeout_s: float
    answer_timeout_s: float


class IppPrinter:
    """One connection to one printer. Waits end early on cancel and close; belongs to one thread."""

    def __init__(self, context: OpenContext, link: TcpLink, tls: Tls | None, place: IppPlace) -> None:
        self._context, self._link, self._place = context, link, place
        self.http = HttpExchange(context, link, tls, ipp_message.MOST_BYTES)
        self._number = 0
        self.user = ""  # on whose behalf jobs are made

    def connect(self) -> None:
        """Make the connection if there is none; the errors are the link's."""
        if not self._link.open:
            self.http.connect(self._place.connect_timeout_s)

    def look(self) -> Look:
        """Ask the printer about itself (Get-Printer-Attributes)."""
        answer = self._ask(Operation.GET_PRINTER_ATTRIBUTES, [(Tag.KEYWORD, "requested-attributes", _LOOK)])
        accepting = answer.flag("printer-is-accepting-jobs")
        return Look(
            answer.number("printer-state"),
            tuple(answer.texts("printer-state-reasons")),
            accepting is not False,
            frozenset(answer.texts("document-format-supported")),
            frozenset(one for one in answer.values("operations-supported") if isinstance(one, int)),
            frozenset(answer.texts("printer-commands")),
            facts_of(answer),
            "".join(answer.texts("printer-uuid")[:1]),
            UpTime(answer.number("printer-up-time")),
        )

    def create(self, title: str, look: Look) -> OurJob:
        """Make a job that waits for its document (Create-Job). `look`: at the printer, from before."""
        answer = self._ask(Operation.CREATE_JOB, [self._user(), (Tag.NAME, "job-name", _name(title))])
        job = made_by(answer, look.clock)
        if job is None:
            raise self._fault("made a job without a number")
        return job

    def begin_document(self, job: OurJob | None, title: str, media_type: str) -> None:
        """Begin to send a document, into a job (Send-Document) or as one (Print-Job); its bytes follow in chunks."""
        names: list[Attribute] = [self._user()]
        if job is None:
            operation = Operation.PRINT_JOB
            names.append((Tag.NAME, "job-name", _name(title)))
        else:
            operation = Operation.SEND_DOCUMENT
            names.insert(0, (Tag.INTEGER, "job-id", job.number))
        names.append((Tag.NAME, "document-name", _name(title)))
        names.append((Tag.MIME_TYPE, "document-format", media_type))
        if job is not None:
            names.append((Tag.BOOLEAN, "last-document", True))
        self.connect()
        self.http.begin(self._place.target, self._place.host)
        self.http.put_chunk(self._request(operation, names))
        self.http.count_payload()

    def result(self) -> IppMessage:
        """Return the answer to the document, once it is whole.

        Raises:
            DeviceFault: the printer refused it; verdict HOLD where sending it again would be refused again.
        """
        answer = self._read_answer()
        if not answer.ok:
            verdict = Verdict.HOLD if answer.code in _NO_FORMAT else None
            raise self._fault(f"refused the document: {ipp_message.refusal(answer)}", verdict)
        if not self.http.answer.keeps_open:
            self.http.drop()
        return answer

    def job(self, ours: OurJob) -> JobLook:
        """Ask what became of a job (Get-Job-Attributes). Another that has its number by now is none of ours."""
        answer = self._ask(
            Operation.GET_JOB_ATTRIBUTES,
            [(Tag.INTEGER, "job-id", ours.number), self._user(), (Tag.KEYWORD, "requested-attributes", _JOB)],
            may_fail=_NOT_FOUND,
        )
        if not answer.ok:
            return JobLook(None)
        found = look_in(answer)
        return found if ours.is_in(found) else JobLook(None)

    def cancel(self, ours: OurJob) -> None:
        """Cancel a job (Cancel-Job); one that has ended already, or has gone, is fine."""
        if self.job(ours).state is not None:
            asked: list[Attribute] = [(Tag.INTEGER, "job-id", ours.number), self._user()]
            self._ask(Operation.CANCEL_JOB, asked, may_fail=0x0404)

    # --- one request

    def _user(self) -> Attribute:
        return (Tag.NAME, "requesting-user-name", _name(self.user or "print-fabric"))

    def _request(self, operation: Operation, attributes: Sequence[Attribute]) -> bytes:
        self._number = self._number % 0x7FFFFFFF + 1
        return ipp_message.request(
            operation, [(Tag.URI, "printer-uri", self._place.uri), *attributes], self._number
        )

    def _ask(self, operation: Operation, attributes: Sequence[Attribute], may_fail: int = 0) -> IppMessage:
        """Ask something small and return the answer.

        Raises:
            DeviceOffline: no answer, or a refusal. PortBusy: not now. DeviceFault: the connection broke.
        """
        data = self._request(operation, attributes)
        timeout, what = self._place.answer_timeout_s, operation.name.replace("_", "-").title()
        # A connection that was kept may have been closed meanwhile, which shows only when it is used.
        kept = self._link.open
        try:
            answered = self._exchange(data, timeout)
        except DeviceFault:
            if not kept or operation is Operation.CREATE_JOB:
                raise
            self.http.drop()
            answered = self._exchange(data, timeout)
        if not answered:
            self.http.reset()
            raise self._offline(f"does not answer to {what}")
        answer = self._read_answer()
        if not self.http.answer.keeps_open:
            self.http.drop()
        if not answer.ok and answer.code != may_fail:
            text = f"refuses {what}: {ipp_message.refusal(answer)}"
            if answer.code in _BUSY:
                raise PortBusy(
                    f"port {self._context.port}: {self._link.where} {text}", port=self._context.port
                )
            raise self._offline(text)
        return answer

    def _exchange(self, data: bytes, timeout_s: float) -> bool:
        self.connect()
        self.http.begin(self._place.target, self._place.host, len(data))
        self.http.put(data)
        return self.http.send_all(timeout_s) and self.http.receive(timeout_s)

    def _read_answer(self) -> IppMessage:
        answer = self.http.answer
        if answer.status != 200:
            known = {401: "it wants a password", 404: "nothing is at that path", 426: "it wants TLS"}
            why = known.get(answer.status, "")
            raise self._offline(f"answers HTTP {answer.status}{why and ': ' + why}")
        try:
            return ipp_message.decode(bytes(answer.body))
        except BadIpp as error:
            raise self._fault(f"gave an answer that is no IPP: {error}") from error

    def _offline(self, what: str) -> FabricError:
        port, where = self._context.port, self._link.where
        return DeviceOffline(f"port {port}: {where} {what}", port=port, device=where)

    def _fault(self, what: str, verdict: Verdict | None = None) -> FabricError:
        port, where = self._context.port, self._link.where
        return DeviceFault(f"port {port}: {where} {what}", port=port, device=where, verdict=verdict)


def printer_of(settings: IppSettings, context: OpenContext) -> IppPrinter:
    """Return the printer that settings speak of, not connected."""
    link = TcpLink(context, settings.host, settings.port, settings.connect_timeout_s)
    tls = (
        Tls(settings.host, verify=settings.verify, sha256=settings.certificate_sha256)
        if settings.tls
        else None
    )
    place = IppPlace(
        settings.authority, settings.uri, settings.path, settings.connect_timeout_s, settings.answer_timeout_s
    )
    return IppPrinter(context, link, tls, place)


def introduced(settings: IppSettings, context: OpenContext) -> Mapping[str, object]:
    """Ask a printer who it is, on a connection of its own; what Probe answers, with its `uri`, `uuid` and `deviceId`."""
    printer = printer_of(settings, context)
    try:
        look = printer.look()
    finally:
        printer.http.drop()
    info = {path.rpartition(":")[2]: str(fact.value) for path, fact in look.facts.items()}
    model = info.get("ModelName", "")
    return {
        "reached": True,
        "language": "ipp",
        "model": model,
        "text": f"{model or settings.uri} (Get-Printer-Attributes answered)",
        "uri": settings.uri,
        "uuid": look.uuid,
        "deviceId": info.get("IEEE1284DeviceId", ""),
    }


def media_type_of(told: str, first: bytes, formats: frozenset[str], port: str) -> str:
    """Return the media type to send a document as: what it is, where the printer takes that; else as any bytes.

    Raises:
        NotSupported: the printer takes neither; verdict HOLD.
    """
    known = {one.lower(): one for one in formats}
    found = told or next((media_type for sign, media_type in _SIGNS if first.startswith(sign)), "")
    if found.lower() in known:
        return known[found.lower()]
    if ANY in known or not known:
        return ANY
    takes = ", ".join(sorted(formats))[:300]
    raise NotSupported(
        f"port {port}: the printer takes {takes} and no {found or 'other bytes'}",
        verdict=Verdict.HOLD,
        port=port,
    )


def is_over(state: int | None) -> bool:
    """Tell whether a job's state is one that it never leaves."""
    return state is not None and state >= JobState.CANCELED


def _name(text: str) -> str:
    return ipp_message.shortened(text, 255) or "document"
