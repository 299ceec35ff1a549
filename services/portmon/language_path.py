"""The path to a device: a port monitor, and the language monitor above it (OpenPortEx)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from portmon.facts import Fact
from portmon.host_port import HostPort
from portmon.language import Language
from portmon.language_port import LanguagePort
from portmon.language_questions import ask_by_name
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings


@dataclass(frozen=True, slots=True)
class LanguagePath:
    """A language monitor by name, and whether it speaks; else it passes everything through."""

    kind: type[Language]
    bidirectional: bool
    answer_s: float

    @property
    def name(self) -> str:
        """Return the name that a hold shows."""
        return self.kind.name

    def over(self, port: HostPort) -> PortMonitor[Any]:
        """Return the port's monitor with this language above it."""
        # Without a way back (LPR, IPP) its words would be in the document, and an answer never comes: OpenPortEx refuses
        # that, and what was staged for a port of another type finds its successor so.
        return _Stacked(port, self) if self.bidirectional and port.monitor.readable else port.monitor


class _SpokenPort(LanguagePort):
    """Beside documents: values by name are the language's, and what is not its own is handed on."""

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
        return ask_by_name(name, self._language, self._inner, self._context, self._answer_s)


class _Stacked(PortMonitor[PortSettings]):
    """A language monitor on a port monitor, which a session opens as if it were one."""

    scheme = ""
    name = ""

    def __init__(self, port: HostPort, path: LanguagePath) -> None:
        super().__init__(port.monitor.init)
        self._port, self._path, self._below = port, path, port.monitor

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
        ears.append(language)
        return _SpokenPort(
            inner,
            language,
            context,
            known=self._port.journal.known,
            tell=self._port.facts.tell,
            answer_s=self._path.answer_s,
        )
