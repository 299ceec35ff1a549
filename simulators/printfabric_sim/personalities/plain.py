"""A plain line printer: text, line feeds, form feeds; nothing comes back.

After the printer part of ECMA-48/ISO 6429 format effectors (LF, FF, CR, VT) as every line printer since the 1403 has
understood them: a page ends with FF, or when it is full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from printfabric_sim.inlet import Inlet
from printfabric_sim.personality import Machine, Personality, Step

if TYPE_CHECKING:
    from PIL.Image import Image

_FF, _LF = b"\x0c", b"\n"
_INK = re.compile(rb"[!-\xff]")
# A page without FF is taken from the buffer in pieces of at least this size.
_EARLY_BYTES = 1024


class LinePrinter(Personality):
    """Fan-fold paper of `lines` lines (option; 66). `eject_on_close` ("yes") ends the page when a sender goes."""

    name = "plain"
    kind = "page"
    prints_as_it_goes = True
    replies = False
    known_options: ClassVar[Mapping[str, str]] = {"lines": "[1-9][0-9]{0,3}", "eject_on_close": "yes|no"}
    device_id: ClassVar[str] = "MFG:Print Fabric;CMD:TEXT;MDL:SIM line printer;CLS:PRINTER;"

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        super().__init__(machine, options)
        self._page_lines = int(options.get("lines", "66"))
        self.reset()

    def reset(self) -> None:
        """Power-on takes the present position for the top of the form."""
        self._lines = 0
        self._ink = False
        self._full = False  # the last page was full, and nothing has come since

    @property
    def inked(self) -> bool:
        """More than blanks and empty lines."""
        return self._ink

    def flush(self) -> None:
        """Nothing is on the page."""
        self._ink = False

    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Take a page up to its FF or its last line, or part of one."""
        full, self._full = self._full, False
        if full and buffer[0] == _FF[0]:
            # A form feed right behind a full form finds the paper at the top of the form already.
            return Step(1)
        end = buffer.find(_FF)
        stop = end if end >= 0 else len(buffer)
        lines = buffer.count(_LF, 0, stop)
        if self._lines + lines >= self._page_lines:
            return self._full_page(buffer)
        if end >= 0:
            self._lines, self._ink = 0, False
            return Step(end + 1, part=True, copies=1)
        if not inlet.last and stop < _EARLY_BYTES and lines == 0:
            return Step(0)
        self._lines += lines
        self._ink = self._ink or _INK.search(buffer, 0, stop) is not None
        return Step(stop, part=True)

    def _full_page(self, buffer: bytearray) -> Step:
        position = 0
        for _ in range(self._page_lines - self._lines):
            position = buffer.find(_LF, position) + 1
        self._lines, self._ink = 0, False
        self._full = True
        return Step(position, part=True, copies=1)

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """The page stays in the printer, for the next sender to write on, as it does in life."""
        if self.options.get("eject_on_close") == "yes" and self.machine.draft_bytes:
            self._lines, self._ink = 0, False
            return Step(0, copies=1)
        return Step(0)

    def text(self, content: bytes) -> str:
        """Return the page's text: UTF-8 if it is that, else code page 437, as such printers have after power-on."""
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return content.decode("cp437")

    def render(self, content: bytes) -> Image:
        """Draw the page."""
        from printfabric_sim.render.page import draw_text_page  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return draw_text_page(self.text(content))
