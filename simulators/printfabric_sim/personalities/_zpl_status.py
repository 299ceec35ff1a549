"""What a ZPL printer says of itself: ~HS, ~HI, ~HQ and SGD `getvar`; sources and doubts are named in `zpl`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.personality import Machine

STX, ETX = b"\x02", b"\x03\r\n"
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
_ERRORS = re.compile(rb"(ERRORS: +)[01] 00000000 ([0-9A-F]{8})")
# Values of variables that are states, and what they are not.
_OTHERWISE = {"media.status": {"ok": "out", "out": "ok"}, "head.latch": {"ok": "open", "open": "ok"}}


class ZplStatus:
    """Answers of one printer. `label_dots` and `inside` (a format is open) are kept up to date by the interpreter."""

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        self.label_dots = 1218
        self.inside = False
        self._machine = machine
        self._options = options
        self._variable = ""  # that was asked for last

    def answer(self, command: bytes, inlet: Inlet) -> None:
        """Answer ~HS, ~HI, ~HQxx or `getvar`."""
        if command[:1] in b"!{":
            self._get_variable(command, inlet)
        elif command[:3].upper() == b"~HQ":
            self._host_query(command[3:].upper(), inlet)
        elif command.upper() == b"~HI":
            self._host_identification(inlet)
        else:
            self._host_status(inlet)

    def _host_status(self, inlet: Inlet) -> None:
        """~HS: three strings of flags; none at all while the printer needs somebody."""
        conditions = self._machine.conditions
        if conditions & _SILENT and self._options.get("hs_silent", "yes") != "no":
            self._machine.event("status withheld", command="~HS")
            return
        formats = self._machine.units_waiting + inlet.buffer.count(b"^XZ")
        first = (
            f"030,{_bit(Condition.MEDIA_OUT in conditions)},{_bit(Condition.PAUSED in conditions)},"
            f"{self.label_dots:04d},{formats % 1000:03d},{_bit(self._machine.buffer_full)},0,"
            f"{_bit(self.inside)},000,0,0,{_bit(Condition.HEAD_HOT in conditions)}"
        )
        second = (
            f"000,0,{_bit(Condition.COVER_OPEN in conditions)},{_bit(Condition.RIBBON_OUT in conditions)},"
            f"1,2,6,0,{self._machine.copies_left:08d},1,000"
        )
        lines = (first, second, "1234,0")
        self._machine.reply(b"".join(STX + line.encode() + ETX for line in lines), inlet)

    def _host_identification(self, inlet: Inlet) -> None:
        """~HI: model, software version, dots/mm, memory."""
        text = f"{self._model()},{self._firmware()},8,8176KB"
        self._machine.reply(STX + text.encode() + ETX, inlet)

    def _host_query(self, what: bytes, inlet: Inlet) -> None:
        """~HQES: error flags in two groups; ~HQSN, ~HQOD likewise. Unknown queries stay unanswered."""
        if what == b"ES":
            bits = sum(bit for condition, bit in _ERROR_BITS.items() if condition in self._machine.conditions)
            low = self._machine.media_left is not None and self._machine.media_left < 10
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
                f'   TOTAL NONRESETTABLE:          {self._machine.printed * self.label_dots // 203} "\r\n'
            )
        else:
            self._machine.event("query ignored", command=f"~HQ{what.decode('latin-1')}")
            return
        self._machine.reply(STX + body.encode() + ETX, inlet)

    def _get_variable(self, command: bytes, inlet: Inlet) -> None:
        """SGD getvar: a value in quotes; "?" for a name the printer does not know."""
        name = self._variable = command.split(b'"')[1].decode().lower()
        cover = Condition.COVER_OPEN in self._machine.conditions
        values = {
            "device.product_name": self._model(),
            "device.unique_id": self._serial(),
            "appl.name": self._firmware(),
            "odometer.total_label_count": str(self._machine.printed),
            "media.status": "out" if Condition.MEDIA_OUT in self._machine.conditions else "ok",
            "head.latch": "open" if cover else "ok",
        }
        value = values.get(name, "?")
        text = f'"{value}"' if command[:1] == b"!" else f'{{"{name}":"{value}"}}'
        self._machine.reply(text.encode(), inlet)

    def untrue(self, data: bytes) -> bytes | None:
        """Return a status that says "paper out" where there is paper, and so on; None if `data` is no status."""
        if data.startswith(STX + b"030,"):
            return data[:5] + (b"0" if data[5:6] == b"1" else b"1") + data[6:]
        if found := _ERRORS.search(data):
            bits = int(found[2], 16) ^ _ERROR_BITS[Condition.MEDIA_OUT]
            return _ERRORS.sub(rb"\g<1>%d 00000000 %08X" % (_bit(bits != 0), bits), data)
        for true, other in _OTHERWISE.get(self._variable, {}).items():
            if data.endswith((f'"{true}"'.encode(), f'"{true}"}}'.encode())):
                return data.replace(f'"{true}"'.encode(), f'"{other}"'.encode())
        return None

    def _model(self) -> str:
        return self._options.get("model", "SIM ZD621-203dpi")

    def _firmware(self) -> str:
        return self._options.get("firmware", "V93.21.26Z")

    def _serial(self) -> str:
        return self._options.get("serial_number", "SIM0000001")


def _bit(on: bool) -> int:
    return 1 if on else 0
