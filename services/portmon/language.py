"""What a language monitor is: a filter that speaks the printer's language around documents. Read `monitor.py` first.

A language does no I/O and knows no clock: it is asked for the bytes to send and told the bytes that came. All of it runs
on the port's own thread; `language_port.py` does the writing, the waiting and the counting. What the printer sends is
hostile: a parser is bounded, never raises, and believes nothing that it did not ask for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from portmon.document import DocInfo, DocKey, Evidence
from portmon.facts import Fact
from portmon.reports import Report, Severity


class Before(StrEnum):
    """What the printer was left with before a document."""

    CLEAN = "clean"  # the document before it is out
    SENT = "sent"  # … was sent to its end, and may wait in the printer's memory
    UNKNOWN = "unknown"  # nobody knows who used the printer before
    BROKEN = "broken"  # half a document
    CANCELED = "canceled"  # half a document that nobody wants any more

    @property
    def is_half(self) -> bool:
        """Return whether a document may wait for its rest."""
        return self not in (Before.CLEAN, Before.SENT)


class Word(StrEnum):
    """What the printer has said about the document in progress."""

    NONE = "none"
    CONFIRMED = "confirmed"  # all of it is out
    ANSWERED = "answered"  # its end has come out; whether all before it has, a restart may hide
    LOST = "lost"  # it gave up the document, or forgot it
    UNPROVEN = "unproven"  # nothing that it says will prove more


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A document on its way through a language."""

    key: DocKey
    info: DocInfo
    before: Before

    @property
    def tag(self) -> str:
        """Return what its job is called at the printer: the number people know, and what makes an attempt unique."""
        return f"PF {self.info.job_number} {self.job_tag} A{self.key.attempt}"

    @property
    def job_tag(self) -> str:
        """Return the part that all attempts of its job have in common; UUIDv7 ends in random bits."""
        return self.key.uid.hex()[-12:]


@dataclass(frozen=True, slots=True)
class Opening:
    """What OpenPortEx tells a language monitor beside the port."""

    printer: str = ""  # that it is opened for; others with the same language monitor print through it, too
    functions: frozenset[str] = frozenset()  # the port monitor's, by Windows' names: "ReadPort"


class Language(ABC):
    """One language, for one opening of a port.

    `pipe`: bytes that run on from document to document, on a line; else a connection. `restart_shows`: a printer that is
    switched off and on ends the opening; on a line without that, nobody else notices.
    """

    name: ClassVar[str]  # as people write it: "ESC/POS"
    version: ClassVar[str] = "1.0"
    listed_as: ClassVar[str] = ""  # among the languages that printers name; "": lists of them do not tell
    evidence: ClassVar[Evidence]  # what a CONFIRMED rests on
    answered: ClassVar[Evidence]  # … and an ANSWERED, where that is ever said
    ask_s: ClassVar[float] = 0.25  # how often to ask while a word is awaited
    idle_s: ClassVar[float] = 30.0  # how often to ask between documents, on ports that stay open
    heartbeat_s: ClassVar[float] = 0.0  # a printer that works may be silent for so long

    def __init__(self, *, pipe: bool) -> None:
        self.pipe = pipe
        self.restart_shows = not pipe
        self.opening = Opening()
        self.word = Word.NONE
        self.why = ""  # with LOST: what the printer said
        self.busy = False  # the printer's last word: it is at work, or waits for somebody
        self.cleared = False  # it has thrown away what it was told to

    @classmethod
    def is_among(cls, languages: Sequence[str]) -> bool:
        """Tell whether a printer that names these as its languages understands this one; none: it has not told."""
        known = cls.listed_as
        return not (languages and known) or any(known in one.upper() for one in languages)

    @property
    def reporter(self) -> str:
        """Return the name its reports go by."""
        return self.name.lower().replace("/", "")

    def clear(self, document: Wrapped) -> bytes:
        """Return what empties the printer before a document; it is given a moment to say that it is `cleared`."""
        return b""

    @abstractmethod
    def begin(self, document: Wrapped, first: bytes) -> bytes:
        """A document begins, with these bytes: return what goes before it. Forget the word about the last one."""

    def go_on(self, document: Wrapped) -> None:
        """A document goes on in its middle, where the printer stands: nothing goes before it."""
        self.word, self.why = Word.NONE, ""

    def payload(self, data: memoryview) -> None:
        """These bytes of the document were taken by the device; never kept."""

    @abstractmethod
    def finish(self) -> bytes:
        """Return what goes behind the document."""

    def ask(self) -> bytes:
        """The word is awaited still: return what to ask."""
        return b""

    def rest(self) -> bytes:
        """The word has come: return what to tell the printer before others use it."""
        return b""

    def idle(self) -> bytes:
        """Return what to ask between documents."""
        return b""

    @abstractmethod
    def hear(self, data: bytes) -> bool:
        """Take what came from the printer, in any pieces; tell whether any of it was understood."""

    def confirmed(self) -> int:
        """Return how many bytes of the document the printer said are out already."""
        return 0

    @abstractmethod
    def reports(self) -> list[Report]:
        """Return what is the matter with the printer by its last word."""

    def facts(self) -> Mapping[str, Fact]:
        """Return what is known of the printer, by bidi schema path."""
        return {}

    def ask_value(self, name: str) -> bytes:
        """Return what asks for a value by its name, between documents; b"": this language knows none of that name.

        What was told of it before is forgotten.
        """
        return b""

    def value(self, name: str) -> bytes | None:
        """Return a value that was asked for, in Windows' form; None: it has not come yet."""
        return None

    @property
    def answers_within_s(self) -> float:
        """Return how long a printer that answers at all may be silent before it is taken to have stopped."""
        return max(self.heartbeat_s, 3 * self.ask_s)

    @property
    def in_trouble(self) -> bool:
        """Whether the printer's last word is that somebody has to come."""
        return any(one.severity is Severity.ERROR for one in self.reports())
