"""What is kept of the commands of a document, so that its environment can be made again. Pure.

Commands give each other their meaning (a margin in columns goes by the width of a column at that time), so values are not
sorted into a list of ours. Of each property the command is kept that set it last, with those that gave it its meaning
then; all are said again in the order of the document, where each of them finds what it found before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spooler.units.prefix import MOST_STRETCHES, Stretch


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A command as it came, and those without which it would mean something else.

    `within`: how the language was spoken there (its prefixes, its mode), where that can change.
    """

    order: int
    pieces: tuple[bytes | Stretch, ...]
    needs: tuple[Said, ...] = ()
    within: bytes = b""


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

    def new(self, *pieces: bytes | Stretch, needs: Iterable[Said] = (), within: bytes = b"") -> Said:
        """Return what comes after all others."""
        self._order += 1
        return Said(self._order, pieces, tuple(needs), within)

    def put(self, what: str, said: Said) -> None:
        """A property is what one command has made it."""
        self.now[what] = (said,)

    def at(self, names: Iterable[str]) -> Iterator[Said]:
        """Yield what made these properties what they are."""
        for name in names:
            yield from self.now.get(name, ())

    def store(self, pieces: tuple[bytes | Stretch, ...], needs: Iterable[Said] = ()) -> None:
        """See something downloaded, or a command about such, with what gives it its number or its meaning."""
        last = self.stored[-1] if self.stored else None
        first, before = pieces[0], last.pieces[-1] if last is not None else b""
        if (
            last is not None
            and isinstance(first, Stretch)
            and isinstance(before, Stretch)
            and before.end == first.start
        ):
            merged = (*last.pieces[:-1], Stretch(before.start, first.end))
            self.stored[-1] = Said(last.order, merged, tuple({*last.needs, *needs}))
        elif len(self.stored) >= MOST_STRETCHES:
            self.refuse(f"more than {MOST_STRETCHES} stretches of it download fonts, patterns or macros")
        else:
            self.stored.append(self.new(*pieces, needs=needs))

    def everything(self) -> list[Said]:
        """Return all that is needed, in the order of the document."""
        return closure((*self.stored, *self.at(self.now)))


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
