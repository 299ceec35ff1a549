"""A ZPL II label printer.

After Zebra's "ZPL II Programming Guide" (docs.zebra.com/us/en/printers/software/zpl-pg): ^XA ^XZ ^PQ ^LL ^DF, ~HS ~HI
~HQ ~JA ~JX ~JR ~PH ~PP ~PS ~WC, and the SGD `getvar` of the same guide for a few names.

Checked against the guide's pages: the fields of ~HS and when it keeps silent (zpl-commands/~hs4.html, also Rev. A of 2006,
pages 171 and 172), the form of ~HI (page 169 there), the error flags of ~HQES (zpl-commands/r-zpl-wq.html lists those of
the host queries). The column of each character of ~HQES, and the flag of a pause, are those that Zebra's Browser Print sample
reads (70 error, 84 pause, 87 head, 88 media). Not checked: the wording of ~HQSN and ~HQOD, and the values of
`media.status` and `head.latch`.

Choices where the guide is silent: a ^XA inside a format starts anew and drops the unfinished one; a format without a
field, graphic or stored image feeds no label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet, Recognised
from printfabric_sim.personalities import _zpl_stream as stream
from printfabric_sim.personalities._zpl_status import ZplStatus
from printfabric_sim.personality import SHORT_TEXT, Arrival, Machine, Personality, Step

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats smaller than this wait in the buffer for their ^XZ; of larger ones whole commands are taken early.
_EARLY_BYTES = 1024
_PRINTS = re.compile(rb"\^(?:FD|FV|SN|GB|GC|GD|GE|GF|GS|XG|IM|IL|XF|FH|B(?!Y)[A-Z0-9])", re.IGNORECASE)
_COPIES = re.compile(rb"\^PQ *(\d{1,8})(?!\d)", re.IGNORECASE)
_LENGTH = re.compile(rb"\^LL *(\d{1,5})(?!\d)", re.IGNORECASE)
_STORES = re.compile(rb"\^DF", re.IGNORECASE)
_GAP = re.compile(rb"[\s\x00]+")


class ZplPrinter(Personality):
    """A Zebra-like labeler.

    Options: `model`, `firmware`, `hs_silent` ("no": ~HS is answered in every condition).
    """

    name = "zpl"
    kind = "label"
    marks_beginning = True  # ^XA
    reprints_after_error = True  # ^JZ: "Reprint After Error", on as delivered
    known_options: ClassVar[Mapping[str, str]] = {
        "model": SHORT_TEXT,
        "firmware": SHORT_TEXT,
        "hs_silent": "yes|no",
    }
    device_id: ClassVar[str] = "MFG:Zebra Technologies;CMD:ZPL;MDL:SIM ZD621-203dpi;CLS:PRINTER;"

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        super().__init__(machine, options)
        self._obey: dict[bytes, Callable[[], None]] = {
            b"~JA": lambda: self._cancel("~JA"),
            b"~JX": lambda: self._cancel("~JX"),
            b"~JR": lambda: machine.restart("~JR"),
            b"~PH": lambda: machine.print_own("blank", b"~PH"),
            b"~PP": lambda: machine.hold(Condition.PAUSED),
            b"~PS": lambda: machine.release(Condition.PAUSED),
            b"~WC": lambda: machine.print_own("configuration", b"^XA^FO30,30^FDConfiguration^FS^XZ"),
        }
        self._status = ZplStatus(machine, options)
        self.reset()

    def reset(self) -> None:
        """Forget the format in progress and the label length."""
        self._status.label_dots = 1218
        self._begin(False)

    def flush(self) -> None:
        """Forget the format in progress."""
        self._begin(False)

    def _begin(self, inside: bool) -> None:
        self._inside = self._status.inside = inside
        self._copies = 1
        self._prints = False
        self._stores = False

    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Take what lies outside formats, then formats one by one."""
        known = inlet.next_recognised()
        if known is not None and known.start <= 0:
            return self._known(buffer, known)
        stop = known.start if known is not None and known.start < len(buffer) else -1
        at = stream.bracket(buffer, b"AaZz" if self._inside else b"Aa", stop if stop >= 0 else len(buffer))
        if not self._inside:
            return self._outside(buffer, at if at >= 0 else stop)
        if at < 0 and stop >= 0:
            self._read(buffer, stop)
            return Step(stop, part=True)
        if at >= 0 and buffer[at + 2] in b"Aa":
            self._begin(False)
            return Step(at, part=True, drop=True, reason="^XA inside a format")
        return self._complete(buffer, at + 3) if at >= 0 else self._early(buffer)

    def _known(self, buffer: bytearray, known: Recognised) -> Step:
        """Take what was recognised on arrival: counted data into the format, or, of a download, nowhere."""
        used = min(known.end, len(buffer))
        if known.head == known.end:  # obeyed when it arrived, and no part of any label
            return Step(used)
        if known.head > len(buffer):
            return Step(0)
        self._read(buffer, max(known.head, 0))
        return Step(used, part=True) if self._inside else Step(used, reason="a download, which is not kept")

    def _outside(self, buffer: bytearray, stop: int) -> Step:
        """Take what is before `stop`, the next thing of interest, if there is one: gaps, and text that means nothing."""
        if gap := _GAP.match(buffer):
            return Step(gap.end())
        if stop == 0:
            self._begin(True)
            # The three bytes belong to the format; consumed alone, so that a following ^XA can be told from them.
            return Step(3, part=True)
        text = stop if stop > 0 else stream.partial(buffer, 0)
        return Step(text, reason="outside a format") if text else Step(0)

    def _early(self, buffer: bytearray) -> Step:
        """Take a long format before its end: cut between commands where possible, so that none is read in halves."""
        if len(buffer) < _EARLY_BYTES:
            return Step(0)
        cut = buffer.rfind(b"^", 1)
        cut = cut if cut > 0 else min(stream.partial(buffer, 1), len(buffer) - 3)
        self._read(buffer, cut)
        return Step(cut, part=True)

    def _complete(self, buffer: bytearray, end: int) -> Step:
        self._read(buffer, end)
        copies, prints, stores = self._copies, self._prints, self._stores
        self._begin(False)
        if stores:
            return Step(end, part=True, drop=True, reason="a stored format, which is not kept")
        if not prints:
            return Step(end, part=True, drop=True, void=True, reason="a format without a field")
        return Step(end, part=True, copies=copies)

    def _read(self, buffer: bytearray, end: int) -> None:
        """Note what concerns the paper in the commands before `end`."""
        if buffer.find(b"^", 0, end) < 0:
            return
        self._prints = self._prints or _PRINTS.search(buffer, 0, end) is not None
        # The last of a kind counts, however many packets they come in.
        for found in _COPIES.finditer(buffer, 0, end):
            self._copies = max(1, int(found[1]))
        for found in _LENGTH.finditer(buffer, 0, end):
            self._status.label_dots = int(found[1])
        self._stores = self._stores or _STORES.search(buffer, 0, end) is not None

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """A format without its end stays in memory, waiting for ^XZ from whoever comes next."""
        return Step(0)

    def realtime(self, data: bytes, inlet: Inlet) -> Iterator[Arrival]:
        """Find control commands (~), which are obeyed on receipt, ahead of buffered formats."""
        for end, command in stream.arrived(data, inlet):
            yield Arrival(end, len(command), self._action(command, inlet))

    def _action(self, command: bytes, inlet: Inlet) -> Callable[[], None]:
        return self._obey.get(command.upper()) or partial(self._status.answer, command, inlet)

    def _cancel(self, command: str) -> None:
        """~JA, ~JX: everything, or the format in progress, is cancelled."""
        if command == "~JX":
            self.machine.drop_draft(command)
        else:
            self.machine.cancel(command)

    def wrong_status(self, data: bytes) -> bytes:
        """Say "paper out" where there is paper, and the other way round."""
        unknown = data.endswith((b'"?"', b'"?"}'))
        return data if unknown else self._status.untrue(data) or super().wrong_status(data)

    def text(self, content: bytes) -> str:
        """Return the field data, one field a line."""
        fields = re.findall(rb"\^F[DV](.*?)(?=\^FS|\^XZ)", content, re.DOTALL | re.IGNORECASE)
        return "\n".join(field.decode("utf-8", "replace") for field in fields)

    def render(self, content: bytes) -> Image:
        """Draw the label."""
        from printfabric_sim.render.label import draw_label  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return draw_label(content)
