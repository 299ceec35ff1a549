"""A command's own result, and how errors become one: a Win32 code in the body, with the fields that are wrong."""

from __future__ import annotations

import json
from typing import NamedTuple

from chassis.errors import EtagMismatch, FabricError, InvalidArgument, InvalidSettings, PortNotFound
from chassis.win32 import win32_name

_DWORD_BYTES = 4


class Answer(NamedTuple):
    """A command's own result: a Win32 code, a JSON document or nothing, and a sentence when the code is not 0.

    `needed` is the size of a buffer for it: a number's is Windows' DWORD, anything else's that of the document.
    """

    status: int
    output: bytes = b""
    message: str = ""
    needed: int = 0


def answer(status: int, output: object, message: str) -> Answer:
    """Return an answer of JSON values; a code without a sentence has its name."""
    data = b"" if output is None else json.dumps(output, separators=(",", ":"), ensure_ascii=False).encode()
    needed = _DWORD_BYTES if isinstance(output, int) else len(data)
    return Answer(status, data, message or ("" if not status else win32_name(status)), needed)


def status_of(error: FabricError) -> int:
    """Return an error's code as Windows' monitors have it: 2 for a port that is not there."""
    if isinstance(error, PortNotFound):
        return 2
    return 1306 if isinstance(error, EtagMismatch) else error.win32


def errors_of(error: FabricError) -> object:
    """Return a form's errors by field, as JSON pointers."""
    if not isinstance(error, InvalidSettings | InvalidArgument) or not error.fields:
        return None
    return {"errors": {f"/{row.field.replace('.', '/')}": row.description for row in error.fields}}
