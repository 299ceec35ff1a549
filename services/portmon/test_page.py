"""Test pages: one small label, receipt or page in each language, that says which port it came through. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_WIDTH = 32  # a receipt's line
_UEL = b"\x1b%-12345X"


def _plain(text: str) -> bytes:
    """Return text as every printer has it: anything above ASCII, and what begins a command, is a question mark."""
    return "".join(one if 32 <= ord(one) < 127 and one not in "^~\\" else "?" for one in text).encode("ascii")


def _lines(rows: Mapping[str, str]) -> list[bytes]:
    return [b"Print Fabric test"] + [_plain(f"{name}: {value}") for name, value in rows.items() if value]


def _zpl(rows: Mapping[str, str]) -> bytes:
    fields = b"".join(
        b"^FO30,%d^A0N,%d,%d^FD%s^FS"
        % (30 + 45 * number, 40 if number == 0 else 28, 40 if number == 0 else 28, line)
        for number, line in enumerate(_lines(rows))
    )
    return b"^XA" + fields + b"^XZ"


def _escpos(rows: Mapping[str, str]) -> bytes:
    text = b"".join(line[:_WIDTH] + b"\n" for line in _lines(rows))
    return b"\x1b@" + text + b"\n\n\n\n\x1dV\x00"


def _text(rows: Mapping[str, str]) -> bytes:
    return b"\r\n".join(_lines(rows)) + b"\r\n\x0c"


def _pjl(rows: Mapping[str, str]) -> bytes:
    head = _UEL + b'@PJL JOB NAME = "test page"\r\n@PJL ENTER LANGUAGE = PCL\r\n'
    return head + b"\x1bE" + _text(rows) + b"\x1bE" + _UEL + b"@PJL EOJ\r\n" + _UEL


LANGUAGES: Mapping[str, Callable[[Mapping[str, str]], bytes]] = {
    "zpl": _zpl,
    "escpos": _escpos,
    "pjl": _pjl,
    "text": _text,
}


def page(language: str, rows: Mapping[str, str]) -> bytes:
    """Return a test page in a language, with one line for each of `rows`."""
    return LANGUAGES[language](rows)
