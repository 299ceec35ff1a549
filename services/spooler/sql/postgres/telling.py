"""What a transaction tells the other members, as text of a notification, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator

from spooler.membership import News

CHANNEL = "print_fabric"
_NUMBERS = 500  # in one notification: PostgreSQL takes 8,000 bytes


class Telling:
    """Gathers what one transaction changed. `me` is who tells."""

    def __init__(self, me: int) -> None:
        self.me = me
        self.clear()

    def clear(self) -> None:
        """Forget what was gathered: a transaction begins."""
        self.jobs: set[int] = set()
        self.gone: set[int] = set()
        self.asks: dict[int, int] = {}  # question -> whom
        self.answers: dict[int, int] = {}  # question -> who asked
        self.printers = self.pauses = self.owners = False

    def texts(self) -> Iterator[str]:
        """Yield the notifications."""
        flags = [name for name in ("printers", "pauses", "owners") if getattr(self, name)]
        said = {"flags": flags, "asks": list(self.asks.items()), "answers": list(self.answers.items())}
        if any(said.values()):
            yield json.dumps({"me": self.me, **said})
        for what, numbers in (("jobs", sorted(self.jobs)), ("gone", sorted(self.gone))):
            for start in range(0, len(numbers), _NUMBERS):
                yield json.dumps({"me": self.me, what: numbers[start : start + _NUMBERS]})


def heard(text: str, me: int) -> News | None:
    """Return what a notification says to a member; None: nothing, or its own words."""
    if text.startswith(f'{{"me": {me},'):  # each commit's come back; they need not be read
        return None
    said = json.loads(text)
    if said["me"] == me:
        return None
    flags = said.get("flags", ())
    return News(
        jobs=frozenset(said.get("jobs", ())),
        gone=frozenset(said.get("gone", ())),
        printers="printers" in flags,
        pauses="pauses" in flags,
        owners="owners" in flags,
        asks=frozenset(number for number, whom in said.get("asks", ()) if whom == me),
        answers=frozenset(number for number, who in said.get("answers", ()) if who == me),
    )
