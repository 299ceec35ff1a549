"""A page of the console that is open in no browser: drawn when the live stream says so, as the console's script does."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

_REDRAW_S = 1.5  # console.js: REDRAW_MS
_WAIT_S = 30.0
_VERDICT = re.compile(
    r'data-part="verdict" data-verdict="([a-z-]+)".*?<h2>(.*?)</h2>.*?<p>(?!Why: )(.+?)</p>', re.DOTALL
)
_TAG = re.compile(r"<[^>]+>")  # moments are elements
_STRUCTURE = re.compile(r'data-structure="(\d+)"')


class Said(NamedTuple):
    """What a page says on top."""

    verdict: str  # "host-silent"
    headline: str
    loss: str


class OpenPage:
    """A page as somebody sees it who leaves it open. `says` is what stands there now."""

    def __init__(self, console: str, name: str) -> None:
        """`name` is what the page is about: "jobs/4711", "uploads/order-812", "hosts/edge/ports/COM1:"."""
        host, _, port = name.removeprefix("hosts/").partition("/ports/")
        topic = f"port/{host}/{port}" if port else "page"
        self._page, self._live = f"{console}/{name}", f"{console}/live?topic={quote(topic, safe='')}"
        self.says: Said | None = None
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read)

    @property
    def verdict(self) -> str:
        """Which answer stands there now; empty: none."""
        return self.says.verdict if self.says is not None else ""

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._reader.join()

    def fetched(self) -> Said | None:
        """Return what the page says to somebody who opens it now; None: there is no such page, or no verdict on it."""
        return self._get()[0]

    def _get(self) -> tuple[Said | None, int]:
        """Return what the page says and the structure it was made from."""
        try:
            with urlopen(self._page, timeout=_WAIT_S) as answer:
                text = answer.read().decode()
        except HTTPError as error:
            text = error.read().decode()
        found, structure = _VERDICT.search(text), _STRUCTURE.search(text)
        said = (
            Said(*(html.unescape(_TAG.sub("", part)) for part in found.groups()))
            if found is not None
            else None
        )
        return said, int(structure[1]) if structure is not None else -1

    def _read(self) -> None:
        self.says, structure = self._get()
        drawn = 0.0
        with urlopen(self._live, timeout=_WAIT_S) as stream:
            while not self._over.is_set():  # there is a frame every second
                line = stream.readline()
                if line.startswith(b"data: "):
                    now = json.loads(line.removeprefix(b"data: "))["structure"]
                    if now != structure:
                        self._over.wait(max(0.0, drawn + _REDRAW_S - time.monotonic()))
                        structure, drawn = now, time.monotonic()
                        self.says = self.fetched()
