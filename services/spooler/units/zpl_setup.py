"""What a ZPL printer has to hear before a label that is not the first: what earlier bytes have set. Pure.

Kept are, in their order, the bytes outside formats, formats that print nothing (stored formats and the like), and of
those that print the commands that stay in force until they are given again or the printer is switched off.
"""

from __future__ import annotations

from spooler.units.prefix import Prefix
from spooler.units.splitter import SETUP_BYTES, Setup

# "remains in effect until …": what a label may rely on although another label said it.
_CODES = b"BY CF CI CW FW LH LL LR LS LT MD MM MN MT MU PA PM PO PR PW SE"
SETTINGS = tuple(_CODES.split())
_RESYNC = b"~JX"  # cancels a format that is partly sent; does nothing to what is printing


class ZplSetup:
    """Remembers. Its memory is bounded by `SETUP_BYTES`, about."""

    def __init__(self) -> None:
        self._frozen = bytearray()  # what was before the prefixes changed
        self._pieces: dict[bytes, None] = {}  # each piece once, where it came last
        self._settings: dict[bytes, bytes] = {}
        self._piece = bytearray()
        self._dropping = False
        self._open = False  # the beginning of the present format is kept, whatever becomes of it
        self._problem = ""

    def note(self, data: bytes) -> None:
        """These bytes went by."""
        if not self._dropping and len(self._piece) <= SETUP_BYTES:
            self._piece += data

    def begin(self, *, again: bool) -> None:
        """A format begins; `again`: inside one."""
        if again and self._dropping:
            self._piece.clear()
        elif not again:
            self._keep()
        self._dropping = False

    def prints(self) -> None:
        """The format prints: of its bytes only settings matter."""
        self._dropping = True

    def end(self, printed: bool, caret: bytes) -> None:
        """The format has ended."""
        if printed:
            self._piece.clear()
            if self._open:
                self._pieces[caret + b"XZ"] = None
        elif self._dropping:  # ^DF behind a field: its beginning is gone
            self._problem = "a stored format could not be kept"
            self._piece.clear()
        else:
            self._keep()
        self._dropping = self._open = False

    def setting(self, code: bytes, text: bytes, whole: bool) -> None:
        """A command that stays in force, without its prefix; `whole`: none of its parameters is missing."""
        self._settings.pop(code, None)
        self._settings[code] = text
        if not whole:
            self._problem = f"the parameters of ^{code.decode('ascii', 'replace')} are too long"

    def change(self, text: bytes, inside: bool, caret: bytes, heard: bytes) -> None:
        """A prefix or the delimiter changes by the command `text`; `heard`: the same for outside a format."""
        self._keep_settings(caret)
        if inside and self._dropping:
            self._pieces[heard] = None
        else:  # what comes behind it is in other words: it cannot be told apart later
            self.note(text)
            self._pieces[bytes(self._piece)] = None
            self._piece.clear()
            self._open = inside
        self._freeze()

    def setup(self, caret: bytes, inside: bool) -> Setup:
        """Return what was collected."""
        if not inside:
            self._keep()
        self._keep_settings(caret)
        self._freeze()
        if self._problem or len(self._frozen) > SETUP_BYTES:
            why = self._problem or f"more than {SETUP_BYTES} bytes set the printer up before it"
            return Setup(refusal=why)
        return Setup(Prefix(_RESYNC + bytes(self._frozen)))

    def _keep(self) -> None:
        piece = bytes(self._piece).strip(b" \r\n\t\x00")
        self._piece.clear()
        if piece:
            self._pieces.pop(piece, None)
            self._pieces[piece] = None
        if sum(map(len, self._pieces)) > SETUP_BYTES and len(self._pieces) > 1:
            self._freeze()

    def _keep_settings(self, caret: bytes) -> None:
        if self._settings:
            text = b"".join(caret + text for text in self._settings.values())
            self._pieces[caret + b"XA" + text + caret + b"XZ"] = None
            self._settings.clear()

    def _freeze(self) -> None:
        if len(self._frozen) <= SETUP_BYTES:
            for piece in self._pieces:
                self._frozen += piece + b"\n"
        self._pieces.clear()
