"""One program of the fabric as a child process: begun, watched, begun again when it dies, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from printfabric_client.errors import Failure

_READY_S = 30.0
_POLL_S = 0.03
# A part that lived so long has not died of its settings: the next pause is short again.
_CALM_S = 30.0
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)

Say = Callable[[str], None]


class PartDied(Failure):
    """A program of the fabric ended by itself; its last words are in the message."""

    reason = "PART_DIED"


class Part:
    """A program and how it is started.

    Args:
        name: what people call it.
        program: module, or module:function.
        arguments: returns its arguments; asked at every start, so that a restart takes over addresses.
        ready_file: what it writes when it serves, as JSON.
        log: where its output goes.
    """

    def __init__(
        self, name: str, program: str, arguments: Callable[[], Sequence[str]], ready_file: Path, log: Path
    ) -> None:
        self.name = name
        self.ready: dict[str, Any] = {}
        self._program = program
        self._arguments = arguments
        self._ready_file = ready_file
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._ending = False

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> dict[str, Any]:
        """Start it and return what it wrote when it was ready.

        Raises:
            PartDied: it ended instead, or was not ready in time.
        """
        self._ready_file.unlink(missing_ok=True)
        tether = (sys.executable, "-m", "printfabric_client.up.tether", str(os.getpid()))
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tether, self._program, *self._arguments(),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                # Ctrl-C at the terminal is for us; the parts end in order.
                start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + _READY_S
        while not (found := self._read_ready()):
            if self._process.returncode is not None:
                raise PartDied(f"{self.name}: does not start: {self.last_words()}")
            if time.monotonic() > end:
                raise PartDied(f"{self.name}: not ready after {_READY_S:g} s; log: {self._log}")
            await asyncio.sleep(_POLL_S)
        self.ready = found
        return found

    async def keep_running(self, say: Say, begun: Callable[[], None]) -> None:
        """Wait for its end and start it again, until `end` is called. `begun` is called after each start."""
        tries = 0
        while True:
            started = time.monotonic()
            assert self._process is not None
            code = await self._process.wait()
            if self._ending:
                return
            tries = 0 if time.monotonic() - started > _CALM_S else tries
            pause_s = _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]
            say(f"{self.name}: ended ({_how(code)}), starting again in {pause_s:g} s; log: {self._log}")
            tries += 1
            await asyncio.sleep(pause_s)
            try:
                await self.start()
            except PartDied as error:
                say(error.message)
            else:
                say(f"{self.name}: running again")
                begun()

    async def end(self, patience_s: float) -> None:
        """Ask it to end, and make it end after `patience_s`."""
        self._ending = True
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), patience_s)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._ending = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def last_words(self) -> str:
        """Return the last line of its log, short."""
        try:
            lines = self._log.read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        text = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return f"{text[:300]}; log: {self._log}"

    def _read_ready(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._ready_file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _how(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
