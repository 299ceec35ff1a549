"""What is said to a line printer daemon around a document, and what it answers (RFC 1179, 5 and 6)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chassis.errors import DeviceFault, DeviceOffline, FabricError, WriteTimeout
from portmon.device_wait import READ, WRITE
from portmon.lpd import message as lpd_message
from portmon.monitor import OpenContext
from portmon.tcp.link import TcpLink

_TEXT_S = 0.2  # how long the text behind a refusal may take
_MOST_ANSWER = 256


@dataclass(frozen=True, slots=True)
class LpdJob:
    """What the daemon is told about a document."""

    number: int = 0
    user: str = ""
    title: str = ""


class LpdDialogue:
    """The talk with one daemon over one link; all waits end early on cancel and close."""

    def __init__(
        self, context: OpenContext, link: TcpLink, queue: str, host: str, answer_timeout_s: float
    ) -> None:
        self.where = f"queue {queue} of {link.where}"
        self._context, self._link, self._queue, self._host = context, link, queue, host
        self._answer_timeout_s = answer_timeout_s
        self._heard = bytearray()

    def begin(self, job: LpdJob, size: int, *, control_first: bool) -> None:
        """Bring the daemon to where a data file of `size` bytes comes next; 0: it ends with the connection.

        Raises:
            DeviceOffline: the daemon refuses, or does not answer; nothing of the document was sent.
        """
        self._heard.clear()
        self._ask("job", lpd_message.receive_job(self._queue))
        if control_first:
            self.control_file(job)
        self._ask("data file", lpd_message.data_file_command(size, job.number, self._host))

    def control_file(self, job: LpdJob) -> None:
        """Send the control file; the errors are `begin`'s."""
        text = lpd_message.control_file(self._host, job.user, job.title, job.number)
        self._ask("control file", lpd_message.control_file_command(len(text), job.number, self._host))
        self._ask("control file", text + b"\0")

    def _ask(self, what: str, message: bytes) -> None:
        sent = self.push(memoryview(message), self._answer_timeout_s)
        answer = self.answer() if sent else None
        if answer != "":
            told = f"refuses the {what}: {answer}" if answer else f"does not answer to the {what}"
            raise DeviceOffline(
                f"port {self._context.port}: {self.where} {told}",
                port=self._context.port,
                device=self._link.where,
                answer=answer or "",
            )

    def push(self, data: memoryview, timeout_s: float) -> bool:
        """Send all of a short message; False when the daemon took nothing for so long."""
        deadline = time.monotonic() + timeout_s
        while data:
            data = data[self._link.send(data) :]
            left = deadline - time.monotonic()
            if data and left <= 0:
                return False
            if data:
                self._context.wait.wait(self._link.fileno(), WRITE, left)
        return True

    def answer(self) -> str | None:
        """Return "" for yes, a sentence for no, None when no answer came in time."""
        deadline = time.monotonic() + self._answer_timeout_s
        while not self._heard and self._link.open:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if self._context.wait.wait(self._link.fileno(), READ, left):
                self.listen()
        if not self._heard:
            return "it closed the connection without an answer"
        if not self._heard[0]:
            del self._heard[0]
            return ""
        return self._refusal()

    def listen(self) -> None:
        """Take what the daemon said, without waiting. Raises DeviceFault: the connection broke."""
        self._link.take(self.hear)

    def hear(self, data: bytes) -> None:
        """Take what somebody else read from the link."""
        self._heard += data[: _MOST_ANSWER - len(self._heard)]

    @property
    def spoke(self) -> bool:
        """Whether there is an answer that nobody has looked at."""
        return bool(self._heard)

    @property
    def objected(self) -> bool:
        """Whether the daemon said no, as it may in the middle of a document."""
        return bool(self._heard and self._heard[0])

    def _refusal(self) -> str:
        until = time.monotonic() + _TEXT_S
        while self._link.open and len(self._heard) < _MOST_ANSWER and (left := until - time.monotonic()) > 0:
            if self._context.wait.wait(self._link.fileno(), READ, left):
                self.listen()
        return lpd_message.refusal(bytes(self._heard))

    def refused(self, answer: str = "") -> FabricError:
        """Say that the daemon did not want the document after all."""
        answer = answer or self._refusal()
        return DeviceFault(
            f"port {self._context.port}: {self.where} refused the document: {answer}",
            port=self._context.port,
            device=self._link.where,
            answer=answer,
        )

    def too_slow(self, what: str, seconds: float, acked: int) -> FabricError:
        """Say that the daemon took too long; the document stays where it is."""
        text = f"port {self._context.port}: {self.where} {what} for {seconds:g} s"
        return WriteTimeout(text, port=self._context.port, acked=acked)
