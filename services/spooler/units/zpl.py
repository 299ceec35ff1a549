"""ZPL II: a unit is a format, ^XA to ^XZ, that prints a label.

After Zebra's "ZPL II Programming Guide" (docs.zebra.com/us/en/printers/software/zpl-pg): ^XA ^XZ (also STX, ETX), ^CC ^CT
^CD and ~CC ~CT ~CD (other prefixes, other delimiter), ^GF and ~DY (binary data by their byte counts), ^DF (stores a format
instead of printing it), ^PQ, ^FX (a comment ends at the next prefix, so a ^XZ in one is a ^XZ), ~JX.

Choices where the guide leaves them: a format that holds no field, graphic or recalled format prints nothing and belongs
to the label it precedes; a format that asks for n labels (^PQ) is one unit, for its bytes cannot be divided; a ^XA inside
a format begins it anew. Commands may be in lower case.
"""

from __future__ import annotations

import re
from functools import lru_cache

from spooler.ledger import UnitKind
from spooler.units.splitter import Close, Setup, Splitter
from spooler.units.zpl_settings import DOWNLOADS, LEAVES_NOTHING
from spooler.units.zpl_setup import Command, Words, ZplEnvironment

_PRINTS = (b"FD", b"FV", b"SN", b"GB", b"GC", b"GD", b"GE", b"GF", b"GS", b"XG", b"IM", b"IL", b"XF", b"WD")
_EITHER = (b"CC", b"CT", b"CD")  # with either prefix
_CONTROLS = (b"DY",)  # with ~ alone
_HEADER = 96  # bytes within which the parameters of ^GF, ~DY and ^PQ must be, or they are not believed
_MORE = -1
_STX, _ETX = 0x02, 0x03


@lru_cache(maxsize=64)
def _tokens(prefixes: bytes, quick: bool, collect: bool) -> re.Pattern[bytes]:
    """Return what stops the reading. `quick`: it is known that the format prints, so fields stop nothing."""
    caret, tilde = re.escape(prefixes[:1]), re.escape(prefixes[1:2])
    if collect:  # all but what leaves nothing behind
        codes = [b"A[^@]", b"B[^Y]", *LEAVES_NOTHING]
        if quick:
            codes += [code for code in _PRINTS if code not in (b"GF", b"XF")]
        return re.compile(
            rb"\x02|\x03|%b(?!(?i:%b))([A-Za-z][A-Za-z0-9@])|%b([A-Za-z][A-Za-z])"
            % (caret, b"|".join(codes), tilde)
        )
    codes = [b"X[AZ]", b"C[CTD]", b"DF", b"GF", b"PQ"]
    if not quick:
        codes += [code for code in _PRINTS if code != b"GF"]
    return re.compile(
        rb"\x02|\x03|%b((?i:%b))|%b((?i:DY|C[CTD]))" % (caret, b"|".join(codes), tilde), re.DOTALL
    )


_NEVER = re.compile(rb"(?!)")
# Delimiters that cannot be told from what they part; nobody chooses them, and no count is read with them.
_AMBIGUOUS = tuple(bytes((code,)) for code in range(256) if chr(code).isalnum() or code in b" _")


@lru_cache(maxsize=64)
def _graphic(comma: bytes) -> re.Pattern[bytes]:
    """^GFa,b,c,d,data: b bytes follow where a is B or C."""
    if comma in _AMBIGUOUS:
        return _NEVER
    numbers = rb"(?i:GF) *([A-Za-z])%b *(\d{1,10})%b[\d ]{0,12}%b[\d ]{0,12}%b"
    return re.compile(numbers % ((re.escape(comma),) * 4))


@lru_cache(maxsize=64)
def _download(comma: bytes) -> re.Pattern[bytes]:
    """~DYd:f,b,x,t,w,data: t bytes follow where b is B or C."""
    if comma in _AMBIGUOUS:
        return _NEVER
    numbers = rb"(?i:DY)[^%b]{1,32}%b *([A-Za-z])%b[\w ]{0,4}%b *(\d{1,10})%b[\d ]{0,12}%b"
    return re.compile(numbers % ((re.escape(comma),) * 6))


@lru_cache(maxsize=64)
def _stops(prefixes: bytes) -> re.Pattern[bytes]:
    """Return what ends a command's parameters."""
    return re.compile(b"[\x02\x03\r\n%b]" % re.escape(prefixes))


_QUANTITY = re.compile(rb"(?i:PQ) *(\d{1,10})?(?=\D)")


class ZplSplitter(Splitter):
    """Labels."""

    kind = UnitKind.LABEL
    prints_at_end = True  # "^XZ … when this command is received, a label prints"
    has_mark = True

    def __init__(self, *, collect: bool = False) -> None:
        super().__init__(collect=collect)
        self._caret, self._tilde, self._comma = b"^", b"~", b","
        self._inside = self._prints = self._stores = False
        self._format_at = 0  # behind the ^XA of the format that was begun last
        self._memory = ZplEnvironment() if collect else None

    def _scan(self, buffer: bytes, *, final: bool) -> int:
        position, size = 0, len(buffer)
        while position < size:
            quick = self._inside and self._prints
            found = _tokens(self._caret + self._tilde, quick, self.collect).search(buffer, position)
            if found is None:
                stop = size if final else self._unfinished(buffer, position)
                self._note(buffer, position, stop)
                return stop
            if self.collect:
                self._note(buffer, position, found.start())
            after = self._token(buffer, found, final)
            if after == _MORE:
                return found.start()
            position = after
        return position

    def _unfinished(self, buffer: bytes, position: int) -> int:
        """Return where a prefix stands whose command is not all here; else the piece's end."""
        size = len(buffer)
        for at in (size - 2, size - 1):
            if at >= position and buffer[at : at + 1] in (self._caret, self._tilde):
                return at
        return size

    def _token(self, buffer: bytes, found: re.Match[bytes], final: bool) -> int:
        """Take a command in; return where reading goes on, or _MORE while not enough of it is here."""
        at, after = found.start(), found.end()
        code = (found[1] or found[2] or b"").upper()
        control = found[2] is not None
        if self._memory is not None:
            self._memory.token()
            if code and control != (code in _CONTROLS) and code not in _EITHER:
                return self._remember(code, buffer, at, control=control, final=final)
        if code == b"XA" or (not code and buffer[at] == _STX):
            self._begin(buffer[at:after])
            self._format_at = self._at + after
        elif code == b"XZ" or not code:
            self._finish(buffer[at:after], after)
        elif code in (b"CC", b"CT", b"CD"):
            if after >= len(buffer):
                return _MORE if not final else after
            after += 1
            self._change(code, buffer[at:after])
        elif code in (b"GF", b"DY", b"PQ"):
            if self._memory is not None and code == b"DY":
                self._memory.download()
            after = self._counted(code, buffer, at + 1, final)
            if after != _MORE:
                self._note(buffer, at, after, counted=True)
        elif self._memory is not None:
            after = self._remember(code, buffer, at, control=control, final=final)
        else:
            self._stores = self._stores or code == b"DF"
            self._printing(code in _PRINTS)
        return after

    # --- formats

    def _begin(self, text: bytes) -> None:
        if self._memory is not None:
            self._memory.begin(self._words)
            self._memory.note(text)
        self._inside, self._prints, self._stores = True, False, False

    def _finish(self, text: bytes, after: int) -> None:
        if not self._inside:
            return
        printed = self._prints and not self._stores
        if self._memory is not None:
            self._memory.note(text)
            self._memory.end(printed, self._words)
        if printed:
            self._end(after)
        self._inside = False

    def _printing(self, yes: bool) -> None:
        if yes and self._inside and not self._prints:
            self._prints = True
            if self._memory is not None and not self._stores:
                self._memory.prints()

    def _change(self, code: bytes, text: bytes) -> None:
        char = text[-1:]
        if code == b"CC":
            self._caret = char
        elif code == b"CT":
            self._tilde = char
        else:
            self._comma = char
        if self._memory is not None and self._words != self._memory.words:
            self._memory.change(self._words)

    @property
    def _words(self) -> Words:
        return Words(self._caret, self._tilde, self._comma)

    # --- parameters

    def _counted(self, code: bytes, buffer: bytes, at: int, final: bool) -> int:
        pattern = {b"GF": _graphic(self._comma), b"DY": _download(self._comma), b"PQ": _QUANTITY}[code]
        found = pattern.match(buffer, at, at + _HEADER)
        if found is None:
            if len(buffer) - at < _HEADER and not final:
                return _MORE
            self._printing(code == b"GF")
            return at + 2
        if code == b"PQ":
            self.repeats = self.repeats or (self._inside and int(found[1] or 1) > 1)
            return found.end()
        self._printing(code == b"GF")
        # What comes so is not looked at before all of it has passed; ASCII forms hold no prefix.
        return found.end() + (int(found[2]) if found[1].upper() in b"BC" else 0)

    # --- what `setup` needs

    def _remember(self, code: bytes, buffer: bytes, at: int, *, control: bool, final: bool) -> int:
        """Take a command in that may leave something behind."""
        assert self._memory is not None
        after = at + 1 + len(code)
        prefixes = self._caret + self._tilde
        if any(char in prefixes for char in buffer[at + 1 : after]):
            return at + 1
        if control and code in DOWNLOADS:
            self._memory.download()
            self._note(buffer, at, after)
            return after
        if control or code not in _PRINTS or code == b"XF":
            others = prefixes + b"!" if control else prefixes  # "! U1 …" may stand behind it
            stop = _stops(others).search(buffer, after, at + _HEADER)
            if stop is None and len(buffer) - at < _HEADER and not final:
                return _MORE
            end = stop.start() if stop is not None else min(at + _HEADER, len(buffer))
            whole = stop is not None or (final and end == len(buffer))
            self._memory.command(Command(code, buffer[after:end], self._words, control, whole))
            after = end
        if self._inside:
            self._note(buffer, at, after)
        self._stores = self._stores or (code == b"DF" and not control)
        self._printing(code in _PRINTS and not control)
        return after

    def _note(self, buffer: bytes, start: int, end: int, *, counted: bool = False) -> None:
        if self._memory is not None and start < end:
            self._memory.note(buffer[start:end], counted=counted)

    def _passed(self, data: bytes) -> None:
        self._note(data, 0, len(data), counted=True)

    def _over(self) -> None:
        """A format without its ^XZ prints nothing: it is no unit."""

    def setup(self, head: bytes) -> Setup:
        """See `Splitter.setup`. The printer drops what it has of an unfinished format (~JX) first."""
        assert self._memory is not None
        return self._memory.setup(self._words)

    def close(self) -> Close | None:
        """See `Splitter.close`. ~JX drops the format that is coming in and nothing else; ~JA would drop labels that wait."""
        drop = self._tilde + b"JX" if self._inside or self._kept else b""
        return Close(bytes(self._skip) + drop, drops=True)

    def mark(self, text: str) -> bytes:
        """See `Splitter.mark`: a field in the upper left corner, in the words that are in force."""
        heard = (self._caret + self._tilde).decode("latin-1")  # they would end the field
        plain = "".join(char for char in text if char.isprintable() and char not in heard)
        place = b"".join(self._caret + part.replace(b",", self._comma) for part in (b"FO20,10", b"A0N,28,28"))
        return place + self._caret + b"FD" + plain.encode("ascii", "replace") + self._caret + b"FS"

    def mark_place(self, _start: int) -> int:
        """See `Splitter.mark_place`: behind the ^XA of the format that prints."""
        return self._format_at
