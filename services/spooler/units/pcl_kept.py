"""What is kept of the commands of a document, so that its environment can be made again. Pure.

Commands give each other their meaning (a margin in columns goes by the width of a column at that time), so values are not
sorted into a list of ours. Of each property the command is kept that set it last, with those that gave it its meaning
then; all are said again in the order of the document, where each of them finds what it found before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from spooler.units.pcl_commands import Sets
from spooler.units.prefix import MOST_STRETCHES, Stretch

_MOST_JOINED = 16  # commands of which one property is made


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A command as it came, and those without which it would mean something else."""

    order: int
    pieces: tuple[bytes | Stretch, ...]
    needs: tuple[Said, ...] = ()


class Command(NamedTuple):
    """One command, alone though others may be combined with it; `data` is what follows it."""

    family: bytes
    value: bytes
    letter: bytes
    whole: Stretch | None = None  # the sequence with its data, where it holds no other command
    data: Stretch | None = None

    @property
    def words(self) -> bytes:
        """It, as it would be said alone."""
        return b"\x1b" + self.family + self.value + self.letter

    @property
    def pieces(self) -> tuple[bytes | Stretch, ...]:
        """It, with its data."""
        return (self.words, self.data) if self.data is not None else (self.words,)

    @property
    def name(self) -> str:
        """It, for people."""
        return "ESC " + (self.family + self.value + self.letter).decode("ascii", "replace")


class Kept:
    """Properties, each made of the commands that are needed to make it so, and what was downloaded."""

    def __init__(self) -> None:
        self.now: dict[str, tuple[Said, ...]] = {}
        self.stored: list[Said] = []
        self.why = ""  # nobody can say what is in force
        self._order = 0

    def refuse(self, why: str) -> None:
        """From here on nobody can say what is in force."""
        self.why = self.why or why

    def new(self, *pieces: bytes | Stretch, needs: Iterable[Said] = ()) -> Said:
        """Return what comes after all others."""
        self._order += 1
        return Said(self._order, pieces, tuple(needs))

    def put(self, what: str, said: Said) -> None:
        """A property is what one command has made it."""
        self.now[what] = (said,)

    def at(self, names: Iterable[str]) -> Iterator[Said]:
        """Yield what made these properties what they are."""
        for name in names:
            yield from self.now.get(name, ())

    def store(self, pieces: tuple[bytes | Stretch, ...], by: str) -> None:
        """See something downloaded, or a command about such; the property `by` gives it its number."""
        last = self.stored[-1] if self.stored else None
        first, before = pieces[0], last.pieces[-1] if last is not None else b""
        if (
            last is not None
            and isinstance(first, Stretch)
            and isinstance(before, Stretch)
            and before.end == first.start
        ):
            merged = (*last.pieces[:-1], Stretch(before.start, first.end))
            self.stored[-1] = Said(last.order, merged, tuple({*last.needs, *self.at((by,))}))
        elif len(self.stored) >= MOST_STRETCHES:
            self.refuse(f"more than {MOST_STRETCHES} stretches of it download fonts, patterns or macros")
        else:
            self.stored.append(self.new(*pieces, needs=self.at((by,))))

    def set(self, sets: Sets, one: Command) -> None:
        """See a command that sets something."""
        own, pieces = sets.what[0], one.pieces
        before = self.now.get(own, ())
        changes = bool(before) and before[-1].pieces != pieces
        # Said again, or for the first time, it may reset nothing: then what was set and what may reset it are both kept.
        resets, touches = (sets.resets, sets.touches) if changes else ((), (*sets.resets, *sets.touches))
        undone = [name for name in resets if name in self.now]
        joined = [name for name in touches if name in self.now and self.now[name][-1].pieces != pieces]
        first = before[:1] if touches and not changes else ()  # of those that say the same
        needs = [*self.at(sets.needs), *first]
        if changes and (undone or joined):
            needs.append(self.new(*before[-1].pieces))  # without it nothing would change
        said = self.new(*pieces, needs=needs)
        for name in joined:
            self.now[name] = (*self.now[name], said)
            if len(self.now[name]) > _MOST_JOINED:
                self.refuse(f"nobody knows what {one.name} has left of what was set before")
        for name in (*undone, *sets.what):
            self.put(name, said)
        self.now[own] = (*first, said)


def closure(said: Iterable[Said]) -> list[Said]:
    """Return these with all that they need, in the order of the document."""
    found: set[Said] = set()
    waiting = list(said)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += one.needs
    return sorted(found, key=lambda one: one.order)
