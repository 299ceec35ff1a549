"""The path to a device: a port monitor, and the language monitor above it (OpenPortEx)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from typing_extensions import override

from chassis import logs
from chassis.errors import InvalidArgument
from portmon.devices.ieee1284 import languages_of
from portmon.document import DocInfo, DocKey
from portmon.facts import Fact
from portmon.host_port import HostPort
from portmon.language import Language, Opening
from portmon.language_port import LanguagePort
from portmon.language_questions import ask_by_name
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings
from portmon.recorded_port import RecordedMonitor
from portmon.reports import Condition, Report, Severity, Source

log = logs.get(__name__)

_SAID_S = 3600.0  # how long it is said that a language is not spoken; each document says it again


@dataclass(frozen=True, slots=True)
class LanguagePath:
    """A language monitor by name, and whether it speaks; else it passes everything through."""

    kind: type[Language]
    bidirectional: bool
    answer_s: float
    opening: Opening = field(default_factory=Opening, compare=False)  # two printers may share one path

    @property
    def name(self) -> str:
        """Return the name that a hold shows."""
        return self.kind.name

    def tells_end(self, port: HostPort) -> bool:
        """Return whether it speaks, and so asks the printer for the end of a document."""
        return self.bidirectional and port.monitor.readable

    def over(self, port: HostPort) -> PortMonitor[Any]:
        """Return the port's monitor with this language above it."""
        # Without a way back (LPR, IPP) its words would be in the document, and an answer never comes: OpenPortEx refuses
        # that, and what was staged for a port of another type finds its successor so.
        below = RecordedMonitor(port.monitor)
        return _Stacked(below, port, self) if self.tells_end(port) else below


class _SpokenPort(LanguagePort):
    """Beside documents: values by name are the language's, and what is not its own is handed on.

    A printer that has told its languages, and not this one, is not spoken to: it would print the words.
    """

    def __init__(
        self, inner: Port, language: Language, context: OpenContext, port: HostPort, answer_s: float
    ) -> None:
        known, tell = port.journal.known, port.facts.tell
        super().__init__(inner, language, context, known=known, tell=tell, answer_s=answer_s)
        self._facts_of_port = port.facts

    def _others(self) -> tuple[str, ...]:
        """Return the languages that the printer understands, if this one is not among them."""
        found = languages_of({**self._facts_of_port.now(), **self._inner.facts()})
        return () if self._language.is_among(found) else found

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        super().start_doc(key, info, resume_offset)
        if info.channel:
            self._through = True
        elif others := self._others():
            self._through = True
            text = f"the printer understands {', '.join(others)}: {self._language.name} is not spoken to it"
            report = Report(Condition.CLEAR, Severity.INFO, text, Source.HOST)
            self._context.report(self._language.reporter, [report], _SAID_S)

    @override
    def look_after(self) -> float | None:
        return self._inner.look_after() if self._others() else super().look_after()

    @override
    def control(self, code: int, data: bytes) -> bytes:
        return self._inner.control(code, data)

    @override
    def maintain(self, what: str) -> None:
        self._inner.maintain(what)

    @override
    def facts(self) -> Mapping[str, Fact]:
        return self._inner.facts()

    @override
    def printer_data(self, name: str) -> bytes:
        if self._others():
            text = f"port {self._context.port}: the printer does not understand {self._language.name}"
            raise InvalidArgument(text, fields=[("value_name", "cannot be asked for")])
        return ask_by_name(name, self._language, self._inner, self._context, self._answer_s)


class _Stacked(PortMonitor[PortSettings]):
    """A language monitor on a port monitor, which a session opens as if it were one."""

    scheme = ""
    name = ""

    def __init__(self, below: PortMonitor[Any], port: HostPort, path: LanguagePath) -> None:
        super().__init__(below.init)
        self._below, self._port, self._path = below, port, path

    @override
    def device(self, port: str, settings: PortSettings) -> str:
        return self._below.device(port, settings)

    @override
    def identity(self, port: str, settings: PortSettings) -> str:
        return self._below.identity(port, settings)

    @override
    def open_port(self, port: str, settings: PortSettings, context: OpenContext) -> Port:
        ears: list[Language] = []

        def received(data: bytes) -> None:
            for language in ears:
                language.hear(data)
            context.received(data)

        inner = self._below.open_port(port, settings, replace(context, received=received))
        language = self._path.kind(pipe=inner.resumable)
        language.restart_shows = inner.shows_restart or not inner.resumable
        language.opening = opening = self._path.opening
        ears.append(language)
        functions = sorted(opening.functions)
        log.info(
            "language monitor opened",
            port=port,
            language=language.name,
            printer=opening.printer,
            functions=functions,
        )
        return _SpokenPort(inner, language, context, self._port, self._path.answer_s)
