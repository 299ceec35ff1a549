"""A folder with a picture and a text of every unit that left the printer, for people to look at."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from printfabric_sim.personality import Personality
from printfabric_sim.record import Outcome, UnitRecord
from printfabric_sim.unit import Unit

# Pictures that may wait to be drawn; beyond that they are left out, so that a fast printer is not slowed.
_WAITING = 64


class Gallery:
    """Draws units on a thread of its own: `000017-SERIAL.png` and `.txt`.

    A unit that left torn is drawn too, its file marked. The newest `keep` units stay in the folder.
    """

    def __init__(
        self, folder: Path, personality: Personality, loop: asyncio.AbstractEventLoop, keep: int = 200
    ) -> None:
        self._folder = folder
        self._personality = personality
        self._loop = loop
        self._keep = keep
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._files: list[str] = []

    def unit_left(self, entry: UnitRecord, unit: Unit) -> None:
        """Have a unit drawn."""
        if self._waiting >= _WAITING:
            return
        if self._pool is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="gallery")
        self._waiting += 1
        drawn = self._pool.submit(self._draw, entry, unit.content)
        drawn.add_done_callback(lambda done: self._drawn(entry.unit, done))

    def close(self) -> None:
        """Wait until everything waiting is drawn."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _drawn(self, unit: int, drawn: Future[None]) -> None:
        """On the drawing thread: hand the result over to the loop."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._done, unit, drawn.exception())

    def _done(self, unit: int, error: BaseException | None) -> None:
        self._waiting -= 1
        if error is not None:
            self._personality.machine.event("not drawn", unit=unit, error=f"{type(error).__name__}: {error}")

    def _draw(self, entry: UnitRecord, content: bytes) -> None:
        serial = re.sub(r"[^A-Za-z0-9._-]", "_", entry.serial or "")[:40]
        mark = "" if entry.outcome is Outcome.PRINTED else f"-{entry.outcome}"
        stem = f"{entry.unit:06d}{'-' + serial if serial else ''}{mark}"
        (self._folder / f"{stem}.txt").write_text(self._personality.text(content) + "\n", encoding="utf-8")
        # Whoever sees a picture sees all of it.
        drawing = self._folder / f".{stem}.png"
        self._personality.render(content).save(drawing)
        drawing.replace(self._folder / f"{stem}.png")
        self._files.append(stem)
        if len(self._files) > self._keep:
            old = self._files.pop(0)
            for suffix in (".txt", ".png"):
                (self._folder / (old + suffix)).unlink(missing_ok=True)
