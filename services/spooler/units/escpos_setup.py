"""The environment of ESC/POS that receipts lean on: what was set since the last ESC @, and how it is set again. Pure.

After Epson's "ESC/POS Command Reference"; `escpos_settings` says what each command leaves. What was said in page mode is said
again in page mode. Where printers differ (whether they heed a command in the middle of a line, whether page mode has a line
spacing of its own) both are made so again, or it is refused.
"""

from __future__ import annotations

from itertools import groupby

from spooler.units.escpos_settings import (
    DENSITY,
    DOWNLOADS,
    FEEDS,
    KEEPS_FOR_GOOD,
    LEAVES_NOTHING,
    MOVES,
    PRINTS_SYMBOL,
    PRINTS_WAITING,
    REFUSED,
    SETS,
    SETS_LAYOUT,
    STORES,
    STORES_NEED,
    WAITS,
    Sets,
    name_of,
)
from spooler.units.kept import Kept, Said
from spooler.units.prefix import Prefix, Stretch
from spooler.units.splitter import Setup, sendable

RESET = b"\x1b@"
SHORT_BYTES = 64  # longer commands stay in the document and are sent from there
_PAGE_MODE, _STANDARD_MODE = b"\x1bL", b"\x1bS"
_SELECT_PRINTER = b"\x1b=\x01"
_MOST_PROPERTIES = 512  # there are not half as many


class EscPosEnvironment:
    """Follows the commands of one document. Its memory is bounded."""

    def __init__(self) -> None:
        self._chosen = False  # the document chooses among devices on one cable (ESC =)
        self._away = False  # and the printer is not the one that listens
        self._macro = False  # one was defined; ESC @ leaves it
        self._for_good = ""
        self._reset()

    def _reset(self) -> None:
        self._kept = Kept()
        self._page = False
        self._amid_line = False
        self._waiting = False  # graphics were stored and not yet printed
        self._unsure: dict[str, str] = {}  # properties whose command some printers may have passed over

    def text(self, data: bytes) -> None:
        """See what stands between two commands."""
        if self._away:
            return
        if self._page:
            _, feed, data = data.partition(b"\x0c")
            if not feed:
                return
            self._leave_page()
        line = data[data.rfind(b"\n") + 1 :]
        self._amid_line = bool(line.translate(None, b"\r\x00\x0c\x18")) or (self._amid_line and line == data)

    def command(self, data: bytes, place: Stretch) -> None:
        """See a command: all of it, or where it is long its first bytes; `place`: where it stands in the document."""
        lead = data[:3] if data[1:2] == b"(" else data[:2]
        if lead == b"\x1b=":
            self._chosen, self._away = True, not data[2] & 1
        elif self._away or lead[:1] == b"\x10":
            return
        elif lead == RESET:
            self._reset()
        elif lead in (_PAGE_MODE, _STANDARD_MODE):
            self._change_mode(lead)
        elif lead in (b"\x1d(L", b"\x1d8"):
            self._graphics(data, place)
        elif lead in REFUSED:
            self._refuse(lead)
        elif lead in STORES:
            self.store(place)
        elif lead == b"\x1d:":
            self._macro = True
        elif not self._sets(lead, data, place) and lead not in LEAVES_NOTHING:
            self._kept.refuse(f"nobody follows {name_of(lead)}")
        if lead in FEEDS:
            self._amid_line = False
        elif lead in MOVES and not self._page:
            self._amid_line = True

    def store(self, place: Stretch) -> None:
        """See characters or images defined, or deleted."""
        if not self._away:
            self._kept.store((place,), self._kept.at(STORES_NEED))

    def setup(self) -> Setup:
        """Return what sets a printer up from its reset on."""
        why = self._for_good or self._kept.why
        if self._macro:
            why = why or "a macro was defined before it (GS :)"
        if self._page:
            why = why or "it stands in page mode (ESC L)"
        if self._away:
            why = why or "another device than the printer was chosen before it (ESC =)"
        if self._waiting:
            why = why or "graphics that were stored before it may be printed in it (GS ( L)"
        for name in self._unsure.values():
            why = why or f"{name} stands in the middle of a line before it, where not all printers heed it"
        if why:
            return Setup(refusal=why)
        pieces: list[bytes | Stretch] = [_SELECT_PRINTER + RESET if self._chosen else RESET]
        for page, group in groupby(self._kept.everything(), key=lambda said: bool(said.within)):
            words = [piece for said in group for piece in said.pieces]
            pieces += [_PAGE_MODE, *words, _STANDARD_MODE] if page else words
        return sendable(Prefix.of(pieces))

    def _refuse(self, lead: bytes) -> None:
        why = f"{name_of(lead)} {REFUSED[lead]}"
        if "for good" in why:
            self._for_good = self._for_good or why
        self._kept.refuse(why)

    def _change_mode(self, lead: bytes) -> None:
        if lead == _STANDARD_MODE:
            if self._page:
                self._leave_page()
        elif self._amid_line:
            self._kept.refuse("ESC L stands in the middle of a line, where not all printers heed it")
        else:
            self._page = True

    def _leave_page(self) -> None:
        """Page mode is over (FF, ESC S); on most printers its area (ESC W) goes back to the whole."""
        self._page = self._amid_line = False
        if area := self._kept.now.get("area"):
            self._kept.now["area"] = (area[0], self._kept.new(within=_PAGE_MODE))

    def _sets(self, lead: bytes, data: bytes, place: Stretch) -> bool:
        sets = SETS.get(lead)
        if sets is None:
            return False
        first = 5 if lead[1:2] == b"(" else 2
        if lead == b"\x1d(k" and data[6:7] in PRINTS_SYMBOL:
            return True
        if lead == b"\x1c(L" and data[5:6] not in SETS_LAYOUT:
            return True
        which = data[first : first + sets.key].hex()
        self._put(sets, which, data if place.end - place.start <= SHORT_BYTES else place, name_of(lead))
        return True

    def _put(self, sets: Sets, which: str, piece: bytes | Stretch, name: str) -> None:
        kept = self._kept
        what = [f"{one} {which}" if which else one for one in sets.what]
        if sets.modal and self._page:
            what = [f"{one}, page mode" for one in what]
        needs = [*kept.at(sets.needs), *kept.at(f"{need}, page mode" for need in sets.needs)]
        said = kept.new(piece, needs=needs, within=_PAGE_MODE if self._page else b"")
        for one in what:
            if sets.at_start and self._amid_line and not self._page:
                if not _same(kept.now.get(one, ()), said):
                    self._unsure[one] = name
            else:
                self._unsure.pop(one, None)
            kept.put(one, said)
        if len(kept.now) > _MOST_PROPERTIES:
            kept.refuse(f"more than {_MOST_PROPERTIES} things are set before it")
            kept.now.clear()

    def _graphics(self, data: bytes, place: Stretch) -> None:
        """GS ( L pL pH m fn …, GS 8 L p1 p2 p3 p4 m fn …."""
        function = int.from_bytes(data[6:7] if data[1:2] == b"(" else data[8:9])
        if function in DENSITY:
            self._put(SETS[b"\x1d(L"], "", data, "")
        elif function in DOWNLOADS:
            self._kept.store((place,))
        elif function in KEEPS_FOR_GOOD:
            self._for_good = self._for_good or "GS ( L leaves images in the printer for good"
        elif function in WAITS:
            self._waiting = True
        elif function in PRINTS_WAITING:
            self._waiting = False


def _same(before: tuple[Said, ...], said: Said) -> bool:
    """Tell whether a command says what is in force already."""
    return bool(before) and before[-1].pieces == said.pieces
