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
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personality import SHORT_TEXT, Machine, Personality, Step

if TYPE_CHECKING:
    from PIL.Image import Image

STX, ETX = b"\x02", b"\x03\r\n"
_REALTIME = re.compile(
    rb"~(?:HS|HI|HQ[A-Z]{2}|JA|JX|JR|PH|PP|PS|WC)"
    rb'|! U1 getvar "[a-z._]{1,60}"\r?\n|\{\}\{"[a-z._]{1,60}":null\}',
    re.IGNORECASE,
)
# A command that arrives in two packets is found with the last bytes of the first.
_TAIL_BYTES = 80
# Formats smaller than this wait in the buffer for their ^XZ; of larger ones whole commands are taken early.
_EARLY_BYTES = 1024
_PRINTS = re.compile(rb"\^(?:FD|FV|SN|GB|GC|GD|GE|GF|GS|XG|IM|IL|XF|FH|B[A-Z0-9])", re.IGNORECASE)
_COPIES = re.compile(rb"\^PQ *(\d{1,8})(?!\d)", re.IGNORECASE)
_LENGTH = re.compile(rb"\^LL *(\d{1,5})(?!\d)", re.IGNORECASE)
_STORES = re.compile(rb"\^DF", re.IGNORECASE)

# ~HQES, error flags, group 1. A jam has no flag on a labeler; the nearest is "clear paper path failed".
_ERROR_BITS = {
    Condition.MEDIA_OUT: 0x00000001,
    Condition.RIBBON_OUT: 0x00000002,
    Condition.COVER_OPEN: 0x00000004,
    Condition.CUTTER: 0x00000008,
    Condition.HEAD_HOT: 0x00000010,
    Condition.JAM: 0x00008000,
    Condition.PAUSED: 0x00010000,
}
# From the page of ~HS: "the printer will not send a response to the host if the printer is in one of these conditions".
_SILENT = frozenset({Condition.MEDIA_OUT, Condition.RIBBON_OUT, Condition.COVER_OPEN, Condition.HEAD_HOT})


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
        self._answer: dict[bytes, Callable[[Inlet], None]] = {
            b"~HS": self._host_status,
            b"~HI": self._host_identification,
        }
        self.reset()

    def reset(self) -> None:
        """Forget the format in progress and the label length."""
        self._label_dots = 1218
        self._begin(False)

    def flush(self) -> None:
        """Forget the format in progress."""
        self._begin(False)

    def _begin(self, inside: bool) -> None:
        self._inside = inside
        self._copies = 1
        self._prints = False
        self._stores = False

    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Take what lies outside formats, then formats one by one."""
        if not self._inside:
            return self._outside(buffer)
        at = _bracket(buffer, b"AaZz")
        if at >= 0 and buffer[at + 2] in b"Aa":
            self.machine.event("format dropped", reason="^XA inside a format", inlet=inlet.number)
            self._begin(False)
            return Step(at, part=True, drop=True)
        if at >= 0:
            return self._complete(buffer, at + 3)
        if len(buffer) < _EARLY_BYTES:
            return Step(0)
        # Cut between commands where there is one, so that none is read in halves.
        cut = buffer.rfind(b"^", 1)
        cut = cut if cut > 0 else len(buffer) - 3
        self._read(buffer, cut)
        return Step(cut, part=True)

    def _outside(self, buffer: bytearray) -> Step:
        start = _bracket(buffer, b"Aa")
        if start < 0:
            rest = buffer.rfind(b"^")
            return Step(rest if rest >= 0 and rest >= len(buffer) - 2 else len(buffer))
        if start > 0:
            return Step(start)
        self._begin(True)
        # The three bytes belong to the format; consumed alone, so that a following ^XA can be told from them.
        return Step(3, part=True)

    def _complete(self, buffer: bytearray, end: int) -> Step:
        self._read(buffer, end)
        copies, prints = self._copies, self._prints and not self._stores
        self._begin(False)
        return Step(end, part=True, copies=copies) if prints else Step(end, part=True, drop=True)

    def _read(self, buffer: bytearray, end: int) -> None:
        """Note what concerns the paper in the commands before `end`."""
        self._prints = self._prints or _PRINTS.search(buffer, 0, end) is not None
        if found := _COPIES.search(buffer, 0, end):
            self._copies = max(1, int(found[1]))
        if found := _LENGTH.search(buffer, 0, end):
            self._label_dots = int(found[1])
        self._stores = self._stores or _STORES.search(buffer, 0, end) is not None

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """A format without its end stays in memory, waiting for ^XZ from whoever comes next."""
        return Step(0)

    def realtime(self, data: bytes, inlet: Inlet) -> list[tuple[int, Callable[[], None]]]:
        """Find control commands (~), which are obeyed on receipt, ahead of buffered formats."""
        if b"~" not in data and b"! U" not in data and b"{}" not in data and not inlet.tail:
            return []
        known = len(inlet.tail)
        text = inlet.tail + data
        inlet.tail = b""
        found: list[tuple[int, Callable[[], None]]] = []
        last = 0
        for match in _REALTIME.finditer(text):
            last = match.end()
            if last > known:
                found.append((last - known, self._action(match[0], inlet)))
        start = max(text.rfind(b"~"), text.rfind(b"! U"), text.rfind(b"{}"))
        if start >= last and len(text) - start < _TAIL_BYTES:
            inlet.tail = text[start:]
        return found

    def _action(self, command: bytes, inlet: Inlet) -> Callable[[], None]:
        if command[:1] in b"!{":
            return lambda: self._get_variable(command, inlet)
        if command[:3].upper() == b"~HQ":
            return lambda: self._host_query(command[3:].upper(), inlet)
        answer = self._answer.get(command.upper())
        return self._obey[command.upper()] if answer is None else partial(answer, inlet)

    def _cancel(self, command: str) -> None:
        """~JA, ~JX: everything, or the format in progress, is cancelled."""
        if command == "~JX":
            self.machine.drop_draft(command)
        else:
            self.machine.cancel(command)

    def _host_status(self, inlet: Inlet) -> None:
        """~HS: three strings of flags; none at all while the printer needs somebody."""
        conditions = self.machine.conditions
        if conditions & _SILENT and self.options.get("hs_silent", "yes") != "no":
            self.machine.event("status withheld", command="~HS")
            return
        formats = self.machine.units_waiting + inlet.buffer.count(b"^XZ")
        first = (
            f"030,{_bit(Condition.MEDIA_OUT in conditions)},{_bit(Condition.PAUSED in conditions)},"
            f"{self._label_dots:04d},{formats % 1000:03d},{_bit(self.machine.buffer_full)},0,"
            f"{_bit(self._inside)},000,0,0,{_bit(Condition.HEAD_HOT in conditions)}"
        )
        second = (
            f"000,0,{_bit(Condition.COVER_OPEN in conditions)},{_bit(Condition.RIBBON_OUT in conditions)},"
            f"1,2,6,0,{self.machine.copies_left:08d},1,000"
        )
        lines = (first, second, "1234,0")
        self.machine.reply(b"".join(STX + line.encode() + ETX for line in lines), inlet)

    def _host_identification(self, inlet: Inlet) -> None:
        """~HI: model, software version, dots/mm, memory."""
        model = self.options.get("model", "SIM ZD621-203dpi")
        firmware = self.options.get("firmware", "V93.21.26Z")
        self.machine.reply(STX + f"{model},{firmware},8,8176KB".encode() + ETX, inlet)

    def _host_query(self, what: bytes, inlet: Inlet) -> None:
        """~HQES: error flags in two groups; ~HQSN, ~HQOD likewise. Unknown queries stay unanswered."""
        if what == b"ES":
            bits = sum(bit for condition, bit in _ERROR_BITS.items() if condition in self.machine.conditions)
            low = self.machine.media_left is not None and self.machine.media_left < 10
            body = (
                "\r\n\r\n  PRINTER STATUS                            \r\n"
                f"   ERRORS:         {_bit(bits != 0)} 00000000 {bits:08X}\r\n"
                f"   WARNINGS:       {_bit(low)} 00000000 {1 if low else 0:08X}\r\n"
            )
        elif what == b"SN":
            body = f"\r\n\r\n  SERIAL NUMBER                              \r\n   {self._serial()}\r\n"
        elif what == b"OD":
            body = (
                "\r\n\r\n  PRINT METERS                               \r\n"
                f'   TOTAL NONRESETTABLE:          {self.machine.printed * self._label_dots // 203} "\r\n'
            )
        else:
            self.machine.event("query ignored", command=f"~HQ{what.decode('latin-1')}")
            return
        self.machine.reply(STX + body.encode() + ETX, inlet)

    def _get_variable(self, command: bytes, inlet: Inlet) -> None:
        """SGD getvar: a value in quotes; "?" for a name the printer does not know."""
        name = command.split(b'"')[1].decode().lower()
        cover = Condition.COVER_OPEN in self.machine.conditions
        values = {
            "device.product_name": self.options.get("model", "SIM ZD621-203dpi"),
            "device.unique_id": self._serial(),
            "appl.name": self.options.get("firmware", "V93.21.26Z"),
            "odometer.total_label_count": str(self.machine.printed),
            "media.status": "out" if Condition.MEDIA_OUT in self.machine.conditions else "ok",
            "head.latch": "open" if cover else "ok",
        }
        value = values.get(name, "?")
        text = f'"{value}"' if command[:1] == b"!" else f'{{"{name}":"{value}"}}'
        self.machine.reply(text.encode(), inlet)

    def _serial(self) -> str:
        return self.options.get("serial_number", "SIM0000001")

    def wrong_status(self, data: bytes) -> bytes:
        """Say "paper out" where there is paper, and the other way round."""
        if data.startswith(STX + b"030,"):
            return data[:5] + (b"0" if data[5:6] == b"1" else b"1") + data[6:]
        return super().wrong_status(data)

    def text(self, content: bytes) -> str:
        """Return the field data, one field a line."""
        fields = re.findall(rb"\^F[DV](.*?)(?=\^FS|\^XZ)", content, re.DOTALL | re.IGNORECASE)
        return "\n".join(field.decode("utf-8", "replace") for field in fields)

    def render(self, content: bytes) -> Image:
        """Draw the label."""
        from printfabric_sim.render.label import draw_label  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return draw_label(content)


def _bit(on: bool) -> int:
    return 1 if on else 0


def _bracket(buffer: bytearray, letters: bytes) -> int:
    """Return where the first ^X or ^x followed by one of `letters` is, -1 if there is none."""
    first, end = -1, len(buffer)
    for needle in (b"^X", b"^x"):
        at = buffer.find(needle, 0, end)
        while 0 <= at < len(buffer) - 2:
            if buffer[at + 2] in letters:
                first = end = at  # the other spelling matters only before
                break
            at = buffer.find(needle, at + 2, end)
    return first
