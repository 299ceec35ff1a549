"""What OpenPrinter gives out: the server, a printer, a management session; with the document that is being written."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from chassis.errors import InvalidArgument, InvalidHandle
from chassis.identity import current
from spooler.api.winspool.arguments import Arguments
from spooler.api.xcv_sessions import XcvSession

_MOST_HANDLES = 1024


@dataclass(slots=True)
class Handle:
    """One opened object. Only who opened it may use it."""

    owner: str
    printer: str = ""  # "" for the server
    xcv: XcvSession | None = None
    xcv_handle: bytes = b""
    # Between StartDocPrinter and EndDocPrinter: its title and output file.
    document: dict[str, str] | None = None
    job: int = 0  # from AddJob, until ScheduleJob
    data: bytearray = field(default_factory=bytearray)


class Handles:
    """All handles of this spooler; they end with it."""

    def __init__(self) -> None:
        self._handles: OrderedDict[str, Handle] = OrderedDict()

    def give_out(self, handle: Handle) -> str:
        """Return the token of a new handle."""
        token = secrets.token_hex(16)
        self._handles[token] = handle
        while len(self._handles) > _MOST_HANDLES:
            self._handles.popitem(last=False)
        return token

    def find(self, given: Arguments) -> Handle:
        """Return what a handle stands for.

        Raises:
            InvalidHandle: 6; it is NULL, was closed, never given out, or somebody else's.
        """
        found = self._handles.get(given.text("handle"))
        if found is None or found.owner != current().owner:
            raise InvalidHandle("this handle was closed, or never given out")
        return found

    def printer(self, given: Arguments) -> Handle:
        """Return a printer's handle. Raises InvalidHandle for that of anything else."""
        found = self.find(given)
        if not found.printer:
            raise InvalidHandle("this handle is not a printer's")
        return found

    def close(self, given: Arguments) -> Handle:
        """Forget a handle and return it. Raises InvalidHandle."""
        found = self.find(given)
        del self._handles[given.text("handle")]
        return found


def new_handle(printer: str = "", xcv: XcvSession | None = None, xcv_handle: bytes = b"") -> Handle:
    """Return a handle of the present caller."""
    return Handle(current().owner, printer, xcv, xcv_handle)


def check_datatype(datatype: str) -> None:
    """Raise InvalidArgument (1804) for a data type other than RAW: nothing is rendered here."""
    if datatype.upper() not in ("RAW", "RAW [FF APPENDED]", "RAW [FF AUTO]", "TEXT"):
        raise InvalidArgument(f"data type {datatype!r} is not taken here", win32=1804, datatype=datatype)
