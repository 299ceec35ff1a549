"""What is kept of the commands of PCL: one command may reset what others have set, and printers differ about it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from spooler.units.kept import Kept
from spooler.units.pcl_commands import Sets
from spooler.units.prefix import Stretch

_MOST_JOINED = 16  # commands of which one property is made


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


class KeptPcl(Kept):
    """Properties of PCL."""

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
