"""Values that a printer is asked for by name, in its own language and between documents (GetPrinterDataFromPort)."""

from __future__ import annotations

import time

from chassis.errors import DeadlineExceeded, InvalidArgument
from portmon.device_wait import READ, WRITE
from portmon.document import DocInfo, DocKey
from portmon.language import Language
from portmon.monitor import OpenContext, Port

_NOBODYS = DocKey(bytes(16), 1)
_READ_BYTES = 65536


def ask_by_name(name: str, language: Language, port: Port, context: OpenContext, answer_s: float) -> bytes:
    """Ask for a value and return it; the port is the one beneath the language.

    Raises:
        InvalidArgument: code 87, the language has no such value, or the printer no way back.
        DeadlineExceeded: code 1460, there was no answer.
    """
    question = language.ask_value(name)
    connects = port.fileno() is None  # a connection lives as long as a document
    if not question or not (port.readable or connects):
        text = f"port {context.port}: {language.name} has no value {name[:64]!r} here"
        raise InvalidArgument(text, fields=[("value_name", "is unknown, or cannot be asked for")])
    if not connects:
        return _answer(name, question, language, port, context, answer_s)
    port.start_doc(_NOBODYS, DocInfo(document_name=name), 0)
    try:
        return _answer(name, question, language, port, context, answer_s)
    finally:
        port.abort_doc(keep=False)


def _answer(
    name: str, question: bytes, language: Language, port: Port, context: OpenContext, answer_s: float
) -> bytes:
    rest, deadline = memoryview(question), time.monotonic() + answer_s
    while (found := language.value(name)) is None:
        if rest:
            rest = rest[port.write(rest) :]
        left = deadline - time.monotonic()
        if left <= 0 or not port.readable:
            text = f"port {context.port}: the printer gave no answer about {name!r} within {answer_s:g} s"
            raise DeadlineExceeded(text, win32=1460, port=context.port)
        bits = context.wait.wait(port.fileno(), READ | (WRITE if rest else 0), left)
        if bits & ~WRITE and (data := port.read(_READ_BYTES)):
            language.hear(data)
            context.received(data)
    return found
