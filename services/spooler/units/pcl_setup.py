"""The environment of PCL 5 that pages lean on: what was set since the last reset, and how it is set again. Pure.

After HP's "PCL 5 Printer Language Technical Reference Manual" (bpl13210); `pcl_commands` says what each command leaves.
A command is taken to be obeyed: one whose value a printer does not know it passes over, and does so again.

A page begins at the top. Across, a form feed leaves the place as it was, unless the line ends say otherwise: where what
was printed has moved it, the page has to name its own. Downloads stay in the document and are sent from there.
"""

from __future__ import annotations

from spooler.units.kept import Said
from spooler.units.pcl_commands import (
    ACROSS,
    ATTRIBUTES,
    COLOURING,
    FONT,
    HP_GL,
    KEEPS_FOR_GOOD,
    LEAVES_NOTHING,
    MARGINS,
    SETS,
    STORES,
)
from spooler.units.pcl_kept import Command, KeptPcl
from spooler.units.prefix import Prefix, Stretch
from spooler.units.splitter import Setup

RESET = b"\x1bE"
_FIRST_LINE = b"\x1b&a0R"
_PLACED_BY = frozenset({*MARGINS, "line", "size", "orientation", "direction", "perforation"})
_MOST_PUSHED = 20  # places, and palettes, in a printer's stack
_SHIFTS = {0x0F: 1, 0x0E: 2}  # SI, SO: the primary font, the secondary one
_FONTS = {b"(": 1, b")": 2}
_OF_PICTURES = (b"*t", b"*r")


class PclEnvironment:
    """Follows the commands of one document. Its memory is bounded."""

    def __init__(self) -> None:
        self._for_good = False
        self.reset()

    def reset(self) -> None:
        """See ESC E, or the beginning of a payload."""
        self._kept = KeptPcl()
        self._font = 1  # the one in use
        self._adrift = False  # what was printed has moved the place across
        self._returns = False  # a form feed goes to the left margin
        self._places = 0  # pushed
        self._palettes: list[dict[str, tuple[Said, ...]]] = []  # pushed
        self._in_picture = False
        if self._for_good:
            self.refuse("it leaves fonts, patterns or macros in the printer for good")

    def refuse(self, why: str) -> None:
        """From here to the next reset nobody can say what is in force."""
        self._kept.refuse(why)

    def text(self, data: bytes) -> None:
        """See characters that are printed."""
        if self._kept.why:
            return
        shift = max(data.rfind(b"\x0e"), data.rfind(b"\x0f"))
        if shift >= 0:
            self._font = _SHIFTS[data[shift]]
            self._kept.put("font", self._kept.new(data[shift : shift + 1]))
            self._take_advance(self._font)
        returned = data.rfind(b"\r")
        if data[returned + 1 :].translate(None, b"\n\x00\x0e\x0f"):
            self._place(adrift=True)
        elif returned >= 0:
            self._place(adrift=False)

    def form_feed(self) -> None:
        """See one."""
        if self._returns:
            self._place(adrift=False)

    def short(self, letter: bytes) -> None:
        """See an escape sequence of two bytes."""
        if self._kept.why:
            return
        if letter == b"9":
            said = self._kept.new(b"\x1b9")
            self._kept.put("left", said)
            self._kept.put("right", said)
            self._leave_margin()
        elif letter not in b"=Z":
            self.refuse(f"nobody follows ESC {letter.decode('ascii', 'replace')}")

    def macro(self, definition: Stretch) -> None:
        """See all of a macro's definition."""
        self._kept.store((definition,), self._kept.at(("macro-id",)))

    def command(self, one: Command) -> None:
        """See a command with a value."""
        key = (one.family, one.letter)
        self._for_good = self._for_good or (*key, one.value) in KEEPS_FOR_GOOD
        if self._kept.why:
            return
        if key in STORES:
            pieces = (one.whole,) if one.whole is not None else one.pieces
            self._kept.store(pieces, self._kept.at((STORES[key],)))
        elif key in SETS:
            self._set(one)
        elif key in ACROSS:
            relative = one.value[:1] in (b"+", b"-")
            self._place(adrift=relative or not one.value)
            if not self._adrift:
                measure = self._kept.at((ACROSS[key],))
                self._kept.put("column", self._kept.new(one.words, needs=measure))
        elif one.family[:1] in _FONTS:
            self._font_command(one)
        elif key in HP_GL:
            self.refuse("it leans on HP-GL/2, whose state nobody follows")
        elif key not in LEAVES_NOTHING:
            self._special(one)
        elif key == (b"&p", b"X"):
            self._place(adrift=True)

    def setup(self, places_itself: bool) -> Setup:
        """Return what sets a printer up from a reset on; `places_itself`: the page names its place across."""
        why = self._kept.why
        if self._in_picture:
            why = why or "it stands in the middle of a picture"
        if self._places or self._palettes:
            why = why or "places or palettes that were pushed before it may be popped in it"
        if self._adrift and not places_itself:
            why = why or "it begins in the column in which the page before it ended"
        if why:
            return Setup(refusal=why)
        now = self._kept.now
        pieces = [piece for one in self._kept.everything() for piece in one.pieces]
        if _PLACED_BY & now.keys():  # the margins are elsewhere than they were at the reset
            pieces += [_FIRST_LINE] if "column" in now else [b"\r", _FIRST_LINE]
        return Setup(Prefix.of((RESET, *pieces)))

    def _place(self, *, adrift: bool) -> None:
        self._adrift = adrift
        self._kept.now.pop("column", None)

    def _leave_margin(self) -> None:
        """The left margin has moved away from where printing stood."""
        self._adrift = self._adrift or "column" not in self._kept.now

    def _set(self, one: Command) -> None:
        sets = SETS[one.family, one.letter]
        if sets.what == ("source",) and not one.value.strip(b"+-0."):
            return  # 0 ejects
        if self._in_picture and one.family in _OF_PICTURES:
            self.refuse(f"{one.name} stands in a picture, where it may mean nothing")
        self._kept.set(sets, one)
        if sets.what == ("palette",):
            now = self._kept.now
            self._kept.now = {name: now[name] for name in now if not name.startswith("colour ")}
        elif sets.what == ("line-ends",):
            self._returns = one.value in (b"2", b"3")
        elif sets.what in (("left",), ("direction",)):
            self._leave_margin()
        elif "left" in sets.resets:
            self._place(adrift=True)

    def _font_command(self, one: Command) -> None:
        number, rest = _FONTS[one.family[:1]], one.family[1:]
        if rest == b"s" and one.letter in ATTRIBUTES:
            names: tuple[str, ...] = (ATTRIBUTES[one.letter],)
        elif rest:
            return self.refuse(f"nobody follows {one.name}")
        elif one.letter == b"X" or (one.letter == b"@" and one.value == b"3"):
            names = FONT
        else:
            names = ("symbols",)
        said = self._chosen(one)
        for name in names:
            self._kept.put(f"{number} {name}", said)
        return self._take_advance(number)

    def _chosen(self, one: Command) -> Said:
        """Return a command about fonts: which of them is in use decides what else changes."""
        return self._kept.new(one.words, needs=self._kept.at(("font",)))

    def _take_advance(self, font: int) -> None:
        """The width of a column follows the font in use."""
        if font == self._font:
            names = ("font", *(f"{font} {name}" for name in FONT))
            self._kept.now["advance"] = tuple(dict.fromkeys(self._kept.at(names)))

    def _special(self, one: Command) -> None:
        match one.family, one.letter:
            case b"&k", b"S":
                said = self._chosen(one)
                self._kept.put("1 pitch", said)
                self._kept.put("2 pitch", said)
                self._take_advance(self._font)
            case b"*r", b"A":
                self._in_picture = True
                self._place(adrift=True)
            case b"*r", b"B" | b"C":
                self._in_picture = False
                if one.letter == b"C":
                    self._kept.now.pop("compression", None)
            case b"*v", b"I" | b"S":
                self._colour(one)
            case b"*p", b"P":
                self._push_palette(one)
            case b"&f", b"S":
                step = 1 if one.value in (b"", b"0") else -1
                self._places = min(max(self._places + step, 0), _MOST_PUSHED)
            case b"&f", b"X":
                self._macro(one)
            case _:
                self.refuse(f"nobody follows {one.name}")

    def _colour(self, one: Command) -> None:
        if not one.value.isdigit() or int(one.value[:9]) > 255:
            return self.refuse(f"nobody follows {one.name}")
        name, kept = f"colour {int(one.value)}", self._kept
        if one.letter == b"S":
            return kept.put("foreground", kept.new(one.words, needs=kept.at(("palette", name))))
        parts = ("red", "green", "blue")
        kept.put(name, kept.new(one.words, needs=kept.at(("palette", *parts))))
        for part in parts:
            kept.now.pop(part, None)
        return None

    def _push_palette(self, one: Command) -> None:
        now = self._kept.now
        colours = {name: now[name] for name in now if name in COLOURING or name.startswith("colour ")}
        if one.value in (b"", b"0"):
            self._palettes.append(colours)
            if len(self._palettes) > _MOST_PUSHED:
                self.refuse("it pushes more palettes than a printer keeps")
                self._palettes.pop()
        elif self._palettes:
            before = self._palettes.pop()
            if before.get("foreground") != colours.get("foreground"):
                self.refuse("a colour was chosen in a palette that was popped")
            self._kept.now = {name: now[name] for name in now if name not in colours} | before

    def _macro(self, one: Command) -> None:
        kept = self._kept
        match one.value:
            case b"3":  # it is called: all but the place is as before
                self._place(adrift=True)
            case b"4":
                kept.put("overlay", kept.new(one.words, needs=kept.at(("macro-id",))))
            case b"5":
                kept.now.pop("overlay", None)
            case b"6" | b"7" | b"8" | b"9" | b"10":  # deleted, or kept for some time
                kept.store((one.words,), kept.at(("macro-id",)))
            case _:
                self.refuse(f"it runs a macro, whose commands nobody follows ({one.name})")
