"""An ESC/POS receipt printer.

After Epson's "ESC/POS Command Reference" (download4.epson.biz/sec_pubs/pos/reference_en/escpos): text, GS V, raster
images, drawer kick, DLE EOT, DLE ENQ, DLE DC4, GS r, GS I, GS a (automatic status back), GS ( H (process id response).
A receipt ends with a cut (GS V, ESC i, ESC m). Commands without effect on paper or status are stepped over by length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personalities._escpos_commands import command_length, draws, ends_receipt
from printfabric_sim.personality import SHORT_TEXT, Machine, Personality, Step
from printfabric_sim.unit import Unit

if TYPE_CHECKING:
    from PIL.Image import Image

_CONTROL = re.compile(rb"[\x10\x1b\x1c\x1d]")
_INK = re.compile(rb"[!-\xff]")
# Real-time commands, obeyed on receipt even in the middle of an image (a caution of the reference).
_REALTIME = re.compile(
    rb"\x10\x04[\x01-\x04]|\x10\x05[\x01\x02]|\x10\x14\x01[\x00\x01][\x01-\x08]|\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
)
_TAIL_BYTES = 10
_OFFLINE = frozenset(Condition) - {Condition.WARMING_UP}
_ERRORS = frozenset({Condition.JAM, Condition.HEAD_HOT, Condition.CUTTER})


class ReceiptPrinter(Personality):
    """A TM-T88-like printer with cutter and drawer. Options: `model`, `firmware`, `serial_number`."""

    name = "escpos"
    kind = "receipt"
    prints_as_it_goes = True
    known_options: ClassVar[Mapping[str, str]] = {"model": SHORT_TEXT, "firmware": SHORT_TEXT}
    device_id: ClassVar[str] = "MFG:EPSON;CMD:ESC/POS;MDL:SIM TM-T88VI;CLS:PRINTER;"

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        super().__init__(machine, options)
        self._senders: dict[int, Inlet] = {}
        self.reset()

    def reset(self) -> None:
        """Back to power-on: automatic status off, drawer shut, nothing skipped."""
        self._asb = 0
        self._skip = 0  # bytes of an image that are still to come
        self._ink = False
        self.drawer_open = False

    def flush(self) -> None:
        """Expect the beginning of a receipt."""
        self._skip, self._ink = 0, False

    def inlet_opened(self, inlet: Inlet) -> None:
        """Remember who is to get automatic status."""
        self._senders = {n: i for n, i in self._senders.items() if not i.ended}
        self._senders[inlet.number] = inlet

    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Take text and commands up to the next cut."""
        size = len(buffer)
        position = min(self._skip, size)
        self._skip -= position
        while position < size:
            found = _CONTROL.search(buffer, position)
            text_end = found.start() if found is not None else size
            if not self._ink and _INK.search(buffer, position, text_end) is not None:
                self._ink = True
            if found is None:
                return Step(size, part=True)
            position = text_end
            length = command_length(buffer, position)
            if length == 0:  # not all of it has arrived
                return self._taken(position)
            if position + length > size and length > 16:
                # An image longer than the buffer is taken as it comes.
                self._ink = True
                self._skip = position + length - size
                return Step(size, part=True)
            if position + length > size:
                return self._taken(position)
            if position == 0 and buffer[0] == 0x10 and not self.machine.draft_bytes:
                return Step(length)  # a real-time command between receipts is no part of one
            if (step := self._command(buffer, position, length, inlet)) is not None:
                return step
            position += length
        return self._taken(size)

    def _taken(self, position: int) -> Step:
        return Step(position, part=True)

    def _command(self, buffer: bytearray, at: int, length: int, inlet: Inlet) -> Step | None:
        """Obey the command at `at`; a Step if parsing has to stop after it."""
        lead = bytes(buffer[at : at + 2])
        end = at + length
        if draws(buffer, at):
            self._ink = True
        elif lead in (b"\x1dr", b"\x1dI", b"\x1da") or buffer[at : at + 3] == b"\x1d(H":
            return self._query(buffer, at, length, inlet)
        elif lead == b"\x1bp":
            self._kick(buffer[at + 2] & 1)
        elif ends_receipt(buffer, at):
            ink, self._ink = self._ink, False
            return Step(end, part=True, copies=1) if ink else Step(end, part=True, drop=True)
        return None

    def _query(self, buffer: bytearray, at: int, length: int, inlet: Inlet) -> Step:
        """Take what is before a status command first, then the command by itself: it is no part of a receipt."""
        if at > 0:
            return Step(at, part=True)
        command, n = buffer[1:2], buffer[2]
        if command == b"r":
            self.machine.reply(bytes([self._gs_r(n)]), inlet)
        elif command == b"I":
            self.machine.reply(self._gs_i(n), inlet)
        elif command == b"a":
            self._asb = n
            if n:
                self.machine.reply(self._asb_bytes(), inlet)
        elif length >= 11 and buffer[5] in (0x30, 48):  # GS ( H pL pH fn=48 m d1..d4
            number = bytes(buffer[length - 4 : length])
            # Function 48: sent "when the processing of the data before it is completed".
            return Step(length, mark=lambda: self.machine.reply(b"\x37\x22" + number + b"\x00", inlet))
        return Step(length)

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """Text without a cut stays on the roll; settings without text leave nothing behind."""
        return Step(0) if self._ink or self._skip else Step(0, drop=True)

    def realtime(self, data: bytes, inlet: Inlet) -> list[tuple[int, Callable[[], None]]]:
        """Find DLE EOT, DLE ENQ and DLE DC4."""
        if b"\x10" not in data and not inlet.tail:
            return []
        known = len(inlet.tail)
        text = inlet.tail + data
        found: list[tuple[int, Callable[[], None]]] = []
        end = 0
        for match in _REALTIME.finditer(text):
            found.append((match.end() - known, self._realtime_action(match[0], inlet)))
            end = match.end()
        start = text.rfind(b"\x10", max(end, len(text) - _TAIL_BYTES))
        inlet.tail = text[start:] if start >= 0 else b""
        return found

    def _realtime_action(self, command: bytes, inlet: Inlet) -> Callable[[], None]:
        if command[1] == 0x04:
            return lambda: self.machine.reply(bytes([self.status(command[2])]), inlet)
        if command[1] == 0x05:
            return lambda: self._recover(command[2])
        if command[2] == 0x01:
            return lambda: self._kick(command[3])
        return lambda: self._clear(inlet)

    def status(self, n: int) -> int:
        """Return the DLE EOT n status byte: bits 1 and 4 are fixed on, 0 and 7 off."""
        now = self.machine.conditions
        byte = 0x12
        if n == 1:
            byte |= (0 if self.drawer_open else 0x04) | (0x08 if now & _OFFLINE else 0)
        elif n == 2:
            byte |= 0x04 if Condition.COVER_OPEN in now else 0
            byte |= 0x20 if Condition.MEDIA_OUT in now else 0
            byte |= 0x40 if now & _ERRORS else 0
        elif n == 3:
            byte |= 0x08 if Condition.CUTTER in now else 0
            byte |= 0x20 if Condition.JAM in now else 0
            byte |= 0x40 if Condition.HEAD_HOT in now else 0
        elif n == 4:
            byte |= 0x60 if Condition.MEDIA_OUT in now else 0
            byte |= 0x0C if self._near_end() else 0
        return byte

    def _asb_bytes(self) -> bytes:
        """Return the four bytes of automatic status back."""
        now = self.machine.conditions
        first = 0x10 | (0 if self.drawer_open else 0x04) | (0x08 if now & _OFFLINE else 0)
        first |= 0x20 if Condition.COVER_OPEN in now else 0
        second = (0x08 if Condition.CUTTER in now else 0) | (0x20 if Condition.JAM in now else 0)
        second |= 0x40 if Condition.HEAD_HOT in now else 0
        third = (0x03 if self._near_end() else 0) | (0x0C if Condition.MEDIA_OUT in now else 0)
        return bytes([first, second, third, 0x0F])

    def _gs_r(self, n: int) -> int:
        if n in (1, 49):
            return (0x03 if self._near_end() else 0) | (
                0x0C if Condition.MEDIA_OUT in self.machine.conditions else 0
            )
        return 0 if self.drawer_open else 1

    def _gs_i(self, n: int) -> bytes:
        texts = {
            65: self.options.get("firmware", "60.03 ESC/POS"),
            66: "EPSON",
            67: self.options.get("model", "TM-T88VI"),
            68: self.options.get("serial_number", "SIM0000001"),
            69: "",
        }
        if n in texts:
            return b"\x5f" + texts[n].encode() + b"\x00"
        return bytes([{1: 0x20, 2: 0x02, 3: 0x00, 49: 0x20, 50: 0x02}.get(n, 0)])

    def _near_end(self) -> bool:
        left = self.machine.media_left
        return Condition.MEDIA_OUT in self.machine.conditions or (left is not None and left < 10)

    def _kick(self, pin: int) -> None:
        self.drawer_open = True
        self.machine.event("drawer opened", pin=2 if pin == 0 else 5)
        self._tell()

    def attend(self, part: str, what: str) -> bool:
        """Somebody pushes the drawer back."""
        if (part, what) != ("drawer", "shut"):
            return False
        self.drawer_open = False
        self._tell()
        return True

    def _recover(self, n: int) -> None:
        """DLE ENQ: 1 goes on from the line of the error, 2 clears the buffers first."""
        if n == 2:
            self.machine.cancel("DLE ENQ 2")
        for condition in _ERRORS & self.machine.conditions:
            self.machine.release(condition)

    def _clear(self, inlet: Inlet) -> None:
        """DLE DC4 fn 8: clear the buffers, then say so (37 25 00)."""
        self.machine.cancel("DLE DC4 8")
        self.machine.reply(b"\x37\x25\x00", inlet)

    def _tell(self) -> None:
        if not self._asb:
            return
        for inlet in list(self._senders.values()):
            self.machine.reply(self._asb_bytes(), inlet)

    def condition_changed(self, condition: Condition, on: bool) -> None:
        """Send automatic status if it is on."""
        self._tell()

    def unit_left(self, unit: Unit, copy: int) -> None:
        """Tell about the roll coming to its end."""
        if self._asb and self.machine.media_left == 9:
            self._tell()

    def text(self, content: bytes) -> str:
        """Return the receipt's text without its commands."""
        from printfabric_sim.render.receipt import receipt_text  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return receipt_text(content)

    def render(self, content: bytes) -> Image:
        """Draw the receipt."""
        from printfabric_sim.render.receipt import draw_receipt  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return draw_receipt(content)
