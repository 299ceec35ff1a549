"""What a ZPL printer has to hear before a label that is not the first: what earlier bytes have set. Pure.

Kept are, in the order of the document, commands that stay in force (`zpl_settings`), what was downloaded, formats that are
stored, and words outside formats that are no command of ZPL. Settings within a stored format come to be when it is recalled.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from spooler.units.kept import Kept, Said
from spooler.units.prefix import Prefix
from spooler.units.splitter import SETUP_BYTES, Setup
from spooler.units.zpl_settings import (
    CONTROLS,
    CONTROLS_NOTHING,
    DELETES,
    KEYED,
    LEAVES_NOTHING,
    REFUSED,
    SETTINGS,
    UNITS,
)

_BLANK = b" \r\n\t\x00"
_NEEDS = tuple(f"{code.decode()} {number}" for code in UNITS for number in range(3))
_HEADING = re.compile(rb"\x10?CT.", re.DOTALL)  # drivers begin so, whatever the prefixes are
_IN_FORMAT = b"in a format"
_TOO_MUCH = f"more than {SETUP_BYTES} bytes set the printer up before it"


class Words(NamedTuple):
    """How ZPL is spoken at some place: the prefixes, and what parts parameters."""

    caret: bytes = b"^"
    tilde: bytes = b"~"
    comma: bytes = b","


PLAIN = Words()


class Command(NamedTuple):
    """A command, without its prefix; `whole`: none of its parameters is missing."""

    code: bytes
    parameters: bytes
    words: Words
    control: bool = False  # with ~: obeyed when it comes, also within a format
    whole: bool = True

    @property
    def text(self) -> bytes:
        """It, as it came."""
        return (self.words.tilde if self.control else self.words.caret) + self.code + self.parameters

    @property
    def name(self) -> str:
        """It, for people."""
        return ("~" if self.control else "^") + self.code.decode("ascii", "replace")


class ZplEnvironment:
    """Remembers. Its memory is bounded by `SETUP_BYTES`, about.

    `words`: in which what goes by is said.
    """

    def __init__(self) -> None:
        self._kept = Kept()
        self._bytes = 0  # of different texts and settings
        self._format = bytearray()  # the one that goes by, while it may come to be stored
        self._text: bytearray | None = (
            bytearray()
        )  # what is to be said again as it is: a download, words outside formats
        self._inside = self._dropping = self._changed = False  # the prefixes were changed within the format
        self._name = b""  # under which the format is being stored
        self._formats: dict[bytes, list[Command]] = {}  # settings within stored formats
        self._tildes: dict[bytes, None] = {}  # that were in use
        self.words = PLAIN
        self._stays = self._on_paper = False  # ^MCN: what is printed stays; and something was

    # --- what goes by

    def note(self, data: bytes, *, counted: bool = False) -> None:
        """See bytes that are no command of interest; `counted`: they are data, whatever they look like."""
        if self._inside and not self._dropping and len(self._format) <= SETUP_BYTES:
            self._format += data
        if self._text is None:
            return
        stop = data.find(self.words.caret) if self._inside and not counted else -1
        if len(self._text) <= SETUP_BYTES:
            self._text += data if stop < 0 else data[:stop]
        if stop >= 0:
            self._close_text()

    def token(self) -> None:
        """A command begins: what stood before it is over."""
        self._close_text()

    def begin(self, words: Words) -> None:
        """See ^XA."""
        self._format.clear()
        self._inside, self._dropping, self._changed, self._name = True, False, False, b""
        self.words, self._text = words, None

    def prints(self) -> None:
        """The format prints: of its bytes only settings matter."""
        self._dropping = True
        self._format.clear()

    def end(self, printed: bool, words: Words) -> None:
        """See ^XZ."""
        if printed:
            self._on_paper = self._stays
        elif self._name and self._dropping:  # ^DF behind a field: its beginning is gone
            self._kept.refuse("a stored format could not be kept")
        elif self._name:
            self._say(bytes(self._format))
        self._format.clear()
        self._inside, self._name, self.words, self._text = False, b"", words, bytearray()

    def change(self, words: Words) -> None:
        """From here on it is spoken otherwise."""
        if self._name:
            self._kept.refuse("a prefix changes within a stored format")
        self.words, self._changed = words, True
        self._tildes[words.tilde] = None

    def download(self) -> None:
        """What comes now is stored in the printer: ~DG and the like."""
        self._text = bytearray()

    def command(self, one: Command) -> None:
        """See any other command."""
        code = one.code
        nothing = CONTROLS_NOTHING if one.control else LEAVES_NOTHING
        if code in REFUSED:
            self._kept.refuse(REFUSED[code])
        elif code == b"DF" and self._inside:
            self._begin_storing(_object(one))
        elif self._name and not one.control and code in SETTINGS | DELETES:
            self._formats.setdefault(self._name, []).append(one)
            self._grow(len(one.text))
        elif code == b"XF":
            for said in self._formats.get(_object(one), ()) if not self._name else ():
                self.command(said)
        elif code == b"JU":
            if one.parameters.strip()[:1].upper() not in (b"S", b"A"):
                self._kept.refuse("settings that were saved are taken up before it (^JU)")
        elif code in DELETES:
            self._say(one.text, inside=self._inside and not one.control)
        elif code in (CONTROLS if one.control else SETTINGS):
            self._setting(one)
        elif code not in nothing:
            self._kept.refuse(f"nobody follows {one.name}")

    # --- what is asked

    def setup(self, words: Words) -> Setup:
        """Return what goes before a label that is said in these words."""
        self._close_text()
        why = self._kept.why
        if self._on_paper:
            why = why or "labels before it were printed to stay on it (^MCN)"
        if why:
            return Setup(refusal=why)
        said, now = bytearray(self._resync()), PLAIN
        for within, group in groupby(self._kept.everything(), key=lambda one: one.within):
            then = Words(within[:1], within[1:2], within[2:3])
            said += _change(now, then)
            now = then
            texts = [piece for one in group for piece in one.pieces if isinstance(piece, bytes)]
            if within[3:]:
                said += now.caret + b"XA" + b"".join(texts) + now.caret + b"XZ\n"
            else:
                said += b"".join(text + b"\n" for text in texts)
        said += _change(now, words)
        return Setup(Prefix(bytes(said))) if len(said) <= 2 * SETUP_BYTES else Setup(refusal=_TOO_MUCH)

    def _resync(self) -> bytes:
        """Drop a format that is partly sent, whatever prefixes the printer heeds, and make them the usual ones."""
        plain = b"CC^%bCD,%bCT~"
        others = (tilde for tilde in self._tildes if tilde != PLAIN.tilde)
        said = b"".join(tilde + b"JX" + tilde + plain % (tilde, tilde) + b"\n" for tilde in others)
        return said + b"~JX" + (b"~CC^~CD,\n" if self._tildes else b"")

    # --- how it is kept

    def _begin_storing(self, name: bytes) -> None:
        if self._changed:
            self._kept.refuse("a prefix changes within a stored format")
        self._grow(len(name))
        self._name, self._formats[name] = name, []

    def _setting(self, one: Command) -> None:
        if one.code != b"A@" or one.parameters.count(one.words.comma) > 2:  # without a name it sets nothing
            self._set(one)

    def _set(self, one: Command) -> None:
        if not one.whole:
            self._kept.refuse(f"the parameters of {one.name} are too long")
        if one.code == b"SZ" and one.parameters.strip() != b"2":
            self._kept.refuse("what follows is no ZPL II (^SZ)")
        if one.code == b"MC":
            self._stays = one.parameters.strip()[:1].upper() == b"N"
        code = CONTROLS[one.code] if one.control else one.code
        parts = [part.strip() for part in one.parameters.split(one.words.comma)]
        key = KEYED.get(code, 0)
        own = (b"~" if one.control else b"") + b",".join((code, *parts[:key]))
        what = [f"{own.decode('latin-1')} {number}" for number, part in enumerate(parts[key:]) if part]
        needs = self._kept.at(()) if code in UNITS else self._kept.at(_NEEDS)
        within = b"".join(one.words) + (_IN_FORMAT if self._inside and not one.control else b"")
        said = self._kept.new(one.text, needs=needs, within=within)
        for name in what or [f"{own.decode('latin-1')} none"]:
            self._put(name, said, len(one.text))

    def _close_text(self) -> None:
        if self._text is not None:
            text, self._text = bytes(self._text).strip(_BLANK), None if self._inside else bytearray()
            if not (_HEADING.fullmatch(text) and text.endswith(self.words.tilde)):
                self._say(text)

    def _say(self, text: bytes, *, inside: bool = False) -> None:
        """These bytes are said again, once, where they came last."""
        if len(text) > SETUP_BYTES:
            self._kept.refuse(_TOO_MUCH)
        elif text:
            within = b"".join(self.words) + (_IN_FORMAT if inside else b"")
            self._put(
                f"said {(within + text).decode('latin-1')}", self._kept.new(text, within=within), len(text)
            )

    def _put(self, name: str, said: Said, size: int) -> None:
        if name not in self._kept.now:
            self._grow(size)
        if not self._kept.why:
            self._kept.put(name, said)

    def _grow(self, size: int) -> None:
        self._bytes += size
        if self._bytes > SETUP_BYTES:
            self._kept.refuse(_TOO_MUCH)
            self._kept.now.clear()
            self._formats.clear()


def _change(now: Words, then: Words) -> bytes:
    """Return what makes a printer that heeds `now` heed `then`."""
    said = now.tilde + b"CC" + then.caret if now.caret != then.caret else b""
    said += now.tilde + b"CD" + then.comma if now.comma != then.comma else b""
    said += now.tilde + b"CT" + then.tilde if now.tilde != then.tilde else b""
    return said + b"\n" if said else b""


def _object(one: Command) -> bytes:
    """Return the name of a stored format, with the device and the extension that it has where they are not said."""
    name = one.parameters.strip().upper()
    name = name if b":" in name else b"R:" + name
    return name if b"." in name else name + b".ZPL"
