"""What OpenPrinter gives out: the server, a printer, a management session; with the document that is being written."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from chassis.errors import InvalidArgument, InvalidHandle, Overloaded
from chassis.identity import current
from spooler.api.winspool.arguments import Arguments
from spooler.api.xcv_sessions import XcvSession

_MOST_HANDLES, _MOST_OF_ONE = 1024, 256
_MOST_BYTES_OF_ONE = 16 << 20  # of documents that are being written, by one caller


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
    """All handles of this spooler; they end with it.

    Who opens more than they may loses the oldest of their own, and not somebody else's.
    """

    def __init__(self) -> None:
        self._handles: OrderedDict[str, Handle] = OrderedDict()

    def give_out(self, handle: Handle) -> str:
        """Return the token of a new handle. Raises Overloaded: too many callers have some."""
        own = [token for token, each in self._handles.items() if each.owner == handle.owner]
        if len(own) >= _MOST_OF_ONE:
            del self._handles[own[0]]
        if len(self._handles) >= _MOST_HANDLES:
            raise Overloaded(f"{_MOST_HANDLES} handles are open; try again later", handles=_MOST_HANDLES)
        token = secrets.token_hex(16)
        self._handles[token] = handle
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

    def make_room(self, handle: Handle, size: int) -> None:
        """Look whether a caller's documents may grow. Raises Overloaded: they have too many under way."""
        held = sum(len(each.data) for each in self._handles.values() if each.owner == handle.owner)
        if held + size > _MOST_BYTES_OF_ONE:
            raise Overloaded(
                f"{handle.owner} has {held} bytes of documents under way; end one, or use UploadJob",
                bytes=held,
                limit=_MOST_BYTES_OF_ONE,
            )

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
