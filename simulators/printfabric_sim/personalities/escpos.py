"""An ESC/POS receipt printer.

After Epson's "ESC/POS Command Reference" (download4.epson.biz/sec_pubs/pos/reference_en/escpos): text, GS V, raster
images, drawer kick, DLE EOT, DLE ENQ, DLE DC4, GS r, GS I, GS a (automatic status back), GS ( H (process id response).
A receipt ends with a cut (GS V, ESC i, ESC m). Commands without effect on paper or status are stepped over by length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personalities._escpos_commands import command_length, draws, ends_receipt
from printfabric_sim.personalities._escpos_status import ERRORS, EscPosStatus
from printfabric_sim.personality import SHORT_TEXT, Arrival, Machine, Personality, Step
from printfabric_sim.unit import Span, Unit

if TYPE_CHECKING:
    from PIL.Image import Image

_CONTROL = re.compile(rb"[\x10\x1b\x1c\x1d]")
_INK = re.compile(rb"[!-\xff]")
# Real-time commands, obeyed on receipt even in the middle of an image (a caution of the reference).
_REALTIME = re.compile(
    rb"\x10\x04[\x01-\x04]|\x10\x05[\x01\x02]|\x10\x14\x01[\x00\x01][\x01-\x08]|\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
)
_TAIL_BYTES = 10
_NOTHING = "a receipt with nothing on it"


class ReceiptPrinter(Personality):
    """A TM-T88-like printer with cutter and drawer. Options: `model`, `firmware`, `serial_number`."""

    name = "escpos"
    kind = "receipt"
    prints_as_it_goes = True
    parts = frozenset({("drawer", "shut")})
    known_options: ClassVar[Mapping[str, str]] = {"model": SHORT_TEXT, "firmware": SHORT_TEXT}
    device_id: ClassVar[str] = "MFG:EPSON;CMD:ESC/POS;MDL:SIM TM-T88VI;CLS:PRINTER;"

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        super().__init__(machine, options)
        self.status = EscPosStatus(machine, options)
        self.reset()

    def reset(self) -> None:
        """Back to power-on: automatic status off, drawer shut, nothing skipped."""
        self.status.reset()
        self._reading: Inlet | None = None  # whose bytes came last
        self._skip = 0  # bytes of an image that are still to come
        self._ink = False
        self._blank = False  # more is in the receipt than settings: line feeds, blanks, what is no command

    def flush(self) -> None:
        """Expect the beginning of a receipt."""
        self._skip, self._ink, self._blank = 0, False, False

    @property
    def inked(self) -> bool:
        """Text or an image, and not settings alone."""
        return self._ink

    def inlet_opened(self, inlet: Inlet) -> None:
        """Remember who is to get automatic status."""
        self.status.add(inlet)

    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Take text and commands up to the next cut."""
        size = len(buffer)
        self._reading = inlet
        position = min(self._skip, size)
        self._skip -= position
        while position < size:
            found = _CONTROL.search(buffer, position)
            text_end = found.start() if found is not None else size
            if not self._ink and _INK.search(buffer, position, text_end) is not None:
                self._ink = True
            self._blank = self._blank or text_end > position
            if found is None:
                return Step(size, part=True)
            position = text_end
            length = command_length(buffer, position)
            self._blank = self._blank or length == 1
            if length == 0:  # not all of it has arrived
                return self._taken(position)
            if position + length > size and length > 16:
                # An image longer than the buffer is taken as it comes.
                self._ink = True
                self._skip = position + length - size
                return Step(size, part=True)
            if position + length > size:
                return self._taken(position)
            if buffer[position] == 0x10 and length > 1:  # obeyed when it arrived, and no part of any receipt
                return Step(length) if position == 0 else self._taken(position)
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
            ink, self._ink, self._blank = self._ink, False, False
            if ink:
                return Step(end, part=True, copies=1)
            return Step(end, part=True, drop=True, void=True, reason=_NOTHING)
        return None

    def _query(self, buffer: bytearray, at: int, length: int, inlet: Inlet) -> Step:
        """Take what is before a status command first, then the command by itself: it is no part of a receipt."""
        if at > 0:
            return Step(at, part=True)
        command, n = buffer[1:2], buffer[2]
        if command == b"r":
            self.status.transmit(n, inlet)
        elif command == b"I":
            self.status.identify(n, inlet)
        elif command == b"a":
            self.status.watch(n, inlet)
        elif length >= 11 and buffer[5] == 48:  # GS ( H pL pH fn=48 m d1..d4
            number = bytes(buffer[length - 4 : length])
            # Function 48: sent "when the processing of the data before it is completed".
            return Step(length, mark=lambda: self.status.processed(number, inlet))
        return Step(length)

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """Text without a cut stays on the roll; settings without text leave nothing behind, nor do feeds, which are told."""
        if self._ink or self._skip:
            return Step(0)
        blank, self._blank = self._blank, False
        return Step(0, drop=True, void=True, reason=_NOTHING if blank else "")

    def realtime(self, data: bytes, inlet: Inlet) -> Iterator[Arrival]:
        """Find DLE EOT, DLE ENQ and DLE DC4."""
        if b"\x10" not in data and not inlet.tail:
            return
        known = len(inlet.tail)
        text, inlet.tail = inlet.tail + data, b""
        end = 0
        for match in _REALTIME.finditer(text):
            end = match.end()
            yield Arrival(end - known, len(match[0]), self._realtime_action(match[0], inlet))
        start = text.rfind(b"\x10", max(end, len(text) - _TAIL_BYTES))
        inlet.tail = text[start:] if start >= 0 else b""

    def obeyed(self, inlet: Inlet) -> list[Span]:
        """Return real-time commands, but those that are data of another command as well."""
        commands = super().obeyed(inlet)
        if not commands:
            return []
        images = self._longer_commands(inlet)
        return [
            span
            for span in commands
            if (at := inlet.place(span.start)) >= 0 and not any(start <= at < end for start, end in images)
        ]

    def _longer_commands(self, inlet: Inlet) -> list[tuple[int, int]]:
        """Return from where to where in the buffer commands lie that are no real-time commands, with their data."""
        position = self._skip if inlet is self._reading else 0
        found = [(0, position)]
        while (control := _CONTROL.search(inlet.buffer, position)) is not None:
            at = control.start()
            length = command_length(inlet.buffer, at)
            if length == 0:
                break
            position = at + length
            if inlet.buffer[at] != 0x10:
                found.append((at, position))
        return found

    def _realtime_action(self, command: bytes, inlet: Inlet) -> Callable[[], None]:
        if command[1] == 0x04:
            return lambda: self.status.realtime(command[2], inlet)
        if command[1] == 0x05:
            return lambda: self._recover(command[2])
        if command[2] == 0x01:
            return lambda: self._kick(command[3])
        return lambda: self._clear(inlet)

    def _kick(self, pin: int) -> None:
        self.status.drawer_open = True
        self.machine.event("drawer opened", pin=2 if pin == 0 else 5)
        self.status.changed()

    def attend(self, part: str, what: str) -> None:
        """Somebody pushes the drawer back."""
        self.status.drawer_open = False
        self.status.changed()

    def _recover(self, n: int) -> None:
        """DLE ENQ: 1 goes on from the line of the error, 2 clears the buffers first."""
        if n == 2:
            self.machine.cancel("DLE ENQ 2")
        for condition in ERRORS & self.machine.conditions:
            self.machine.release(condition)

    def _clear(self, inlet: Inlet) -> None:
        """DLE DC4 fn 8: clear the buffers, then say so (37 25 00)."""
        self.machine.cancel("DLE DC4 8")
        self.status.cleared(inlet)

    def condition_changed(self, condition: Condition, on: bool) -> None:
        """Send automatic status if that is selected."""
        self.status.changed()

    def unit_left(self, unit: Unit, copy: int) -> None:
        """Tell about the roll coming to its end."""
        self.status.changed()

    def wrong_status(self, data: bytes) -> bytes:
        """Say "no paper" where there is paper, and so on; of texts and numbers another one."""
        return self.status.untrue(data) or super().wrong_status(data)

    def text(self, content: bytes) -> str:
        """Return the receipt's text without its commands."""
        from printfabric_sim.render.receipt_pieces import receipt_text  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return receipt_text(content)

    def render(self, content: bytes) -> Image:
        """Draw the receipt."""
        from printfabric_sim.render.receipt import draw_receipt  # noqa: PLC0415 (Pillow only when a picture is wanted)

        return draw_receipt(content)
