"""Speaking with a printer through its port, past the queues: who are you (Probe), and a test page (TestPage)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from chassis.errors import NotSupported, WriteTimeout
from portmon.device_wait import READ, WRITE
from portmon.document import DocInfo, DocKey
from portmon.errand import Errand
from portmon.monitor import LineStore, OpenContext, Port, PortMonitor
from portmon.questions import ORDER, QUESTIONS, Answered, Question

_ANSWER_S = 1.5
_QUIET_S = 0.3
_MOST_ANSWER = 4096
_SAY_S = 0.1


class Talk:
    """An opened port in a document of its own, which no journal knows. A context manager."""

    def __init__(
        self, errand: Errand, name: str, monitor: PortMonitor[Any], settings: Any, lines: LineStore
    ) -> None:
        context = OpenContext(name, errand.wait, lines)
        self._errand, self._name = errand, name
        self._ended = False
        self.port: Port = monitor.open_port(name, settings, context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended:
            self.port.abort_doc(keep=False)
        self.port.close()

    def begin(self, title: str, size: int | None = None) -> None:
        """Make the device ready: connect, if it is that kind of port."""
        info = DocInfo(document_name=title, size_bytes=size, format="text/plain", user="fabric")
        self.port.start_doc(DocKey(secrets.token_bytes(16), 1), info, 0)

    def send(self, data: bytes, said: Callable[[int], None] = lambda _: None) -> None:
        """Give all bytes to the driver.

        Raises:
            WriteTimeout: it takes no more.
        """
        sent, since = 0, time.monotonic()
        while sent < len(data):
            count = self.port.write(memoryview(data)[sent : sent + self.port.piece_bytes])
            sent += count
            if count:
                since = time.monotonic()
                said(sent)
                continue
            left = since + self.port.write_timeout_s - time.monotonic()
            if left <= 0:
                raise WriteTimeout(f"port {self._name}: it took {sent} of {len(data)} bytes", port=self._name)
            self._errand.wait.wait(self.port.fileno(), WRITE, min(left, 0.2))

    def hear(self, timeout_s: float = _ANSWER_S) -> bytes:
        """Return what the printer says, b"" when it says nothing for so long."""
        found, until = bytearray(), time.monotonic() + timeout_s
        while self.port.readable and len(found) < _MOST_ANSWER:
            left = until - time.monotonic()
            if left <= 0 or (
                found and not self._errand.wait.wait(self.port.fileno(), READ, min(left, _QUIET_S))
            ):
                break
            if not found:
                self._errand.wait.wait(self.port.fileno(), READ, left)
            found += self.port.read(_MOST_ANSWER - len(found))
        return bytes(found)

    def end(self) -> str:
        """End the document, wait for what proof there is, and name it."""
        evidence = self.port.end_doc()
        self._ended = True
        return evidence.name.lower().replace("_", " ")


def ask(talk: Talk, questions: Sequence[Question]) -> Answered | None:
    """Ask one question after the other until one is answered, and then who it is."""
    for question in questions:
        talk.send(question.ask)
        answered = question.read(talk.hear())
        if answered is None:
            continue
        if question.follow and not answered.model:
            talk.send(QUESTIONS[question.follow].ask)
            more = QUESTIONS[question.follow].read(talk.hear())
            return more or answered
        return answered
    return None


def probe(errand: Errand, talk: Talk, where: str, questions: Sequence[Question]) -> dict[str, Any]:
    """Find out whether somebody is there, and who. Prints nothing."""
    errand.say(0.2, f"{where}: opened")
    talk.begin("who is there?")
    errand.say(0.5, f"{where}: connected" if talk.port.readable else f"{where}: ready to be written to")
    answered = ask(talk, questions) if talk.port.readable else None
    if answered is None:
        reads = "it does not say who it is" if talk.port.readable else "this kind of port has no way back"
        return {"reached": True, "language": "", "model": "", "text": f"{where} takes data; {reads}"}
    who = answered.model or f"a printer that speaks {answered.language}"
    return {
        "reached": True,
        "language": answered.language,
        "model": answered.model,
        "text": f"{who} ({answered.text})",
    }


def print_page(errand: Errand, talk: Talk, data: bytes) -> dict[str, Any]:
    """Print a page and wait for what proof the port has."""
    told = 0.0

    def said(sent: int) -> None:
        nonlocal told
        if time.monotonic() - told > _SAY_S or sent == len(data):
            told = time.monotonic()
            errand.say(0.9 * sent / len(data), f"{sent} of {len(data)} bytes sent", {"accepted": sent})

    talk.begin("test page", len(data))
    talk.send(data, said)
    errand.say(0.9, "waiting for the end")
    evidence = talk.end()
    return {"bytes": len(data), "evidence": evidence, "text": f"{len(data)} bytes sent; proof: {evidence}"}


def questions_for(asked: str | None) -> Sequence[Question]:
    """Return the questions for an input's `ask`: one by name, none for `listen`, one of each language for nothing."""
    if asked == "listen":
        return ()
    return [QUESTIONS[asked]] if asked else [QUESTIONS[one] for one in ORDER]


def refuse_private(name: str, monitor: PortMonitor[Any]) -> None:
    """Refuse ports where a test page would replace a file. Raises NotSupported."""
    if monitor.private(name) or not monitor.talks:
        raise NotSupported(
            f"port {name} leads to a file: there is nobody to ask, and nothing to print a test on"
        )
