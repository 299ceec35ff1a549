"""What an ESC/POS printer says of itself: DLE EOT, GS r, GS I, automatic status back. Sources are named in `escpos`."""

from __future__ import annotations

from collections.abc import Mapping

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personality import Machine

_OFFLINE = frozenset(Condition) - {Condition.WARMING_UP}
ERRORS = frozenset({Condition.JAM, Condition.HEAD_HOT, Condition.CUTTER})
# GS a n: which bits of the four bytes bit 0 (drawer), 1 (online, cover, feed key), 2 (errors) and 3 (paper) of n watch.
_WATCHED = {
    0x01: b"\x04\x00\x00\x00",
    0x02: b"\x68\x00\x00\x00",
    0x04: b"\x00\x68\x00\x00",
    0x08: b"\x00\x00\x0f\x00",
}
# The bits turned over in a lie, of the answer to DLE EOT n: online, paper end, cutter error, paper end.
_REALTIME_LIES = {1: 0x08, 2: 0x20, 3: 0x08, 4: 0x60}
_PAPER_LIE, _DRAWER_LIE = 0x0C, 0x01
_DLE_EOT, _DLE_DC4, _GS_R, _GS_H, _ASB = b"\x10\x04", b"\x10\x14", b"\x1dr", b"\x1d(H", b"\x1da"


class EscPosStatus:
    """The answers of one printer, and who hears unasked of changes."""

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        self._machine = machine
        self._options = options
        self._senders: dict[int, Inlet] = {}
        self._asked = b""  # the command that is being answered
        self.reset()

    def reset(self) -> None:
        """Back to power-on: automatic status off, drawer shut."""
        self._watched = b"\x00" * 4
        self._told = b""  # what of it was said last
        self.drawer_open = False

    def add(self, inlet: Inlet) -> None:
        """A sender has connected."""
        self._senders = {n: i for n, i in self._senders.items() if not i.ended}
        self._senders[inlet.number] = inlet

    def realtime(self, n: int, inlet: Inlet) -> None:
        """Answer DLE EOT n."""
        self._reply(_DLE_EOT + bytes([n]), bytes([self.status(n)]), inlet)

    def status(self, n: int) -> int:
        """Return the DLE EOT n status byte: bits 1 and 4 are fixed on, 0 and 7 off."""
        now = self._machine.conditions
        byte = 0x12
        if n == 1:
            byte |= (0 if self.drawer_open else 0x04) | (0x08 if now & _OFFLINE else 0)
        elif n == 2:
            byte |= 0x04 if Condition.COVER_OPEN in now else 0
            byte |= 0x20 if Condition.MEDIA_OUT in now else 0
            byte |= 0x40 if now & ERRORS else 0
        elif n == 3:
            byte |= 0x08 if Condition.CUTTER in now else 0
            byte |= 0x20 if Condition.JAM in now else 0
            byte |= 0x40 if Condition.HEAD_HOT in now else 0
        elif n == 4:
            byte |= 0x60 if Condition.MEDIA_OUT in now else 0
            byte |= 0x0C if self._near_end() else 0
        return byte

    def transmit(self, n: int, inlet: Inlet) -> None:
        """Answer GS r n: paper sensors (1), drawer (2)."""
        if n in (1, 49):
            out = Condition.MEDIA_OUT in self._machine.conditions
            byte = (0x03 if self._near_end() else 0) | (0x0C if out else 0)
        else:
            byte = 0 if self.drawer_open else 1
        self._reply(_GS_R + bytes([n]), bytes([byte]), inlet)

    def identify(self, n: int, inlet: Inlet) -> None:
        """Answer GS I n."""
        texts = {
            65: self._options.get("firmware", "60.03 ESC/POS"),
            66: "EPSON",
            67: self._options.get("model", "TM-T88VI"),
            68: self._options.get("serial_number", "SIM0000001"),
            69: "",
        }
        if n in texts:
            self._reply(b"\x1dI", b"\x5f" + texts[n].encode() + b"\x00", inlet)
        else:
            number = {1: 0x20, 2: 0x02, 3: 0x00, 49: 0x20, 50: 0x02}.get(n, 0)
            self._reply(b"\x1dI", bytes([number]), inlet)

    def processed(self, number: bytes, inlet: Inlet) -> None:
        """Answer GS ( H, function 48: what came before it is on paper."""
        self._reply(_GS_H, b"\x37\x22" + number + b"\x00", inlet)

    def cleared(self, inlet: Inlet) -> None:
        """Answer DLE DC4 8: the buffers are empty."""
        self._reply(_DLE_DC4, b"\x37\x25\x00", inlet)

    def watch(self, n: int, inlet: Inlet) -> None:
        """GS a n: tell how things are, and from now on every change of what the bits of n select; 0 is off."""
        masks = [mask for bit, mask in _WATCHED.items() if n & bit]
        self._watched = bytes(sum(column) for column in zip(b"\x00" * 4, *masks, strict=True))
        if masks:
            self._told = self._selected()
            self._reply(_ASB, self._four_bytes(), inlet)

    def changed(self) -> None:
        """Something may have changed: tell every sender, if it is selected."""
        if not any(self._watched) or self._selected() == self._told:
            return
        self._told = self._selected()
        for inlet in list(self._senders.values()):
            self._reply(_ASB, self._four_bytes(), inlet)

    def untrue(self, data: bytes) -> bytes | None:
        """Return an answer of the same form that is not true; None for those that are no status."""
        asked = self._asked
        if asked == _ASB:
            return data[:2] + bytes([data[2] ^ _PAPER_LIE]) + data[3:]
        if asked.startswith(_DLE_EOT):
            return bytes([data[0] ^ _REALTIME_LIES[asked[2]]])
        if asked.startswith(_GS_R):
            return bytes([data[0] ^ (_PAPER_LIE if asked[2] in (1, 49) else _DRAWER_LIE)])
        if asked == _GS_H:  # another process
            return data[:5] + (b"0" if data[5:6] != b"0" else b"1") + data[6:]
        if asked == _DLE_DC4:  # it has one form only
            return data
        if len(data) == 1:  # GS I, a number
            return bytes([data[0] ^ 0x01])
        return None

    def _reply(self, command: bytes, data: bytes, inlet: Inlet) -> None:
        self._asked = command
        self._machine.reply(data, inlet)

    def _selected(self) -> bytes:
        return bytes(byte & mask for byte, mask in zip(self._four_bytes(), self._watched, strict=True))

    def _four_bytes(self) -> bytes:
        """Return automatic status as it is sent, all of it whatever was selected."""
        now = self._machine.conditions
        first = 0x10 | (0 if self.drawer_open else 0x04) | (0x08 if now & _OFFLINE else 0)
        first |= 0x20 if Condition.COVER_OPEN in now else 0
        second = (0x08 if Condition.CUTTER in now else 0) | (0x20 if Condition.JAM in now else 0)
        second |= 0x40 if Condition.HEAD_HOT in now else 0
        third = (0x03 if self._near_end() else 0) | (0x0C if Condition.MEDIA_OUT in now else 0)
        return bytes([first, second, third, 0x0F])

    def _near_end(self) -> bool:
        left = self._machine.media_left
        return Condition.MEDIA_OUT in self._machine.conditions or (left is not None and left < 10)
