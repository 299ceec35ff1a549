"""A printer on a pty that hears only what comes at its own speed: a pty has none, so it looks at what the line was set to."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from collections.abc import Callable


class SerialPrinter:
    """Answers `replies` when the line is as it wants it, garbles what comes otherwise, and remembers all of it.

    A pty has no speed, no framing errors and no modem signals: what is set is real, what a wrong speed does to bytes is
    made up here.
    """

    def __init__(
        self,
        fd: int,
        replies: dict[bytes, bytes] | Callable[[bytes], bytes],
        *,
        speed: int = termios.B19200,
        parity: bool = False,
        babbles: bool = False,
    ) -> None:
        self._fd, self._replies, self._speed, self._parity, self._babbles = (
            fd,
            replies,
            speed,
            parity,
            babbles,
        )
        self.heard = bytearray()
        self.speeds: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serial-printer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._fd], [], [], 0.02)[0]:
                continue
            try:
                data = os.read(self._fd, 4096)
                line = termios.tcgetattr(self._fd)
            except OSError:
                time.sleep(0.01)  # nobody has the line open
                continue
            self.heard += data
            if line[5] not in self.speeds:
                self.speeds.append(line[5])
            reply = self._reply(data)
            if line[5] != self._speed:
                reply = bytes(one ^ 0x5A for one in data) if self._babbles else b""
            elif self._parity:
                reply = bytes(one | (0x80 if one.bit_count() % 2 else 0) for one in reply)
            os.write(self._fd, reply)

    def _reply(self, data: bytes) -> bytes:
        """Answer the last question; a slow machine hands over several at once."""
        if callable(self._replies):
            return self._replies(data)
        return next((reply for question, reply in self._replies.items() if data.endswith(question)), b"")

    def until(self, end: bytes, within_s: float = 30.0) -> None:
        """Wait until what was heard ends like this."""
        deadline = time.monotonic() + within_s
        while not self.heard.endswith(end):
            assert time.monotonic() < deadline, bytes(self.heard)
            time.sleep(0.01)

    def stop(self) -> None:
        """Pull the plug; the descriptor stays whoever made it's."""
        self._stop.set()
        self._thread.join()
