"""IPP port: a document as one job of a printer that speaks IPP, confirmed by that job's state. Also over TLS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from chassis import logs
from chassis.errors import (
    ConnectionRefused,
    DeviceFault,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    NotSupported,
    PortBusy,
    Verdict,
    WriteTimeout,
)
from portmon.document import MOST_OFFSET, DocInfo, DocKey, Evidence
from portmon.errand import Errand
from portmon.facts import Fact
from portmon.ipp import commands
from portmon.ipp.canceling import cancel
from portmon.ipp.identity import JobLook, OurJob, made_by
from portmon.ipp.message import JobState, Operation
from portmon.ipp.printer import Look, introduced, is_over, media_type_of, printer_of
from portmon.ipp.settings import IppSettings
from portmon.ipp.status import Telling
from portmon.line_store import BriefLineStore
from portmon.monitor import OpenContext, Port, PortMonitor

_CHUNK = 32768
_NOBODYS = DocKey(bytes(16), 1)
_LOOK_EVERY_S = 5.0  # how often the printer is asked about itself while a job of ours is awaited
# Of what came out something is missing or spoiled; nobody says what.
_WITH_ERRORS = "job-completed-with-errors"
_HOW: dict[int | None, str] = {
    JobState.CANCELED: "was canceled at the printer",
    JobState.COMPLETED: "was completed with errors",
}
log = logs.get(__name__)


class IppPort(Port):
    """A port that makes one job of the printer for each document.

    The job is made when the first bytes say what the document is. Until it is completed nobody knows how much of it is
    on paper, so all of a broken document is uncertain.
    """

    piece_bytes = 65536
    stall, acks = "peer_window", Evidence.IPP_TAKEN
    far_buffer_bytes = MOST_OFFSET

    def __init__(self, settings: IppSettings, context: OpenContext) -> None:
        self._settings, self._context = settings, context
        self._printer = printer_of(settings, context)
        self._info, self._look = DocInfo(), Look()
        self._telling = Telling(context.report, settings.low_level)
        self._taken = 0
        self._job: OurJob | None = None
        self._begun = self._ended = self._answered = self._completed = False
        self.readable = False
        self.write_timeout_s = settings.write_timeout_s

    @override
    def fileno(self) -> int | None:
        return self._printer.http.link.fileno()

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._printer.user = info.user
        self._info, self._taken, self._job = info, 0, None
        self._begun = self._ended = self._answered = self._completed = False
        try:
            self._look_at_printer()
        except BaseException:
            self._printer.http.reset()
            raise
        if not self._look.accepting:
            self._printer.http.drop()
            text = f"port {self._context.port}: {self._settings.uri} is not accepting jobs"
            raise DeviceOffline(text, port=self._context.port, device=self._settings.uri)
        self.readable = True

    def _look_at_printer(self) -> None:
        self._look = self._printer.look()
        self._telling.tell(self._look.state, self._look.reasons, self._look.facts)

    def _begin(self, first: bytes) -> None:
        """Make the job, now that the document's beginning tells what it is."""
        wanted = self._settings.document_format
        media_type = wanted
        if wanted == "auto":
            media_type = media_type_of(self._info.format, first, self._look.formats, self._context.port)
        self._make_job(media_type)

    def _make_job(self, media_type: str) -> None:
        title = self._info.document_name or f"job {self._info.job_number}"
        if {Operation.CREATE_JOB, Operation.SEND_DOCUMENT} <= self._look.operations:
            self._job = self._printer.create(title, self._look)
        self._printer.begin_document(self._job, title, media_type)
        self._begun = self.readable = True

    @override
    def write(self, data: memoryview) -> int:
        http = self._printer.http
        if not self._begun:
            self._begin(bytes(data[:64]))
        if http.answer.done:
            self._refused()
        if not http.flush():
            return 0
        piece = data[:_CHUNK]
        http.put_chunk(piece, payload=True)
        self._taken += len(piece)
        http.flush()
        return len(piece)

    def _refused(self) -> None:
        """Raise what the printer says before it has all of the document."""
        self._printer.result()
        raise self._fault("ended the job before it had all of the document")

    def _fault(self, what: str, verdict: Verdict | None = None) -> FabricError:
        text = f"port {self._context.port}: {self._settings.uri} {what}"
        return DeviceFault(text, port=self._context.port, device=self._settings.uri, verdict=verdict)

    @override
    def read(self, size: int) -> bytes:
        """Take the printer's answer, if it comes in the middle of a document."""
        http = self._printer.http
        try:
            if http.link.connected:
                http.listen()
        finally:
            self.readable = http.link.open and not http.answer.done
        return b""

    @override
    def facts(self) -> Mapping[str, Fact]:
        return {**self._look.facts, **self._telling.levels.marks(self._look.facts)}

    @override
    def maintain(self, what: str) -> None:
        """Send one of CUPS' command files, to a printer that says it knows it."""
        self.start_doc(_NOBODYS, DocInfo(document_name=what, format=commands.MEDIA_TYPE), 0)
        try:
            self._send_command(what)
        except BaseException:
            self.abort_doc(keep=False)
            raise

    def _send_command(self, what: str) -> None:
        file = commands.command_file(what, self._look)
        if file is None:
            raise NotSupported(f"port {self._context.port}: the printer has no command for {what}")
        self._make_job(commands.MEDIA_TYPE)
        self._printer.http.put_chunk(file, payload=True)
        self.end_doc()

    @override
    def acked(self) -> int:
        return self._taken if self._answered else self._printer.http.acked()

    @override
    def transmitted(self) -> int | None:
        return self._taken if self._answered else self._printer.http.transmitted

    @override
    def confirmed(self) -> int:
        return self._taken if self._completed else 0

    @override
    def end_doc(self) -> Evidence:
        """Send the end, take the answer, wait for the job; may be called again after a time-out."""
        http = self._printer.http
        if not self._begun:
            self._begin(b"")
        if not self._ended:
            http.put(b"0\r\n\r\n")
            self._ended = True
        if not self._answered:
            if not http.send_all(self.write_timeout_s):
                raise self._too_slow("took nothing", self.write_timeout_s)
            if not http.receive(self._settings.answer_timeout_s):
                raise self._too_slow("gave no answer", self._settings.answer_timeout_s)
            answer = self._printer.result()
            self._job = self._job or made_by(answer, self._look.clock)
            self._answered = True
        found = self._await_job()
        http.drop()
        self._completed, self.readable = found is Evidence.IPP_JOB, False
        return found

    def _too_slow(self, what: str, seconds: float) -> FabricError:
        text = f"port {self._context.port}: {self._settings.uri} {what} for {seconds:g} s"
        return WriteTimeout(text, port=self._context.port, acked=self.acked())

    def _await_job(self) -> Evidence:
        """Wait until the job has ended. A printer that waits (for paper, for other jobs) is waited for without limit.

        Raises:
            DeviceFault: the job ended without all of it printed.
        """
        patience = self._settings.confirm_timeout_s
        if self._job is None or not patience:
            return Evidence.IPP_TAKEN
        deadline, next_look = time.monotonic() + patience, time.monotonic() + _LOOK_EVERY_S
        pause, seen = 0.05, JobLook(0)
        while time.monotonic() < deadline:
            found = self._ask_about(self._job)
            if found is not None:
                if found.state is None:
                    return Evidence.IPP_TAKEN  # the printer remembers it no more
                if is_over(found.state):
                    return self._judge(found)
                if found.state != JobState.PROCESSING or found != seen:
                    deadline, seen = time.monotonic() + patience, found
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + _LOOK_EVERY_S
                    self._ask_about(None)
            self._context.wait.pause(pause)
            pause = min(pause * 1.5, 1.0, patience / 4)
        return Evidence.IPP_NO_END

    def _ask_about(self, job: OurJob | None) -> JobLook | None:
        """Ask about a job, or (None) about the printer; None when there is no answer: silence says nothing about the job."""
        try:
            if job is not None:
                found = self._printer.job(job)
                self._job = job.known_by(found)
                return found
            self._look_at_printer()
        except (DeviceFault, DeviceOffline, DeviceNotConnected, ConnectionRefused, PortBusy) as error:
            log.debug("printer not reached, its job is awaited", port=self._context.port, why=error.message)
            self._printer.http.drop()
        return None

    def _judge(self, job: JobLook) -> Evidence:
        if job.state == JobState.COMPLETED and _WITH_ERRORS not in job.reasons:
            return Evidence.IPP_JOB
        how = _HOW.get(job.state, "was aborted by the printer")
        self._job = None  # there is nothing left to cancel
        told = ", ".join(reason for reason in job.reasons if reason != "none")[:200]
        raise self._fault(f"says that the job {how}{told and f' ({told})'}", Verdict.HOLD)

    @override
    def abort_doc(self, keep: bool) -> bool:
        self._printer.http.reset()
        self.readable = False
        if self._job is not None and not (keep and self._answered):
            job, self._job = self._job, None
            cancel(self._settings, self._context, self._info.user, job)
        return False

    @override
    def look_after(self) -> float | None:
        # A printer that went while its job was awaited is not looked for: nothing waits for it.
        return None if self._begun else self._printer.http.link.look_after()

    @override
    def close(self) -> None:
        self._printer.http.drop()
        self._printer.http.link.close()
        self._telling.end()
        self.readable = False


class IppMonitor(PortMonitor[IppSettings]):
    """Sends documents to a printer as IPP jobs."""

    scheme = "ipp"
    name = "IPP Port"
    description = "Internet Printing Protocol"
    net_attached = True
    settings = IppSettings
    form: ClassVar[dict[str, Any]] = {"summary": "{host}:{port}{path}"}

    @override
    def device(self, port: str, settings: IppSettings) -> str:
        return settings.uri

    @override
    def identity(self, port: str, settings: IppSettings) -> str:
        return f"{settings.host} {settings.uri}"

    @override
    def probe(self, port: str, settings: IppSettings, errand: Errand) -> Mapping[str, Any]:
        return introduced(settings, OpenContext(port, errand.wait, BriefLineStore()))

    @override
    def open_port(self, port: str, settings: IppSettings, context: OpenContext) -> IppPort:
        return IppPort(settings, context)
