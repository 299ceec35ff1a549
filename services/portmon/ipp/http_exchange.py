"""HTTP requests over one connection, with TLS or without, streamed with the printer's own pace. Blocks only in waits."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections import deque

from chassis.errors import DeviceFault, DeviceOffline, FabricError
from portmon.device_wait import READ, WRITE
from portmon.ipp.http_answer import BadHttp, HttpAnswer
from portmon.monitor import OpenContext
from portmon.tcp.link import TcpLink

_READ_BYTES = 65536


class Tls:
    """How a printer's certificate is looked at: `verify` by the system's authorities, `sha256` one certificate alone."""

    def __init__(self, host: str, *, verify: bool, sha256: str) -> None:
        self.host, self.sha256 = host.partition("%")[0], sha256.replace(":", "").lower()
        self.context = ssl.create_default_context()
        if not verify:  # printers sign their certificates themselves
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE


class HttpExchange:
    """One connection and the request on it. `put` and `flush` never wait; the rest waits no longer than told."""

    def __init__(self, context: OpenContext, link: TcpLink, tls: Tls | None, most_answer_bytes: int) -> None:
        self.link = link
        self.answer = HttpAnswer(0)
        self._context, self._tls, self._most = context, tls, most_answer_bytes
        self._out = bytearray()  # on its way into the kernel
        self._queued = 0  # bytes of this connection given to `_out` so far
        self._marks: deque[tuple[int, int]] = (
            deque()
        )  # up to which byte of the connection goes which payload byte
        self._payload = self._acked = 0
        self.transmitted: int | None = None  # payload bytes that may have left this host, once that is known
        self._secure: ssl.SSLObject | None = None
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()

    # --- the connection

    def connect(self, timeout_s: float) -> None:
        """Make the connection anew; the errors are the link's, and DeviceOffline when TLS is not agreed on."""
        self.drop()
        self.link.connect()
        if self._tls is not None:
            self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._secure = self._tls.context.wrap_bio(
                self._coming, self._going, server_hostname=self._tls.host
            )
            try:
                self._shake_hands(self._secure, self._tls.sha256, time.monotonic() + timeout_s)
            except BaseException:
                self.link.reset()
                raise

    def _shake_hands(self, secure: ssl.SSLObject, sha256: str, deadline: float) -> None:
        while True:
            try:
                secure.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._encrypted()
                self._wait_for(READ, deadline)
                data = self.link.recv(_READ_BYTES)
                self._coming.write(data)
                if not self.link.open:
                    self._coming.write_eof()
            except ssl.SSLError as error:
                raise self._insecure(
                    error.verify_message
                    if isinstance(error, ssl.SSLCertVerificationError)
                    else error.reason or str(error)
                ) from error
        self._encrypted()
        shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
        if sha256 and shown != sha256:
            raise self._insecure(f"its certificate has another fingerprint: {shown}")

    def _insecure(self, why: str) -> FabricError:
        port = self._context.port
        return DeviceOffline(f"port {port}: {self.link.where}: TLS: {why}", port=port, device=self.link.where)

    def _wait_for(self, events: int, deadline: float) -> None:
        self.flush()
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._insecure("the printer does not answer")
        self._context.wait.wait(self.link.fileno(), events | (WRITE if self._out else 0), left)

    def _encrypted(self) -> None:
        data = self._going.read()
        self._out += data
        self._queued += len(data)

    def drop(self) -> None:
        """Close the connection."""
        self._note_progress()
        self.link.drop()
        self._forget()

    def reset(self) -> None:
        """Break the connection off."""
        self._note_progress()
        self.link.reset()
        self._forget()

    def _forget(self) -> None:
        self._out.clear()
        self._marks.clear()
        self._queued = 0
        self._secure = None

    # --- sending

    def begin(self, target: str, host: str, length: int | None = None) -> None:
        """Begin a request; `length` None: its body comes in chunks, as it is known."""
        self.answer = HttpAnswer(self._most)
        body = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/ipp\r\n"
            f"User-Agent: print-fabric\r\nAccept-Encoding: identity\r\n{body}\r\n\r\n"
        )
        self.put(head.encode("ascii"))

    def count_payload(self) -> None:
        """Count acknowledged payload bytes from 0 again."""
        self._marks.clear()
        self._payload = self._acked = 0
        self.transmitted = None

    def put(self, data: bytes) -> None:
        """Queue bytes of the connection. Raises DeviceFault: TLS broke."""
        if self._secure is None:
            self._out += data
            self._queued += len(data)
            return
        try:
            self._secure.write(data)
        except ssl.SSLError as error:
            raise self._spoilt(error) from error
        self._encrypted()

    def put_chunk(self, data: bytes | memoryview, *, payload: bool = False) -> None:
        """Queue a chunk of the body; an empty one would be its end."""
        self.put(b"".join((b"%x\r\n" % len(data), data, b"\r\n")))
        if payload:
            self._payload += len(data)
            self._marks.append((self._queued, self._payload))

    def flush(self) -> bool:
        """Give the kernel what it takes; True when nothing is left. Raises DeviceFault."""
        while self._out:
            with memoryview(self._out) as view:
                count = self.link.send(view)
            if not count:
                return False
            del self._out[:count]
        return True

    def acked(self) -> int:
        """Return how many payload bytes the peer's TCP has acknowledged. Never fails."""
        acked = self.link.acked()
        while self._marks and self._marks[0][0] <= acked:
            self._acked = self._marks.popleft()[1]
        return self._acked

    def _note_progress(self) -> None:
        """Note how far the payload got, before the connection is forgotten. A chunk that left in part counts as one."""
        self.acked()
        left = self.link.transmitted
        if left is not None and self._marks:
            self.transmitted = next((payload for at, payload in self._marks if at >= left), self._payload)

    # --- receiving

    def listen(self) -> None:
        """Take what has come, without waiting.

        Raises:
            DeviceFault: the connection broke, or what came is no answer.
        """
        data = self.link.recv(_READ_BYTES)
        try:
            if self._secure is not None:
                data = self._decrypted(self._secure, data)
            self.answer.feed(data)
            if not self.link.open:
                self.answer.end()
        except (BadHttp, ssl.SSLError) as error:
            raise self._spoilt(error) from error

    def _spoilt(self, error: Exception) -> FabricError:
        port = self._context.port
        return DeviceFault(f"port {port}: {self.link.where}: {error}", port=port, device=self.link.where)

    def _decrypted(self, secure: ssl.SSLObject, data: bytes) -> bytes:
        self._coming.write(data)
        plain = bytearray()
        while True:
            try:
                more = secure.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                self.link.open = False
                break
            if not more:
                break
            plain += more
        self._encrypted()
        return bytes(plain)

    def send_all(self, timeout_s: float) -> bool:
        """Wait until everything queued is with the kernel; False when nothing moved for so long.

        Ends early, with True, when the printer has answered already.
        """
        deadline = time.monotonic() + timeout_s
        while not self.answer.done:
            before = len(self._out)
            if self.flush():
                return True
            if len(self._out) < before:
                deadline = time.monotonic() + timeout_s
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._context.wait.wait(self.link.fileno(), READ | WRITE, left) & ~WRITE:
                self.listen()
        return True

    def receive(self, timeout_s: float) -> bool:
        """Wait for the whole answer; False when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while not self.answer.done:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._context.wait.wait(self.link.fileno(), READ, left):
                self.listen()
        return True
