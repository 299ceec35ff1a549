"""An ESC/POS receipt taken apart, and its text. After Epson's "ESC/POS Command Reference"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from printfabric_sim.personalities._escpos_commands import command_length

_LEADS = b"\x10\x1b\x1c\x1d"
_DEFAULT = "cp437"
# ESC t n: pages of the TM series that Python has as well; the text of others is read as of page 0.
_CODE_PAGES = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737", 15: "iso8859_7", 16: "cp1252",
    17: "cp866", 18: "cp852", 19: "cp858", 21: "cp874", 33: "cp775", 34: "cp855", 35: "cp861", 36: "cp862", 37: "cp864",
    38: "cp869", 39: "iso8859_2", 40: "iso8859_15", 45: "cp1250", 46: "cp1251", 47: "cp1253", 48: "cp1254", 49: "cp1255",
    50: "cp1256", 51: "cp1257", 52: "cp1258",
}  # fmt: skip


class Piece(NamedTuple):
    """A run of text (`command` empty) or one whole command; `text` is what the run reads."""

    command: bytes
    data: bytes
    text: str = ""


def pieces(content: bytes) -> Iterator[Piece]:
    """Take a receipt apart, reading its text by the code page that is selected."""
    buffer = bytearray(content)
    at, code_page = 0, _DEFAULT
    while at < len(buffer):
        if buffer[at] in _LEADS:
            size = command_length(buffer, at) or len(buffer) - at
            command, data = bytes(buffer[at : at + 2]), bytes(buffer[at : at + size])
            if command == b"\x1b@":
                code_page = _DEFAULT
            elif command == b"\x1bt" and len(data) > 2:
                code_page = _CODE_PAGES.get(data[2], _DEFAULT)
            yield Piece(command, data)
            at += size
            continue
        end = next((i for i in range(at, len(buffer)) if buffer[i] in _LEADS), len(buffer))
        run = bytes(buffer[at:end])
        yield Piece(b"", run, run.decode(code_page, "replace"))
        at = end


def receipt_text(content: bytes) -> str:
    """Return the text with line ends."""
    return "".join(piece.text for piece in pieces(content))
