"""What is known of a device by paths of the bidi schema: who told, and until when it counts.

Each teller (a language monitor, SNMP, IPP) has its own place, which every new word of it replaces whole. Where two know
the same path, the newer word counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from portmon.reports import Source

_MOST_TELLERS = 16
_MOST_FACTS = 512  # of one teller
_MOST_TEXT = 1024


class Kind(StrEnum):
    """BIDI_TYPE of winspool.h; the words are those of the contract's oneof."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STRING = "string"
    TEXT = "text"
    ENUM = "enum"
    BLOB = "blob"


Value = int | float | bool | str | bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """One value. `at` and `expires_at` are seconds since the epoch."""

    kind: Kind
    value: Value
    source: Source = Source.PRINTER
    teller: str = ""
    at: float = 0.0
    expires_at: float = float("inf")


# Who tells, all that it knows, and for how many seconds that counts.
Telling = Callable[[str, Mapping[str, Fact], float], None]


class Facts:
    """What is known of the device on one port. Any thread may tell and ask."""

    def __init__(self) -> None:
        self._by_teller: dict[str, Mapping[str, Fact]] = {}
        self._lock = threading.Lock()  # guards the change of _by_teller, which is replaced and never altered

    def tell(self, teller: str, facts: Mapping[str, Fact], lasts_s: float = float("inf")) -> None:
        """Replace everything that `teller` told before. Long texts are cut, control characters dropped."""
        now = time.time()
        new = {
            path: replace(one, teller=teller, at=now, expires_at=now + lasts_s)
            for path, one in cleaned(facts).items()
        }
        with self._lock:
            rest = {name: told for name, told in self._by_teller.items() if name != teller}
            if new and len(rest) < _MOST_TELLERS:
                rest[teller] = new
            self._by_teller = rest

    def now(self) -> dict[str, Fact]:
        """Return what counts now, by path in order."""
        moment, found = time.time(), dict[str, Fact]()
        for told in self._by_teller.values():
            for path, fact in told.items():
                if fact.expires_at > moment and (path not in found or found[path].at <= fact.at):
                    found[path] = fact
        return dict(sorted(found.items()))


def cleaned(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return what a device told in measure: so many facts, texts cut and without control characters."""
    return {path: replace(one, value=_clean(one.value)) for path, one in list(facts.items())[:_MOST_FACTS]}


def _clean(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    return "".join(letter for letter in value[:_MOST_TEXT] if letter.isprintable())
