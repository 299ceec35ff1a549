"""A printer that speaks IPP, written by hand over the simulators' codec: an independent one, which the port has to suit."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import time
from pathlib import Path
from typing import Any

from printfabric_sim.connections.ipp_message import (
    IppError,
    Message,
    Tag,
    Value,
    decode,
    keywords,
    message_length,
    values,
)
from tests.contract.network_rigs import RawRig
from tests.contract.peer import wait_for

FORMATS = ("application/octet-stream", "application/pdf", "image/pwg-raster")


class IppRig(RawRig):
    """One connection at a time, any number of requests on each; `jobs` is what became of the documents."""

    scheme, port, answers = "ipp", "IPP_127.0.0.1", False

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Message] = []
        self.jobs: dict[int, int] = {}
        self.reasons: list[str] = ["none"]
        self.formats: tuple[str, ...] = FORMATS
        self.says: dict[str, list[Value]] = {}  # of itself, beside what every printer says
        self.operations: tuple[int, ...] = (2, 4, 5, 6, 8, 9, 11)
        self.refuse: dict[int, int] = {}  # operation: status
        self.end_state = 9  # of a job whose document is whole
        self.end_reason = "none"
        self.mute: set[int] = set()  # operations that get no answer
        self.closes = False  # after each answer
        self.accepting = True
        self.says_of_jobs: dict[str, list[Value]] = {}  # beside what every printer says
        self._tls = tls
        super().__init__(folder)

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.address[1], "tls": self._tls is not None}

    def operations_asked(self) -> list[int]:
        """Return which operations were asked for, in order."""
        return [message.code for message in self.asked]

    def _serve(self, connection: socket.socket, got: bytearray) -> None:
        self.connections.pop()
        with contextlib.suppress(EOFError, OSError):
            wire: socket.socket = connection
            if self._tls is not None:
                wire = self._tls.wrap_socket(connection, server_side=True)
                self._present = wire
            with wire:
                while self._request(wire):
                    pass
                if self._reset.is_set():
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._reset.clear()

    def _request(self, connection: socket.socket) -> bool:
        self._buffer = bytearray()
        head = self._until(connection, b"\r\n\r\n").lower()
        assert head.startswith(b"post ")
        chunked = b"transfer-encoding: chunked" in head
        if not chunked:
            size = int(head.partition(b"content-length:")[2].split()[0])
            message = decode(self._exactly(connection, size))
        else:
            size = int(self._until(connection, b"\r\n"), 16)
            first = self._exactly(connection, size)
            message = decode(first)
            assert message_length(first) == len(first)
            self._exactly(connection, 2)
        self.asked.append(message)
        if chunked and message.code in self.refuse:
            self._answer(connection, self._message(message, self.refuse[message.code]))
            return False
        if chunked:
            self._document(connection)
        if message.code in self.mute:
            return True
        answer = self._reply(message)
        return self._answer(connection, answer)

    def _document(self, connection: socket.socket) -> None:
        document = bytearray()
        self.connections.append(document)
        while size := int(self._until(connection, b"\r\n", document=True), 16):
            document += self._exactly(connection, size, document=True)
            self._exactly(connection, 2, document=True)
        self._exactly(connection, 2, document=True)

    def _reply(self, message: Message) -> Message:
        if message.code in self.refuse:
            return self._message(message, self.refuse[message.code])
        answer = self._message(message, 0)
        number = message.number("job-id") or len(self.jobs) + 1
        if message.code == 11:
            answer.groups.append((Tag.PRINTER, {
                "printer-state": [Value(Tag.ENUM, 3)],
                "printer-state-reasons": keywords(*self.reasons),
                "printer-is-accepting-jobs": [Value(Tag.BOOLEAN, self.accepting)],
                "document-format-supported": values(Tag.MIME_TYPE, self.formats),
                "operations-supported": values(Tag.ENUM, self.operations),
                **self.says,
            }))  # fmt: skip
            return answer
        if message.code == 5:
            self.jobs[number] = 3
        elif message.code in (2, 6):
            self.jobs[number] = self.end_state
        elif message.code == 8:
            self.jobs[number] = 7
        elif number not in self.jobs:
            return self._message(message, 0x0406)
        answer.groups.append((Tag.JOB, {
            "job-id": [Value(Tag.INTEGER, number)],
            "job-state": [Value(Tag.ENUM, self.jobs[number])],
            "job-state-reasons": keywords(self.end_reason),
            **self.says_of_jobs,
        }))  # fmt: skip
        return answer

    @staticmethod
    def _message(message: Message, status: int) -> Message:
        return Message(status, message.request_id, (1, 1), [(Tag.OPERATION, {
            "attributes-charset": [Value(Tag.CHARSET, "utf-8")],
            "attributes-natural-language": [Value(Tag.LANGUAGE, "en")],
        })])  # fmt: skip

    def _answer(self, connection: socket.socket, answer: Message) -> bool:
        body = answer.encode()
        close = b"Connection: close\r\n" if self.closes else b""
        connection.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (close, len(body), body))
        return not self.closes

    # --- bytes

    def _until(self, connection: socket.socket, end: bytes, *, document: bool = False) -> bytes:
        while end not in self._buffer:
            self._more(connection, document)
        line, _, rest = bytes(self._buffer).partition(end)
        self._buffer[:] = rest
        return line

    def _exactly(self, connection: socket.socket, size: int, *, document: bool = False) -> bytes:
        while len(self._buffer) < size:
            self._more(connection, document)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self, connection: socket.socket, document: bool) -> None:
        while True:
            if self._ended or self._reset.is_set():
                raise EOFError
            poll = select.poll()
            stalled = document and not self._flow.is_set()
            poll.register(connection, 0 if stalled else select.POLLIN)
            secure = isinstance(connection, ssl.SSLSocket) and connection.pending() and not stalled
            ready = secure or poll.poll(5)
            if stalled and ready:
                raise EOFError  # broken off while nobody read
            if stalled:
                time.sleep(0.002)
            elif ready:
                data = connection.recv(65536)
                if not data:
                    raise EOFError
                self._buffer += data
                return

    def end_jobs(self, state: int) -> None:
        """Let every job that has not ended end so."""
        wait_for(lambda: self.jobs)
        self.jobs = {number: state if now < 7 else now for number, now in self.jobs.items()}


__all__ = ["FORMATS", "IppError", "IppRig"]
